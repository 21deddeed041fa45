"""The table of the HTTP API: one row for each thing that `operations` can do, and its OpenAPI description.
How rows are served is the matter of `api.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from appliance.mail_operations import (
    AccountRef,
    AccountsRequest,
    ImportRequest,
    ImportsRequest,
    MergeRequest,
    PeopleRequest,
    Secret,
    SplitRequest,
    ThreadRef,
)
from appliance.meaning_operations import (
    Dismissal,
    Project,
    ProjectCorrection,
    ProjectRef,
    ProjectState,
    ProjectSummary,
    ProposalsRequest,
    RelatedRequest,
    TagCorrection,
    TagCount,
)
from appliance.observation import Observation, Signature
from appliance.operations import (
    ActionEdit,
    ActionsRequest,
    DigestRequest,
    ItemDetail,
    ItemPage,
    ItemRef,
    ItemRefs,
    ItemsRequest,
    ItemText,
    NewToken,
    Nothing,
    PageRef,
    RunRef,
    Status,
    TokenRequest,
    Undone,
    Unlock,
    Upload,
)
from appliance.search_operations import (
    AskRequest,
    Followed,
    FollowRequest,
    KeepRequest,
    KeptSearch,
    MatchesRequest,
    QuestionRef,
    SearchRef,
    SimilarRequest,
)
from enrich.ask import Answer
from enrich.digest import Digest
from enrich.proposals import Proposal
from enrich.related import Related
from index.query import Query
from index.search import Results
from ingest.importer.imports import ImportStatus
from ingest.mail.accounts import AccountStatus, FolderBalance
from ingest.readers.formats import FormatRow
from store.people import Person
from store.questions import Question
from store.records import Action, Item, Link, Receipt, Run, Tag
from store.threads import Conversation
from store.vault import Stored
from store.verify import VerifyReport

# A scope that no token can have: for the owner's own command on the Unix socket. These calls name files of
# this machine, take passwords, and sign in the owner's name.
OWNER = "owner"
_ACCOUNTS = list[AccountStatus]
_ITEMS = list[Item]
_TAGS = list[Tag]
_LINKS = list[Link]
_PROJECT = ProjectSummary
_PROJECTS = list[ProjectSummary]
_PROPOSALS = list[Proposal]


class Endpoint(NamedTuple):
    """One row of the table: a method and path, the scope it needs, what it takes, does and gives."""

    method: str
    path: str
    scope: str
    summary: str
    operation: str
    takes: type[msgspec.Struct]
    gives: Any


ROUTES = (
    Endpoint("POST", "/v1/search", "search", "By word and by meaning", "search.search", Query, Results),
    Endpoint("POST", "/v1/search/follow", "search", "What is new", "search.follow", FollowRequest, Followed),
    Endpoint(
        "GET", "/v1/items/{id}/similar", "search", "More like it", "search.similar", SimilarRequest, Results
    ),
    Endpoint("GET", "/v1/searches", "search", "Kept searches", "search.kept", Nothing, list[KeptSearch]),
    Endpoint("POST", "/v1/searches", "write", "Keep a search", "search.keep", KeepRequest, KeptSearch),
    Endpoint("DELETE", "/v1/searches/{id}", "write", "Forget one", "search.forget", SearchRef, None),
    Endpoint(
        "GET", "/v1/searches/{id}/matches", "read", "What is new", "search.matches", MatchesRequest, _ITEMS
    ),
    Endpoint("POST", "/v1/searches/{id}/seen", "write", "It was seen", "search.seen", SearchRef, KeptSearch),
    Endpoint("GET", "/v1/questions", "read", "What was asked", "search.questions", Nothing, list[Question]),
    Endpoint(
        "DELETE", "/v1/questions/{id}", "write", "Forget it", "search.forget_question", QuestionRef, None
    ),
    Endpoint("GET", "/v1/items", "read", "List items, newest first", "items", ItemsRequest, ItemPage),
    Endpoint("GET", "/v1/items/{id}", "read", "One item with its findings", "item", ItemRef, ItemDetail),
    Endpoint("GET", "/v1/items/{id}/text", "read", "The text that was read", "text", ItemRef, ItemText),
    Endpoint("DELETE", "/v1/items/{id}", "write", "Delete, with a receipt", "delete", ItemRef, Receipt),
    Endpoint(
        "POST", "/v1/items/delete", "write", "Delete all or none", "delete_many", ItemRefs, list[Receipt]
    ),
    Endpoint(
        "POST", "/v1/items/{id}/retry", "write", "Read a quarantined item again", "retry", ItemRef, Item
    ),
    Endpoint(
        "POST",
        "/v1/items/{id}/unlock",
        "write",
        "Read a locked item with its password",
        "unlock",
        Unlock,
        Item,
    ),
    Endpoint("GET", "/v1/formats", "read", "What can be read", "formats", Nothing, tuple[FormatRow, ...]),
    Endpoint("GET", "/v1/actions", "read", "Action items", "actions", ActionsRequest, list[Action]),
    Endpoint(
        "POST", "/v1/actions/{id}", "write", "Change, close or reject", "set_action", ActionEdit, Action
    ),
    Endpoint("GET", "/v1/tags", "read", "Tags and their counts", "meaning.tags", Nothing, list[TagCount]),
    Endpoint(
        "POST", "/v1/items/{id}/tags", "write", "Correct one", "meaning.correct_tag", TagCorrection, _TAGS
    ),
    Endpoint("GET", "/v1/projects", "read", "Projects and links", "meaning.projects", Nothing, _PROJECTS),
    Endpoint("GET", "/v1/projects/{id}", "read", "What happened", "meaning.project", ProjectRef, Project),
    Endpoint(
        "POST", "/v1/projects/{id}", "write", "Close one", "meaning.close_project", ProjectState, _PROJECT
    ),
    Endpoint(
        "POST",
        "/v1/items/{id}/projects",
        "write",
        "Link it, or not",
        "meaning.correct_project",
        ProjectCorrection,
        _LINKS,
    ),
    Endpoint(
        "GET", "/v1/proposals", "read", "Names to add", "meaning.proposals", ProposalsRequest, _PROPOSALS
    ),
    Endpoint("POST", "/v1/proposals", "write", "Not this one", "meaning.dismiss", Dismissal, _PROPOSALS),
    Endpoint(
        "GET",
        "/v1/items/{id}/related",
        "read",
        "What it refers to",
        "meaning.related",
        RelatedRequest,
        list[Related],
    ),
    Endpoint("GET", "/v1/digest", "read", "What a day brought", "digest", DigestRequest, Digest),
    Endpoint("GET", "/v1/runs", "read", "Who said what is known", "runs", Nothing, list[Run]),
    Endpoint("POST", "/v1/runs/{id}/undo", "write", "Take a run back", "undo_run", RunRef, Undone),
    Endpoint("GET", "/v1/status", "read", "How the appliance is", "status", Nothing, Status),
    Endpoint(
        "POST", "/v1/tokens", "admin", "A token for another tool", "create_token", TokenRequest, NewToken
    ),
    Endpoint("POST", "/v1/verify", "admin", "Check all that is stored", "verify", Nothing, VerifyReport),
    Endpoint("POST", "/v1/reports", OWNER, "Sign a report", "sign", Observation, Signature),
    Endpoint("GET", "/v1/threads/{id}", "read", "One conversation", "mail.thread", ThreadRef, Conversation),
    Endpoint("GET", "/v1/people", "read", "People", "mail.people", PeopleRequest, list[Person]),
    Endpoint(
        "POST", "/v1/people/{id}/merge", "write", "Two are one", "mail.merge_people", MergeRequest, Person
    ),
    Endpoint(
        "POST", "/v1/people/{id}/split", "write", "They are two", "mail.split_person", SplitRequest, Person
    ),
    Endpoint("GET", "/v1/mail", "read", "Mail accounts", "mail.accounts", AccountsRequest, _ACCOUNTS),
    Endpoint(
        "POST", "/v1/mail/{id}/sync", "write", "Look for new mail now", "mail.sync", AccountRef, _ACCOUNTS
    ),
    Endpoint(
        "POST",
        "/v1/mail/{id}/reconcile",
        "write",
        "Compare with its server",
        "mail.reconcile",
        AccountRef,
        list[FolderBalance],
    ),
    Endpoint("POST", "/v1/mail", OWNER, "Read the accounts anew", "mail.reload", AccountsRequest, _ACCOUNTS),
    Endpoint("POST", "/v1/mail/{id}/secret", OWNER, "Keep a password", "mail.keep_secret", Secret, None),
    Endpoint("DELETE", "/v1/mail/{id}/secret", OWNER, "Forget it", "mail.forget_secret", AccountRef, None),
    Endpoint("GET", "/v1/imports", "read", "Imports", "mail.imports", ImportsRequest, list[ImportStatus]),
    Endpoint("POST", "/v1/imports", OWNER, "Import mail", "mail.start_import", ImportRequest, ImportStatus),
)
ASK = Endpoint("POST", "/v1/ask", "search", "An answer, with citations", "search.ask", AskRequest, Answer)
UPLOAD = Endpoint("POST", "/v1/items", "write", "Store the request's body", "add", Upload, Stored)
ORIGINAL = Endpoint(
    "GET", "/v1/items/{id}/original", "read", "The original bytes", "original", ItemRef, bytes
)
PAGE = Endpoint(
    "GET", "/v1/items/{id}/pages/{page}", "read", "A page as it looks, PNG", "page", PageRef, bytes
)


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the table; it names no host."""
    described = (*ROUTES, ASK)
    takes = [row.takes for row in described]
    gives = [row.gives for row in (*described, UPLOAD)]
    schemas, components = msgspec.json.schema_components(
        [*takes, *gives], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for row, given in zip((*described, UPLOAD), schemas[len(takes) :], strict=True):
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(
            row, {"application/json": {"schema": given}}
        )
    for row, taken in zip(described, schemas[: len(takes)], strict=True):
        if row.method == "POST" and row.takes is not Nothing:
            paths[row.path]["post"]["requestBody"] = {"content": {"application/json": {"schema": taken}}}
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    paths[UPLOAD.path]["post"]["requestBody"] = {"content": binary}
    paths[ORIGINAL.path] = {"get": _operation(ORIGINAL, binary)}
    paths[PAGE.path] = {"get": _operation(PAGE, {"image/png": binary["application/octet-stream"]})}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Strongroom", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(row: Endpoint, content: dict[str, Any]) -> dict[str, Any]:
    in_path = [name for name in ("id", "page") if f"{{{name}}}" in row.path]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
    ]
    if row.method == "GET" or row is UPLOAD:
        parameters += [
            {"name": field.encode_name, "in": "query", "required": field.required, "schema": {}}
            for field in msgspec.structs.fields(row.takes)
            if field.encode_name not in in_path
        ]
    return {
        "operationId": row.operation.replace(".", "_"),
        "summary": row.summary,
        "description": f"Needs the scope `{row.scope}`.",
        "parameters": parameters,
        "responses": {"200": {"description": "Done", "content": content}},
    }
