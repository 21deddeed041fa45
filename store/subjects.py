"""Subjects of mails: what is left of one without its prefixes, and whether that says enough to join two mails
by it. Pure.
"""

from __future__ import annotations

import re

_REPLY = "re|aw|antw|antwort|sv|vs|ref|rif|res|odp|ynt|vá|r|回复|回覆|答复|答覆|返信"
_FORWARD = "fwd?|wg|tr|rv|enc|i|vl|doorst|vb|pd|ilt|továbbítás|转发|轉寄|転送"
_PREFIX = re.compile(
    rf"\s*(?:(?P<reply>{_REPLY})|(?P<forward>{_FORWARD}))\s*(?:\[\d+\]|\(\d+\))?\s*[:：]", re.IGNORECASE
)
_LABEL = re.compile(r"\s*\[[^\[\]]{1,60}\](?=\s*\S)")  # a list's mark, before or after the prefix
_WORD = re.compile(r"[^\W\d_]+|\d+")

# Alone or together, these say nothing of a matter.
_GENERAL = frozenset(
    """
    hello hallo hola bonjour ciao hey dear greetings gruss grüsse salut test testing question questions
    frage fragen help hilfe info infos information informations update updates news newsletter reminder
    erinnerung invoice invoices rechnung rechnungen facture factura bill receipt quittung order orders
    bestellung offer angebot request anfrage reply antwort answer response meeting meetings termin call
    appointment report reports bericht status minutes protokoll agenda document documents dokument dokumente
    file files datei dateien attachment attachments anhang photo photos foto fotos picture pictures bilder
    scan scanned message messages nachricht mail email mails thanks thank danke merci gracias please bitte
    urgent important wichtig dringend today tomorrow heute morgen yesterday gestern week woche month monat
    new neu neue your ihre dein deine from with about this that subject betreff none kein without ohne
    payment zahlung confirmation bestätigung welcome willkommen notification benachrichtigung alert
    delivery lieferung account konto contract vertrag draft entwurf version final the and for und für
    good guten gute morning birthday geburtstag happy holiday urlaub vacation feedback support contact kontakt
    patch patches pull bug issue fix release announce announcement
    """.split()  # noqa: SIM905
)


def plain_subject(subject: str) -> tuple[str, bool]:
    """A subject without Re:, Fwd: and the marks of lists, in lower case with single spaces, and whether it is
    that of a reply. (RFC 5256 calls it the base subject.)
    """
    rest, replies = subject, False
    while match := _PREFIX.match(rest) or _LABEL.match(rest):
        replies = replies or bool(match.groupdict().get("reply"))
        rest = rest[match.end() :]
    return " ".join(rest.lower().split()), replies


def says_enough(plain: str) -> bool:
    """Whether two mails with this plain subject are likely to be of one matter: it has a word of four letters
    that is not a general one (two, in a script whose words are as short as that), or a number of four digits.
    """
    for word in _WORD.findall(plain):
        if word in _GENERAL:
            continue
        if len(word) >= (4 if word < "\u0600" else 2):
            return True
    return False
