"""The words that mail programs and people put around a message's own text, by language: tables only.

`zones` decides with them. A language that is missing here costs marks, not text: what is not recognised stays
new, and what stands in a parent is still found by comparison (`novelty`).
"""

from __future__ import annotations

# "On 2 May 2026 at 09:00, Ann <ann@alder.example> wrote:" -- what stands before the date …
ATTRIBUTION_STARTS = {
    "en": "On|At|In message|In article|Quoting|Citing",
    "de": "Am|Um|Zitat von|Zitiere",
    "fr": "Le|Selon|Quoting",
    "es": "El|El día|Citando a|Con fecha",
    "it": "Il|Il giorno|In data|Citando|Alle",
    "pt": "Em|No dia",
    "nl": "Op|Citeren",
    "sv": "Den|Citerar",
    "da": "Den|D\\.|Citat",
    "no": "På|Den|Siterer",
    "fi": "Lainaus",
    "cs": "Dne|Citace",
    "pl": "W dniu|Dnia|Cytowanie",
    "ru": "Цитирую",
    "hu": "Ekkor",
    "zh": "在|于",
}
# … and the verb, before or behind the name.
WROTE = {
    "en": "wrote|writes|write|said|says|has written|typed|scribbled|spake",
    "de": "schrieb|schrieben|schreibt|geschrieben|meinte",
    "fr": "a écrit|à écrit|a ecrit|écrivait|ecrivait|écrit",
    "es": "escribió|escribio|ha escrito|escribía",
    "it": "ha scritto|scrive|scriveva|scrisse",
    "pt": "escreveu|escreveram",
    "nl": "schreef|geschreven|schrijft",
    "sv": "skrev|skrivit|skriver",
    "fi": "kirjoitti",
    "cs": "napsal|napsala|napsal\\(a\\)|napsal/a|píše|napísal|napísal\\(a\\)",
    "pl": "napisał|napisała|napisał\\(a\\)|pisze|napisano",
    "ru": "написал|написала|написал\\(а\\)|пишет|писал|писала",
    "uk": "пише|написав|написала",
    "hu": "írta|ezt írta",
    "ro": "a scris",
    "tr": "yazdı|şunu yazdı",
    "el": "έγραψε",
    "ca": "va escriure",
    "hr": "je napisao|je napisala|napisao je",
    "zh": "写道|寫道|写到",
    "ja": "のメール|のメッセージ|書きました|wrote",
    "ko": "작성|님이 작성|님이 씀",
}
WEEKDAYS = {
    "en": "mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday"
    "|sunday",
    "de": "mo|di|mi|do|fr|sa|so|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag",
    "fr": "lun|mar|mer|jeu|ven|sam|dim|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    "es": "lun|mié|jue|vie|sáb|dom|lunes|martes|miércoles|jueves|viernes|sábado|domingo",
    "it": "gio|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica",
    "pt": "seg|ter|qua|qui|sex|sáb|segunda|terça|quarta|quinta|sexta",
    "nl": "ma|di|wo|do|vr|za|zo|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag",
    "sv": "mån|tis|ons|tors|fre|lör|sön|man|tir|lør|søn",
    "fi": "ma|ti|ke|to|pe|la|su",
    "cs": "po|út|st|čt|pá|so|ne",
    "pl": "pon|wt|śr|czw|pt|sob|niedz",
    "ru": "пн|вт|ср|чт|пт|сб|вс",
}

# The header lines above a message, as Outlook, Apple Mail, Gmail, Lotus Notes and others put them.
SENDER_FIELDS = {
    "en": "from",
    "de": "von",
    "fr": "de|expéditeur",
    "es": "de|remitente",
    "it": "da|mittente",
    "pt": "de|remetente",
    "nl": "van|afzender",
    "sv": "från",
    "da": "fra",
    "no": "fra",
    "fi": "lähettäjä|keneltä",
    "cs": "od|odesílatel",
    "pl": "od|nadawca",
    "ru": "от|от кого|отправитель",
    "uk": "від",
    "hu": "feladó",
    "ro": "de la|expeditor",
    "tr": "kimden|gönderen",
    "el": "από",
    "zh": "发件人|寄件者|寄件人|發件人",
    "ja": "差出人|送信者",
    "ko": "보낸 사람|발신",
}
OTHER_FIELDS = {
    "en": "sent|date|to|cc|bcc|subject|reply-to|sent by|organization|message-id|attachments|importance"
    "|resent-from",
    "de": "gesendet|gesendet am|datum|an|betreff|kopie|blindkopie|antwort an|bcc|priorität|anlagen",
    "fr": "envoyé|envoyé le|date|à|a|objet|copie|copie à|destinataire|pièces jointes|sujet",
    "es": "enviado|enviado el|fecha|para|asunto|cco|cc",
    "it": "inviato|data|a|oggetto|ccn|per conoscenza",
    "pt": "enviado|enviada em|enviada|enviado em|data|para|assunto|cco",
    "nl": "verzonden|datum|aan|onderwerp",
    "sv": "skickat|datum|till|ämne|kopia",
    "da": "sendt|dato|til|emne|vedr",
    "fi": "lähetetty|päiväys|päivämäärä|vastaanottaja|kopio|aihe|kenelle|päivä",
    "cs": "odesláno|datum|komu|kopie|předmět|předmet",
    "pl": "wysłano|wysłane|data|do|dw|temat|kopia",
    "ru": "отправлено|дата|кому|копия|тема|кому",
    "uk": "надіслано|дата|кому|тема",
    "hu": "elküldve|küldve|dátum|címzett|másolatot kap|tárgy",
    "ro": "trimis|data|către|subiect",
    "tr": "gönderildi|tarih|kime|konu|bilgi",
    "el": "στάλθηκε|ημερομηνία|προς|θέμα",
    "zh": "发送时间|发送日期|日期|收件人|抄送|主题"
    "|寄件日期|收件者|副本|主旨|發送時間|主題|时间|传送日期|傳送日期|答复",
    "ja": "送信日時|日付|日時|宛先|件名|受信者",
    "ko": "보낸 날짜|날짜|받는 사람|참조|제목",
}

# "-----Original Message-----": a reply stands above it.
ORIGINALS = {
    "en": "original message|original appointment|original mail|original email|reply message",
    "de": "ursprüngliche nachricht|urspruengliche nachricht|ursprüngliche mail|ursprüngliche e-mail"
    "|originalnachricht|original-nachricht|originalmail|ursprünglicher termin",
    "fr": "message d'origine|message d’origine|message original|message initial|rendez-vous d'origine",
    "es": "mensaje original|correo original",
    "it": "messaggio originale|messaggio originario",
    "pt": "mensagem original",
    "nl": "oorspronkelijk bericht|origineel bericht",
    "sv": "ursprungligt meddelande|originalmeddelande",
    "da": "oprindelig meddelelse|original meddelelse|original besked",
    "no": "opprinnelig melding|original melding",
    "fi": "alkuperäinen viesti",
    "cs": "původní zpráva|původní e-mail|pôvodná správa",
    "pl": "wiadomość oryginalna|oryginalna wiadomość|treść oryginalnej wiadomości",
    "ru": "исходное сообщение|оригинальное сообщение|исходное письмо|первоначальное сообщение",
    "hu": "eredeti üzenet",
    "tr": "özgün ileti|orijinal mesaj|orjinal mesaj",
    "zh": "原始邮件|原邮件|邮件原件|原始郵件|原始信件|回复的原邮件|回复的邮件",
    "ja": "元のメッセージ|元のメール",
    "ko": "원본 메시지|원본 메일",
}
# "---------- Forwarded message ---------": what stands below is new to the reader.
FORWARDS = {
    "en": "forwarded message|forwarded mail|forwarded email|begin forwarded message"
    "|start of forwarded message|forwarded message follows|end of forwarded message|end forwarded message",
    "de": "weitergeleitete nachricht|anfang der weitergeleiteten nachricht|weitergeleitete mail"
    "|anfang der weitergeleiteten e-mail|beginn der weitergeleiteten nachricht",
    "fr": "message transféré|début du message transféré|message réexpédié|début du message réexpédié"
    "|message transmis",
    "es": "mensaje reenviado|inicio del mensaje reenviado",
    "it": "messaggio inoltrato|inizio messaggio inoltrato|inizio del messaggio inoltrato",
    "pt": "mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada"
    "|início da mensagem reencaminhada",
    "nl": "doorgestuurd bericht|begin doorgestuurd bericht",
    "sv": "vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mejl",
    "da": "videresendt meddelelse|videresendt besked|start på videresendt besked",
    "no": "videresendt melding|videresendt e-post|start på videresendt melding",
    "fi": "välitetty viesti|välitetty viesti alkaa|edelleenlähetetty viesti",
    "cs": "přeposlaná zpráva|začátek přeposlané zprávy|předávaná zpráva|preposlaná správa",
    "pl": "przekazana wiadomość|wiadomość przekazana|początek przekazywanej wiadomości",
    "ru": "пересылаемое сообщение|перенаправленное сообщение|начало переадресованного сообщения"
    "|пересланное сообщение|начало пересылаемого сообщения",
    "hu": "továbbított üzenet|továbbított levél",
    "tr": "iletilen mesaj|iletilmiş ileti",
    "zh": "转发的邮件|转发邮件信息|开始转发的邮件|转发的消息|轉寄的郵件|轉寄訊息|开始转发的信息|轉寄郵件",
    "ja": "転送メッセージ|転送されたメッセージ|転送メール|ここから転送されたメッセージ",
    "ko": "전달된 메시지|전달된 메일",
}
# Lotus Notes: "----- Forwarded by Ann Fox/Alder on 02.05.2026 09:00 -----"
FORWARDED_BY = (
    "forwarded by", "weitergeleitet von", "transféré par", "reenviado por", "inoltrato da",
    "encaminhado por", "doorgestuurd door", "vidarebefordrat av", "videresendt af", "videresendt av",
)  # fmt: skip

REPLY_SUBJECTS = (
    "re|aw|antw|antwort|sv|vs|ref|res|rif|rv|odp|ynt|atb|bls|vá|αη|απ|отв|ответ|回复|回覆|答复|返信|답장|r|y"
)
FORWARD_SUBJECTS = (
    "fw|fwd|wg|tr|rv|enc|i|doorst|vl|vb|vidarebefordrat|videresendt|vs fwd|pd|转发|轉寄|転送|전달|пер|itt"
)

# A line of its own that a phone or a mail program adds; "{}" is any device.
SENT_FROM = {
    "en": "sent from |sent via |sent with |sent on the go|get outlook for |get bluemail|sent using "
    "|download outlook|from my iphone|from my ipad|from my android",
    "de": "gesendet von |gesendet mit |gesendet über |gesendet aus |von meinem |von unterwegs|von meiner "
    "|diese nachricht wurde von meinem |outlook für |holen sie sich outlook|versendet mit ",
    "fr": "envoyé de |envoyé depuis |envoyé à partir de |envoyé par |envoyé avec |provenance : "
    "|télécharger outlook|obtenir outlook |obtenez outlook ",
    "es": "enviado desde |enviado con |enviado por |obtener outlook |enviado mediante ",
    "it": "inviato da |inviato dal |inviato con |inviato tramite |scarica outlook |ottieni outlook ",
    "pt": "enviado do |enviado de |enviado a partir |enviado via |enviado pelo |obter o outlook "
    "|obtenha o outlook ",
    "nl": "verzonden vanaf |verstuurd vanaf |verzonden met |verstuurd met |verzonden via |outlook voor "
    "|verstuurd via ",
    "sv": "skickat från |skickades från |skickat via |skickat med |hämta outlook |skaffa outlook ",
    "da": "sendt fra |sendt med |sendt via |hent outlook |få outlook |skaff deg outlook |last ned outlook",
    "fi": "lähetetty |hanki outlook ",
    "cs": "odesláno z |odesláno ze |odesláno pomocí |odoslané z |získat outlook |stáhnout outlook ",
    "pl": "wysłane z |wysłano z |wysłane ze |pobierz outlook |pobierz aplikację outlook ",
    "ru": "отправлено с |отправлено из |отправлено от |послано с |скачать outlook |получить outlook ",
    "uk": "надіслано з ",
    "hu": "iphone-ról küldve|küldve innen",
    "tr": "iphone'umdan gönderildi|ipad'imden gönderildi|outlook'u edinin",
    "zh": "发自我的|發自我的|从我的|來自我的|从 iphone 发送|发自 |获取适用于|寄自|傳自|发送自",
    "ja": "iphoneから送信|ipadから送信|iphone から送信|outlook を入手|androidから送信|outlook for",
    "ko": "나의 iphone에서 보냄|내 iphone에서|iphone에서 보냄",
}
# How such a line ends where its verb comes last; it also names a device.
SENT_ENDS = (
    "gesendet", "gesendet.", "versendet", "geschickt", "から送信", "에서 보냄", "gönderildi", "küldve",
    "verstuurd",
)  # fmt: skip
DEVICES = (
    "iphon", "ipad", "android", "blackberry", "samsung", "galaxy", "handy", "smartphone", "mobil",
    "huawei", "nokia", "windows", "phone", "outlook", "mail", "tablet", "pixel", "xiaomi", "htc", "sony",
    "motorola", "device", "telefon", "tél", "móvil", "celular", "cellulare", "mobiel", "puhelim", "手机",
    "手機", "邮箱", "proton", "treo", "palm", "pda", "wireless", "ipod", "oneplus", "sailfish", "sparrow",
    "yahoo", "gmail", "gmx",
)  # fmt: skip

CLOSINGS = {
    "en": "best regards|kind regards|regards|warm regards|warmest regards|with kind regards"
    "|with best regards|sincerely|yours sincerely|sincerely yours|yours faithfully|yours truly"
    "|best wishes|all the best|best|cheers|thanks|thank you|many thanks|thanks and regards"
    "|thanks & regards|thanks again|respectfully|cordially|br|rgds|kr|ciao",
    "de": "mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichen gruessen"
    "|mit freundlichem gruß|mit freundlichem gruss|freundliche grüße|freundliche grüsse|viele grüße"
    "|viele grüsse|beste grüße|beste grüsse|liebe grüße|herzliche grüße|schöne grüße|mfg"
    "|mit besten grüßen|hochachtungsvoll|gruß|grüße|lg|vg|vielen dank|danke|mit herzlichen grüßen"
    "|mit vielen grüßen|besten dank",
    "fr": "cordialement|bien cordialement|très cordialement|bien à vous|sincèrement"
    "|meilleures salutations|salutations|sincères salutations|amicalement|bonne journée|bonne réception"
    "|merci|merci d'avance|cdlt",
    "es": "saludos|un saludo|saludos cordiales|un cordial saludo|atentamente|cordialmente|gracias"
    "|muchas gracias|reciba un cordial saludo|un abrazo",
    "it": "cordiali saluti|distinti saluti|saluti|un saluto|cordialmente|grazie|un cordiale saluto"
    "|buona giornata",
    "pt": "atenciosamente|cumprimentos|com os melhores cumprimentos|melhores cumprimentos|abraços|abraço"
    "|obrigado|obrigada|cordialmente|att",
    "nl": "met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|groet"
    "|groeten|hartelijke groet|mvg|bedankt|met groet|hoogachtend",
    "sv": "med vänlig hälsning|med vänliga hälsningar|vänliga hälsningar|vänligen|hälsningar|mvh|hälsning"
    "|tack",
    "da": "med venlig hilsen|venlig hilsen|mange hilsner|hilsen|bedste hilsner|vh|mvh|tak",
    "no": "med vennlig hilsen|vennlig hilsen|hilsen|beste hilsen|takk",
    "fi": "ystävällisin terveisin|terveisin|parhain terveisin|t|yt|kiitos|yst.terv",
    "cs": "s pozdravem|s přátelským pozdravem|s úctou|děkuji|s pozdravom",
    "pl": "pozdrawiam|z poważaniem|z wyrazami szacunku|pozdrowienia|serdecznie pozdrawiam|dziękuję",
    "ru": "с уважением|с наилучшими пожеланиями|всего доброго|спасибо|всего наилучшего",
    "hu": "üdvözlettel|tisztelettel|köszönettel",
    "zh": "此致|敬礼|祝好|谢谢|顺祝商祺|此致敬礼|順頌商祺|谨启",
    "ja": "以上|敬具|よろしくお願いします|よろしくお願いいたします|宜しくお願い致します",
}

# One of these at least is in a paragraph of boilerplate, so that most need no other look …
BOILERPLATE_ANCHORS = (
    "confidential", "confidencia", "confidentiel", "konfiden", "privileg", "intended", "virus",
    "printing", "originated from", "addressee", "disclaimer", "vertraulich", "bestimmt", "irrtümlich",
    "umwelt", "riservat", "destinat", "confidenzial", "geadresseerde", "vertrouwelijk", "bestemd",
    "avsedd", "fortrolig", "luottamuks", "důvěrn", "dôvern", "určen", "poufn", "конфиденциальн",
    "предназначен", "保密", "机密", "機密", "誤",
)  # fmt: skip
# … and three of one language.
DISCLAIMERS = {
    "en": "confidential|intended recipient|intended only|intended solely|intended for the"
    "|legally privileged|privileged|unauthorized|unauthorised|received this e-mail in error"
    "|received this email in error|received this message in error|received it in error|in error"
    "|notify the sender|delete this|delete it|destroy|virus|any attachments|do not necessarily"
    "|strictly prohibited|this e-mail|this email|this message|this communication|disclos|before printing"
    "|save paper|disclaimer|addressee|copying|dissemination|liability|entity to which|entity to whom"
    "|outside of the organization|outside your organization|outside the organization|do not click",
    "de": "vertraulich|rechtlich geschützt|bestimmungsgemäß|irrtümlich|richtige adressat|informieren sie"
    "|absender|vernichten|unerlaubte|unbefugte|weitergabe|nicht gestattet|diese e-mail|diese mail"
    "|diese nachricht|e-mail enthält|viren|haftung|umwelt|ausdrucken|nicht der beabsichtigte|löschen sie",
    "fr": "confidentiel|destinataire|par erreur|avertir|expéditeur|détruire|supprimer|ce message"
    "|ce courriel|toute diffusion|interdite|intégrité|décline toute responsabilité|pièces jointes"
    "|usage exclusif|avant d'imprimer|non autorisée",
    "es": "confidencial|destinatario|por error|notifi|remitente|este mensaje|este correo|elimin|prohibid"
    "|no autorizad|privilegiad|antes de imprimir|medio ambiente|divulgación|vigente",
    "it": "riservat|confidenzial|destinatari|per errore|mittente|questo messaggio|questa e-mail|vietat"
    "|distrugg|cancell|avvertir|d.lgs|privacy|prima di stampare|ambiente",
    "pt": "confidencia|destinatári|por engano|por erro|remetente|esta mensagem|este e-mail|apag|proibid"
    "|elimin|não autorizad|antes de imprimir|meio ambiente|sigilo",
    "nl": "vertrouwelijk|geadresseerde|ten onrechte|abusievelijk|afzender|dit bericht|deze e-mail"
    "|vernietigen|bestemd voor|verwijderen|openbaarmaking|aansprakelijk|milieu|niet toegestaan",
    "sv": "konfidentiell|avsedd|mottagaren|av misstag|avsändaren|detta meddelande|radera|fortrolig"
    "|modtager|ved en fejl|afsender|denne e-mail|denne mail|slet|mottaker|avsender|denne e-posten|slett"
    "|feilsending",
    "fi": "luottamuksellinen|vastaanottaja|erehdyksessä|lähettäjä|tämä viesti|tämä sähköposti|poista"
    "|tarkoitettu",
    "cs": "důvěrn|adresát|omylem|odesílatel|tato zpráva|tento e-mail|vymaž|smaž|určen|neoprávněn|dôvern",
    "pl": "poufn|adresat|omyłkow|nadawc|ta wiadomość|niniejsza wiadomość|usun|zabronion|przeznaczon",
    "ru": "конфиденциальн|адресат|по ошибке|отправител|это сообщение|данное сообщение|удалит|предназначен"
    "|получател",
    "zh": "保密|机密|機密|收件人|误收|誤收|删除|刪除|本邮件|本郵件|此邮件|未经授权|法律责任|泄露",
    "ja": "機密|宛先|受信者|誤って|誤送信|削除|本メール|このメール|開示|複製|禁じ",
}
# Of list software and services that send on behalf of others, one is enough, at a message's rim.
LIST_FOOTERS = (
    "to unsubscribe", "unsubscribe from", "unsubscribe:", "mailing list", "listinfo", "list-unsubscribe",
    "to post to", "you received this message because", "you are receiving this because",
    "reply to this email directly", "view it on github", "manage your subscription", "manage preferences",
    "update your preferences", "email preferences", "mailinglist", "majordomo", "vom newsletter abmelden",
    "newsletter abbestellen", "abmelden", "se désabonner", "se désinscrire", "darse de baja",
    "cancellati", "descadastr", "cancelar subscrição", "uitschrijven", "avregistrera", "afmeld", "avmeld",
    "peruuta tilaus", "odhlásit", "wypisz się", "отписаться", "退订", "取消订阅", "配信停止", "virus-free",
    "checked for viruses", "scanned by", "please consider the environment", "yahoo! groups",
    "more majordomo info", "please read the faq", "do you yahoo!", "get your free email",
    "join the world's largest e-mail service", "msn photos", "get your private, free",
    "chat with friends online", "this sf.net email is sponsored", "sponsored by",
)  # fmt: skip
