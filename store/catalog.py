"""The catalog: the truth about everything but the original bytes. Its parts stand in one file each: items and
origins, what is in what, filters, texts, passages and vectors, findings, corrections, action items, news,
answers of language models, passwords of documents, mailboxes, conversations, people, kept searches,
questions, digests, tokens.
"""

from __future__ import annotations

from store.actions import ActionTable
from store.answers import AnswerTable
from store.corrections import CorrectionTable
from store.database import Database
from store.digests import DigestTable
from store.filters import FilterTable
from store.findings import FindingTable
from store.items import ItemTable
from store.mailboxes import MailboxTable
from store.news import NewsTable
from store.passages import PassageTable
from store.passwords import PasswordTable
from store.people import PeopleTable
from store.questions import QuestionTable
from store.readings import ReadingTable
from store.searches import SearchTable
from store.threads import ThreadTable
from store.tokens import TokenTable
from store.trees import TreeTable


class Catalog(
    ItemTable,
    TreeTable,
    FilterTable,
    ReadingTable,
    PassageTable,
    FindingTable,
    CorrectionTable,
    ActionTable,
    NewsTable,
    AnswerTable,
    PasswordTable,
    MailboxTable,
    ThreadTable,
    PeopleTable,
    SearchTable,
    QuestionTable,
    DigestTable,
    TokenTable,
):
    """All parts over one database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        FilterTable.__init__(self, database)  # it keeps something of its own
