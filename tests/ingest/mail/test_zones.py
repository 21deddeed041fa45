"""Zones by their looks: the ways of mail programs and people, in many languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mail.zones import zones
from ingest.readers.draft import Kind
from ingest.readers.hypertext import mail_text
from tests.support.linear import grows_evenly

ANN = "Ann Fox <ann@alder.example>"


def told(body: str, subject: str = "Re: Plan", sender: str = "") -> list[tuple[str, str]]:
    return [(kind.value, piece) for kind, piece in zones(body, subject, sender)]


def kinds(body: str, subject: str = "Re: Plan", sender: str = "") -> list[str]:
    return [kind for kind, _ in told(body, subject, sender)]


ATTRIBUTIONS = [
    f"On Mon, 2 Mar 2026 at 09:00, {ANN} wrote:",
    f"On Mon, Mar 2, 2026 at 9:00 AM {ANN}\nwrote:",
    "On Monday, March 2, 2026, 9:00:12 AM GMT+1, Ann Fox wrote:",
    f"On 2 Mar 2026, at 09:00, {ANN} wrote:",
    f"At 09:00 02/03/2026 +0100, {ANN} wrote:",
    f"Quoting {ANN}, on 2026-03-02:",
    "Ann Fox wrote on 02/03/2026 09:00:",
    f"* {ANN} [2026-03-02 09:00:00 +0100]:",
    "In article <123@alder.example> ann@alder.example writes:",
    f"Am 02.03.2026 um 09:00 schrieb {ANN}:",
    "Am Mo., 2. März 2026 um 09:00 Uhr schrieb Ann Fox\n<ann@alder.example>:",
    "Ann Fox schrieb am 02.03.2026 um 09:00:",
    f"Gesendet: Montag, 02. März 2026 um 09:00 Uhr, {ANN} schrieb:",
    f"Le lun. 2 mars 2026 à 09:00, {ANN} a écrit :",
    "Le 2 mars 2026 à 09:00, Ann Fox\n<ann@alder.example> a écrit\u00a0:",
    f"El lun, 2 mar 2026 a las 9:00, {ANN} escribió:",
    f"Il giorno lun 2 mar 2026 alle ore 09:00 {ANN} ha\nscritto:",
    f"Il 02/03/2026 09:00, {ANN} ha scritto:",
    f"Em seg., 2 de mar. de 2026 às 09:00, {ANN} escreveu:",
    f"Op ma 2 mrt 2026 om 09:00 schreef {ANN}:",
    f"Den mån 2 mars 2026 kl 09:00 skrev {ANN}:",
    f"Den man. 2. mar. 2026 kl. 09.00 skrev {ANN}:",
    f"man. 2. mars 2026 kl. 09:00 skrev {ANN}:",
    "ma 2. maalisk. 2026 klo 9.00 Ann Fox (ann@alder.example) kirjoitti:",
    f"Dne 2.3.2026 v 9:00 {ANN} napsal(a):",
    f"po 2. 3. 2026 v 9:00 odesílatel {ANN} napsal:",
    f"W dniu 2.03.2026 o 09:00, {ANN} pisze:",
    f"пн, 2 мар. 2026 г. в 09:00, {ANN}:",
    f"Понедельник, 2 марта 2026, 9:00 +03:00 от {ANN}:",
    "02.03.2026 09:00, Ann Fox пишет:",
    f"{ANN} 于2026年3月2日周一 09:00写道：",
    '在 2026-03-02 09:00:00，"Ann Fox" <ann@alder.example> 写道：',
    f"2026年3月2日(月) 9:00 {ANN}:",
    f"2026/03/02 9:00、{ANN}のメール:",
    f"2026년 3월 2일 (월) 오전 9:00, {ANN}님이 작성:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_who_wrote_what_is_quoted_is_no_news(attribution: str) -> None:
    assert told(f"Agreed.\n\n{attribution}\n> Friday?\n\nJörg will come.") == [
        ("paragraph", "Agreed."),
        ("quoted", f"{attribution}\n> Friday?"),
        ("paragraph", "Jörg will come."),
    ]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS[:4] + ATTRIBUTIONS[9:11] + ATTRIBUTIONS[13:17])
def test_an_unmarked_quotation_runs_to_the_end(attribution: str) -> None:
    assert kinds(f"Agreed.\n\n{attribution}\n\nFriday?\n\nAnn") == ["paragraph", "quoted"]


BLOCKS = {
    "en": "From: {}\nSent: Monday, March 2, 2026 9:00 AM\nTo: Jörg <j@a.example>\nSubject: Plan",
    "bold": "*From:* {}\n*Sent:* Monday, March 2, 2026 9:00 AM\n*To:* Jörg\n*Subject:* Plan",
    "folded": "From: {}\nSent: Monday, March 2, 2026\nTo: Jörg <j@a.example>; Eva <e@a.example>;"
    "\n Max <m@a.example>"
    "\nSubject: Plan",
    "notes": "From:\t{}\nTo:\tJörg\nDate:\t02.03.2026 09:00\nSubject:\tPlan",
    "de": "Von: {}\nGesendet: Montag, 2. März 2026 09:00\nAn: Jörg\nBetreff: Plan",
    "fr": "De : {}\nEnvoyé : lundi 2 mars 2026 09:00\nÀ : Jörg\nObjet : Plan",
    "es": "De: {}\nEnviado el: lunes, 2 de marzo de 2026 9:00\nPara: Jörg\nAsunto: Plan",
    "it": "Da: {}\nInviato: lunedì 2 marzo 2026 09:00\nA: Jörg\nOggetto: Plan",
    "pt": "De: {}\nEnviada em: segunda-feira, 2 de março de 2026 09:00\nPara: Jörg\nAssunto: Plan",
    "nl": "Van: {}\nVerzonden: maandag 2 maart 2026 09:00\nAan: Jörg\nOnderwerp: Plan",
    "sv": "Från: {}\nSkickat: den 2 mars 2026 09:00\nTill: Jörg\nÄmne: Plan",
    "da": "Fra: {}\nSendt: 2. marts 2026 09:00\nTil: Jörg\nEmne: Plan",
    "fi": "Lähettäjä: {}\nLähetetty: maanantai 2. maaliskuuta 2026 9.00\nVastaanottaja: Jörg\nAihe: Plan",
    "cs": "Od: {}\nOdesláno: pondělí 2. března 2026 9:00\nKomu: Jörg\nPředmět: Plan",
    "pl": "Od: {}\nWysłano: poniedziałek, 2 marca 2026 09:00\nDo: Jörg\nTemat: Plan",
    "ru": "От: {}\nОтправлено: 2 марта 2026 г. 9:00\nКому: Jörg\nТема: Plan",
    "zh": "发件人: {}\n发送时间: 2026年3月2日 9:00\n收件人: Jörg\n主题: Plan",
    "wide": "发件人：{}\n日期：2026年3月2日 9:00\n收件人：Jörg\n主题：Plan",
    "ja": "差出人: {}\n送信日時: 2026年3月2日 9:00\n宛先: Jörg\n件名: Plan",
    "notes 5": "05/01/2026 05:36 PM\nTo: Jörg <j@a.example>, {}\ncc:\n\nSubject: Plan",
    "unknown": "________________________________\nMulingana: {}\nBalandi: 2 2026 9:00\nSiku: "
    "Jörg\nMutu: Plan",
}


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_the_header_of_the_mail_below(block: str) -> None:
    body = f"Agreed.\n\n{block.format(ANN)}\n\nFriday?\n\nAnn\n"
    assert kinds(body) == ["paragraph", "quoted"]
    forwarded = told(body, "Fwd: Plan")
    assert [kind for kind, _ in forwarded] == ["paragraph", "forwarded", "paragraph", "paragraph"]
    assert forwarded[2][1] == "Friday?"


@pytest.mark.parametrize(
    "separator",
    [
        "-----Original Message-----",
        "-------- Original Message --------",
        "----- Ursprüngliche Nachricht -----",
        "-----Message d'origine-----",
        "-----Mensaje original-----",
        "-----Messaggio originale-----",
        "-----Mensagem original-----",
        "-----Oorspronkelijk bericht-----",
        "-----Ursprungligt meddelande-----",
        "-----Oprindelig meddelelse-----",
        "-----Opprinnelig melding-----",
        "-----Alkuperäinen viesti-----",
        "-----Původní zpráva-----",
        "-----Исходное сообщение-----",
        "------------------ 原始邮件 ------------------",
        "-----元のメッセージ-----",
    ],
)
def test_words_above_an_earlier_message(separator: str) -> None:
    assert kinds(f"Agreed.\n\n{separator}\n\nFriday?") == ["paragraph", "quoted"]


@pytest.mark.parametrize(
    "separator",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "Anfang der weitergeleiteten Nachricht:",
        "Début du message réexpédié :",
        "---------- Mensaje reenviado ---------",
        "Inizio messaggio inoltrato:",
        "---------- Mensagem encaminhada ---------",
        "Begin doorgestuurd bericht:",
        "Vidarebefordrat brev:",
        "---------- 转发的邮件 ---------",
        "----- Forwarded by Ann Fox/Alder on 02.03.2026 09:00 -----",
    ],
)
def test_what_is_forwarded_is_new_whatever_the_subject(separator: str) -> None:
    body = (
        f"For your files.\n\n{separator}\nFrom: {ANN}\nDate: Mon, 2 Mar 2026\nSubject: Rent\n"
        "\nIt rises in May.\n"
    )
    assert kinds(body, "Re: Rent") == ["paragraph", "forwarded", "paragraph"]


def test_a_forward_between_quote_marks() -> None:
    body = (
        f"> Begin forwarded message:\n>\n> From: {ANN}\n> Date: 2 March\n> Subject: Rent\n>\n>"
        " It rises.\n>> Why?\n"
    )
    assert kinds(f"FYI\n\n{body}", "Fwd: Rent") == [
        "paragraph",
        "forwarded",
        "paragraph",
        "quoted",
    ]


def test_a_mail_that_is_nothing_but_an_earlier_one_is_new() -> None:
    assert kinds(f"{BLOCKS['en'].format(ANN)}\n\nFriday?") == ["forwarded", "paragraph"]
    assert kinds(f"On Mon, 2 Mar 2026 at 09:00, {ANN} wrote:\n\nFriday?") == ["quoted", "paragraph"]


def test_answers_between_the_lines() -> None:
    body = (
        f"{ATTRIBUTIONS[0]}\n> Friday?\n\nYes.\n\n> At nine?\nNo, at ten.\n> And the plan?\n>"
        "\n\n\nI bring it."
    )
    assert told(body) == [
        ("quoted", f"{ATTRIBUTIONS[0]}\n> Friday?"),
        ("paragraph", "Yes."),
        ("quoted", "> At nine?"),
        ("paragraph", "No, at ten."),
        ("quoted", "> And the plan?\n>"),
        ("paragraph", "I bring it."),
    ]


def test_an_answer_below_what_was_left_out_is_new() -> None:
    body = f"Hello,\n\n{ATTRIBUTIONS[0]}\n[...]\nYes, and I bring the plan."
    assert kinds(body) == ["paragraph", "quoted", "paragraph"]


def test_an_answer_below_a_header_and_marked_lines_is_new() -> None:
    body = f"Hello,\n\n{BLOCKS['en'].format(ANN)}\n\n> Friday?\n\nYes."
    assert kinds(body) == ["paragraph", "quoted", "paragraph"]


def test_an_attribution_without_a_date_above_an_unmarked_quotation() -> None:
    assert kinds(f"Agreed.\n\n{ANN} wrote:\nFriday?") == ["paragraph", "quoted"]


@pytest.mark.parametrize("sign", ")}%=#")
def test_a_mark_of_ones_own(sign: str) -> None:
    body = f"Hello,\n\n{ATTRIBUTIONS[0]}\n{sign} Friday?\n{sign} Or later?\n\nYes.\n\n{sign} Where?\n\nThere."
    assert kinds(body) == ["paragraph", "quoted", "paragraph", "quoted", "paragraph"]


@pytest.mark.parametrize("mark", [": ", ">", "> > ", "| ", "AF> ", "Ann>> ", "  > ", "＞ "])
def test_marks(mark: str) -> None:
    assert kinds(f"Agreed.\n\n{mark}Friday?\n{mark}Or later?\n") == ["paragraph", "quoted"]


@pytest.mark.parametrize(
    "text",
    [
        "--- a/probe.c\n+++ b/probe.c\n@@ -1,3 +1,3 @@\n > kept\n-> old\n+> new\n \n@@ -9 +9 "
        "@@\n From: x\n+To: y",
        "Index: probe.c\n=======\n@@ -1 +1 @@\n-On Mon, 2 Mar 2026, ann@alder.example wrote:\n+nothing",
        "12c13\n< old line\n---\n> new line\n20a22,23\n> one\n> two",
        ">>> import math\n>>> math.pi\n3.14",
        "> summary(rents)\nMin. 1st Qu.\n> plot(rents)\nA window opens.",
        "From: here on, things improve.\nTo: be honest, they had to.",
        "She wrote: nothing.\nHe wrote:\nA letter.",
        "| room | size |\n| hall | 40 m² |",
        "Index: a.c\n=======\nRCS file: /cvs/a.c,v\nann@alder.example\nann@alder.example",
        "SQL> select 1;\nSQL> quit",
        "Three cases:\n- rent\n- heat\nAt 9:00 we meet:\n- Ann\n- Max",
        ">From the stair one sees the mill.",
        "Rates:\n5 > 4\na -> b",
        "We meet\n--------------------\nat nine.\n\nBring the plan, please, all of you.",
        "I will join the mailing list.",
        "Sent from the county today: two letters.",
        "The message is confidential, so she said.",
        "2026-03-02: on Monday the county calls ann@alder.example about:\nthe stair.",
        "Rules for us all.\n\n"
        + "Reports are confidential, privileged, and for the addressee. We keep them. " * 20,
        "Here they are.\n\n- Plan of the Stair.doc",
    ],
)
def test_what_only_looks_like_it_stays_new(text: str) -> None:
    assert set(kinds(text, "Plan")) == {"paragraph"}


def test_a_patch_below_the_signature_is_new() -> None:
    patch = "--- a/probe.c\n+++ b/probe.c\n@@ -1 +1 @@\n-old\n+new"
    assert kinds(f"Please apply.\n\n-- \nAnn\n\n{patch}\n-- \n2.30.2\n") == [
        "paragraph",
        "signature",
        "paragraph",
        "signature",
    ]


SENT_FROM = [
    "Sent from my iPhone",
    "Sent from Yahoo Mail on Android",
    "Get Outlook for iOS<https://aka.ms/o0ukef>",
    "Sent from Mail for Windows",
    "Von meinem iPhone gesendet",
    "Gesendet von Mail für Windows 10",
    "Diese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Enviado do meu iPhone",
    "Verstuurd vanaf mijn iPhone",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "Odesláno z iPhonu",
    "Wysłane z iPhone'a",
    "Отправлено с iPhone",
    "发自我的iPhone",
    "iPhoneから送信",
]


@pytest.mark.parametrize("line", SENT_FROM)
def test_what_a_phone_says_of_itself(line: str) -> None:
    body = f"Agreed.\n\n{line}\n\n{ATTRIBUTIONS[0]}\n> Friday?\n"
    assert told(body)[:2] == [("paragraph", "Agreed."), ("signature", line)]
    assert kinds(body) == ["paragraph", "signature", "quoted"]


@pytest.mark.parametrize(
    "block",
    [
        "-- \nAnn Fox\nAlder House",
        "--\nAnn",
        "Best regards,\nAnn Fox\nAlder House\nPhone +44 20 7946 0000",
        "Mit freundlichen Grüßen\n\nAnn Fox\nTel.: 030 5550 1234",
        "Cordialement,\nAnn Fox\nann@alder.example",
        "Ann Fox\nann@alder.example\n(555) 346-9947",
        "- Ann",
    ],
)
def test_signatures(block: str) -> None:
    body = f"Friday suits me.\nI bring the plan of the stair, and Max brings the key.\n\n{block}\n"
    assert kinds(body) == ["paragraph", "signature"]
    assert kinds(f"{body}\n\n{ATTRIBUTIONS[0]}\n> Friday?\n") == ["paragraph", "signature", "quoted"]


@pytest.mark.parametrize(
    "text",
    [
        "Friday suits me.\n\nThanks,\nAnn",
        "Friday suits me.\n\nBest regards,\nAnn Fox\nann@alder.example\n\nP.S. The key is below the stone.",
        "His number, as you asked:\n\nMax Roe\n(555) 346-9947\nmax@alder.example",
        "Call me:\n030 5550 1234",
        "--\n" + "\n".join(f"This is the line number {number} of a longer text." for number in range(20)),
    ],
)
def test_a_careful_look_at_signatures(text: str) -> None:
    assert set(kinds(text)) == {"paragraph"}


def test_the_senders_own_block_needs_less_proof() -> None:
    body = "Friday suits me.\n\nAnn Fox\nAlder House\nhttps://alder.example\n"
    assert kinds(body, sender="Ann Fox <ann@alder.example>") == ["paragraph", "signature"]
    assert kinds(body, sender="Max Roe <max@alder.example>") == ["paragraph", "paragraph"]


DISCLAIMERS = [
    "This e-mail is confidential and intended only for the addressee. If you have received this "
    "message in error, "
    "please notify the sender and delete it.",
    "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat "
    "sind, informieren Sie "
    "bitte den Absender und vernichten Sie diese Mail.",
    "Ce message est confidentiel et destiné à l'usage exclusif de son destinataire. Toute "
    "diffusion non autorisée "
    "est interdite.",
    "Este mensaje es confidencial. Si no es el destinatario, notifique al remitente y elimine el mensaje.",
    "Questo messaggio è riservato ai destinatari indicati. Se ricevuto per errore, avvertire il mittente.",
    "Esta mensagem é confidencial. Se não for o destinatário, apague a mensagem e avise o remetente.",
    "Dit bericht is vertrouwelijk en alleen bestemd voor de geadresseerde. Wilt u het anders verwijderen?",
    "Denne e-mail er fortrolig. Hvis du ikke er den rette modtager, bedes du slette den og give "
    "afsender besked.",
    "Данное сообщение конфиденциально и предназначено только адресату. Если оно получено по "
    "ошибке, удалите его.",
    "本邮件内容保密，仅供指定收件人使用。如误收本邮件，请立即删除。",
]


@pytest.mark.parametrize("disclaimer", DISCLAIMERS)
def test_boilerplate(disclaimer: str) -> None:
    assert kinds(f"Friday suits me.\n\n{disclaimer}\n") == ["paragraph", "disclaimer"]
    assert kinds(f"Friday suits me.\n\n{disclaimer}\n\n{ATTRIBUTIONS[0]}\n> Friday?") == [
        "paragraph",
        "disclaimer",
        "quoted",
    ]


@pytest.mark.parametrize(
    "footer",
    [
        "_______________________________________________\nroofs mailing list\n"
        "roofs@lists.example\nhttps://l.example/r",
        '--\nTo unsubscribe from this list: send the line "unsubscribe roofs" in\nthe body of a message',
        "-- \nYou received this message because you are subscribed to the group.\nhttps://groups.example",
        "To unsubscribe, write to roofs-leave@lists.example",
        "—\nReply to this email directly, or view it on GitHub.",
    ],
)
def test_footers_of_lists(footer: str) -> None:
    assert kinds(f"Friday suits me.\n\n{footer}\n") == ["paragraph", "disclaimer"]


HTML = {
    "gmail": '<div dir="ltr">Agreed.</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
    'Muna 2 2026 9:00 Ann:<br></div><blockquote class="gmail_quote">Friday?</blockquote></div>',
    "outlook desktop": '<p class="MsoNormal">Agreed.</p><div><div style="border:none;'
    "border-top:solid #E1E1E1 1.0pt;"
    'padding:3.0pt 0cm 0cm 0cm"><p><b>Mulingana:</b> a@b.example<br><b>Balandi:</b> 2 2026 '
    "9:00<br><b>Mutu:</b> x</p>"
    "</div></div><p>Friday?</p>",
    "outlook web": '<div>Agreed.</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg">'
    "<b>From:</b> Ann<br>"
    "<b>Sent:</b> Monday<br><b>To:</b> J<br><b>Subject:</b> Plan</div><div>Friday?</div>",
    "apple": '<div>Agreed.</div><div><blockquote type="cite"><div>On 2 Mar 2026, at 09:00, Ann wrote:</div>'
    "<div>Friday?</div></blockquote></div>",
    "thunderbird": '<p>Agreed.</p><div class="moz-cite-prefix">Muna 2 9:00, Ann:<br></div>'
    '<blockquote type="cite">'
    "Friday?</blockquote>",
    "yahoo": '<div>Agreed.</div><div id="ydp1yahoo_quoted_1" class="ydp1yahoo_quoted"><div>Muna '
    "2, Ann:</div>"
    "<div>Friday?</div></div>",
    "gmx": '<div>Agreed.<div><div name="quote" style="border-left: 2px solid"><b>Gesendet:</b> '
    "Montag, 2. März 2026"
    " um 09:00 Uhr<br/><b>Von:</b> Ann<br/><b>An:</b> J<br/><b>Betreff:</b> Plan</div><div>"
    "Friday?</div></div></div>",
}


@pytest.mark.parametrize("markup", HTML.values(), ids=HTML)
def test_quotations_in_html(markup: str) -> None:
    cut = told(mail_text(markup))
    assert [kind for kind, _ in cut] == ["paragraph", "quoted"]
    assert cut[0][1] == "Agreed."
    assert "Friday?" in cut[1][1]


def test_an_answer_below_gmails_quotation_is_new() -> None:
    markup = (
        '<div class="gmail_quote"><div class="gmail_attr">On Monday Ann wrote:</div><blockquote '
        'class="gmail_quote">'
        "Friday?</blockquote><div>Agreed.</div></div>"
    )
    assert kinds(mail_text(markup)) == ["quoted", "paragraph"]


def test_a_forward_in_gmails_quotation_is_new() -> None:
    markup = (
        '<div>FYI</div><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded '
        "message ---------<br>"
        "From: Ann<br>Date: Mon<br>Subject: Rent<br></div><div>It rises.</div></div>"
    )
    assert kinds(mail_text(markup), "Fwd: Rent") == ["paragraph", "forwarded", "paragraph"]


def test_an_indented_paragraph_in_html_is_new() -> None:
    markup = (
        '<p>Two rooms:</p><blockquote style="margin:0 0 0 40px;border:none;padding:0px">the hall</blockquote>'
    )
    assert set(kinds(mail_text(markup))) == {"paragraph"}


LINES = st.sampled_from(
    [
        "Agreed.", "", "", " ", "> Friday?", ">> At nine?", *ATTRIBUTIONS[:3],
        *BLOCKS["en"].split("\n"), "-- ", "--",
        "-----Original Message-----", "Begin forwarded message:", "@@ -1 +1 @@", "+++ b", "--- a",
        "-old", "12c13",
        "________________________________", "mailing list", *SENT_FROM[:2], DISCLAIMERS[0], "Best regards,",
        "Ann Fox", "ann@alder.example", "AF> so", "| x", ">From x", ">>> f()", "a:", "：", "\t",
        "x" * 200, "wrote:",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=40), st.sampled_from(["", "Re: a", "Fwd: a", "a"]))
def test_nothing_is_lost(lines: list[str], subject: str) -> None:
    body = "\n".join(lines)
    pieces = [piece for _, piece in zones(body, subject)]
    assert "\n".join(pieces).split() == body.split()
    assert all(piece.strip() for piece in pieces)


@given(st.text(alphabet=">|-_:@ \nA0.wrote：", max_size=200))
def test_any_text_is_cut(body: str) -> None:
    assert "".join("".join(piece.split()) for _, piece in zones(body)) == "".join(body.split())


HOSTILE = [
    "x", "\n", " ", ">", "> \n", ">\n\n", ":\n", "a:\n", "On 2 Mar 2026 09:00 a@b wrote:\n",
    "From: a\n", "From: a\n\n",
    "From: a\nTo: b\n", "To: b\nCc: c\nDate: d\n", "--\n", "--\n\n", "-- \nx\n", "-----\n",
    "_" * 40 + "\n", "@", "a@",
    "wrote ", "wrote:", "-----Original Message-----\n", "Begin forwarded message:\n", ">>> a\n\nb\n",
    "> f()\nx\n",
    "AB> x\n", "|\n", "| a\n", "12c13\n< a\n", "@@ -1 +1 @@\n", "--- a\n+++ b\n", "1" * 50 + "\n",
    "+1 1", "(1) ",
    "Ann Fox\na@b.example\n", "Best regards\na@b.example\n\n", DISCLAIMERS[0] + "\n\n", "confidential ",
    "Aa ", "Aa\n",
    "Sent from my iPhone\n", "unsubscribe from\n\n", "*" * 30, "On ", "On 1:00 ", "：", "中", "\u00a0",
    "\t> x\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_cost_no_more_than_their_length(piece: str) -> None:
    assert grows_evenly(lambda text: list(zones(text, "Re: x", "Ann Fox <ann@alder.example>")), piece, 6_000)


def test_kinds_are_those_of_the_draft() -> None:
    assert {kind for kind, _ in zones("a\n> b\n-- \nc")} <= set(Kind)
