"""The HTTP API: one table of routes over `operations`, its checks on tokens, hosts and sizes, and OpenAPI.

Two faces serve the same table: on the Unix socket in the home the owner needs no token (the folder's and
the socket's permissions admit nobody else); on loopback every call but the page itself needs one.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from importlib import resources
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from appliance.errors import BadRequest, NotAllowed, RequestRefused
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
    Operations,
    PageRef,
    ProjectSummary,
    RunRef,
    Status,
    TagCount,
    TokenRequest,
    Undone,
    Unlock,
    Upload,
    memory_file,
)
from appliance.search_operations import (
    Followed,
    FollowRequest,
    KeepRequest,
    KeptSearch,
    MatchesRequest,
    SearchRef,
    SimilarRequest,
)
from enrich.digest import Digest
from index.errors import QueryError
from index.query import Query
from index.search import Results
from ingest.importer.imports import ImportStatus
from ingest.mail.accounts import AccountStatus, FolderBalance
from ingest.readers.formats import FormatRow
from policy.errors import ConfinementError, StrongroomError
from policy.limits import KIB, Limits
from policy.priority import answering
from store.errors import NoSuchItem
from store.people import Person
from store.records import Action, Item, Receipt, Run
from store.threads import Conversation
from store.vault import Stored
from store.verify import VerifyReport

log = logging.getLogger("strongroom.api")

JSON_BODY_BYTES = 64 * KIB
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data: blob:"
)
PAGE_FILES = {"/": "index.html", "/app.js": "app.js", "/style.css": "style.css"}
MEDIA = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css"}


# A scope that no token can have: for the owner's own command on the Unix socket. These calls name files of
# this machine, take passwords, and sign in the owner's name.
OWNER = "owner"
_Wanted = TypeVar("_Wanted")
_ACCOUNTS = list[AccountStatus]
_ITEMS = list[Item]


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
    Endpoint("POST", "/v1/actions/{id}", "write", "Close or reject one", "set_action", ActionEdit, Action),
    Endpoint("GET", "/v1/projects", "read", "Projects and links", "projects", Nothing, list[ProjectSummary]),
    Endpoint("GET", "/v1/tags", "read", "Tags and their counts", "tags", Nothing, list[TagCount]),
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
UPLOAD = Endpoint("POST", "/v1/items", "write", "Store the request's body", "add", Upload, Stored)
ORIGINAL = Endpoint(
    "GET", "/v1/items/{id}/original", "read", "The original bytes", "original", ItemRef, bytes
)
PAGE = Endpoint(
    "GET", "/v1/items/{id}/pages/{page}", "read", "A page as it looks, PNG", "page", PageRef, bytes
)


def application(operations: Operations, limits: Limits, tokens: Callable[[str], tuple[str, ...] | None],
                hosts: frozenset[str] | None) -> Starlette:  # fmt: skip
    """The ASGI application.

    Args:
        tokens: the scopes of a token, or None for an unknown one.
        hosts: the `Host` values under which loopback is reached; None on the Unix socket, whose callers are
            the owner.
    """
    gate = _Gate(tokens, hosts)
    routes = [Route(row.path, _json_endpoint(row, operations, gate), methods=[row.method]) for row in ROUTES]
    routes.append(Route(UPLOAD.path, _upload(operations, gate, limits), methods=["POST"]))
    routes.append(Route(ORIGINAL.path, _original(operations, gate), methods=["GET"]))
    routes.append(Route(PAGE.path, _picture(operations, gate), methods=["GET"]))
    routes.append(Route("/v1/openapi.json", _openapi))
    routes += [Route(path, _page(name)) for path, name in PAGE_FILES.items()]
    return Starlette(
        routes=routes, exception_handlers={StrongroomError: _refuse, Exception: _crash}, middleware=[]
    )


class _Gate:
    """Decides who may call what. On loopback a foreign page may try through the owner's browser: hence the
    checks of Host (DNS rebinding) and Origin (cross-site requests) besides the token.
    """

    def __init__(self, tokens: Callable[[str], tuple[str, ...] | None], hosts: frozenset[str] | None) -> None:
        self._tokens = tokens
        self._hosts = hosts

    def check(self, request: Request, scope: str) -> None:
        """Raise NotAllowed unless this request may use `scope`."""
        if self._hosts is None:
            return
        self.check_host(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAllowed("no token", status=401, remedy="send Authorization: Bearer TOKEN")
        granted = self._tokens(token.strip())
        if granted is None:
            raise NotAllowed("unknown token", status=401, remedy="make one with `strongroom token NAME`")
        if scope == OWNER or (scope not in granted and "admin" not in granted):
            raise NotAllowed(f"the token lacks the scope {scope!r}", status=403)

    def check_host(self, request: Request) -> None:
        """Raise NotAllowed for a Host or an Origin that is not this service."""
        if self._hosts is None:
            return
        origin = request.headers.get("origin")
        if request.headers.get("host") not in self._hosts or (
            origin is not None and origin.removeprefix("http://") not in self._hosts
        ):
            raise NotAllowed(
                "wrong Host or Origin", status=403, remedy="use the address that the service prints"
            )


def _json_endpoint(row: Endpoint, operations: Operations, gate: _Gate) -> Callable[[Request], Any]:
    call = attrgetter(row.operation)(operations)

    async def endpoint(request: Request) -> Response:
        gate.check(request, row.scope)
        arguments: dict[str, Any] = dict(request.query_params) | dict(request.path_params)
        if row.method == "POST":
            arguments = await _json_body(request) | arguments
        with answering() if row.scope == "search" else contextlib.nullcontext():
            return _json(await run_in_threadpool(call, _converted(arguments, row.takes)))

    return endpoint


def _converted(arguments: dict[str, Any], wanted: type[_Wanted]) -> _Wanted:
    try:
        return msgspec.convert(arguments, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from error


async def _json_body(request: Request) -> dict[str, Any]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > JSON_BODY_BYTES:
            raise BadRequest(f"the request is longer than {JSON_BODY_BYTES} bytes")
    try:
        decoded = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the request is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise BadRequest("the request is not a JSON object")
    return decoded


def _upload(operations: Operations, gate: _Gate, limits: Limits) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        gate.check(request, UPLOAD.scope)
        name = request.query_params.get("name", "")
        with memory_file("upload") as content:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.item_bytes:
                    raise BadRequest(f"the document is longer than {limits.item_bytes} bytes")
                content.write(chunk)
            stored = await run_in_threadpool(operations.add, Upload(name=name), content)
        return _json(stored, status=201 if stored.created else 200)

    return endpoint


def _original(operations: Operations, gate: _Gate) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        gate.check(request, ORIGINAL.scope)
        item, descriptor = await run_in_threadpool(operations.original, ItemRef(id=request.path_params["id"]))
        # Always a download of inert bytes: a stored HTML page must never run as a page of this service.
        return StreamingResponse(
            _pieces(descriptor),
            media_type="application/octet-stream",
            headers={
                "content-length": str(item.size),
                "content-disposition": f"attachment; filename*=UTF-8''{quote(item.name)}",
                "x-content-type-options": "nosniff",
            },
        )

    return endpoint


def _picture(operations: Operations, gate: _Gate) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        gate.check(request, PAGE.scope)
        wanted = _converted(dict(request.query_params) | request.path_params, PageRef)
        drawn = await run_in_threadpool(operations.page, wanted)
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return Response(drawn, media_type="image/png", headers=headers)

    return endpoint


async def _pieces(descriptor: int) -> AsyncIterator[bytes]:
    with os.fdopen(descriptor, "rb") as file:
        while piece := file.read(256 * KIB):
            yield piece


def _page(name: str) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        content = resources.files("appliance").joinpath("web", name).read_bytes()
        headers = {"content-security-policy": PAGE_POLICY, "x-content-type-options": "nosniff",
                   "referrer-policy": "no-referrer", "cache-control": "no-store"}  # fmt: skip
        return Response(content, media_type=MEDIA[name.rpartition(".")[2]], headers=headers)

    return endpoint


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _refuse(request: Request, error: Exception) -> Response:
    """A StrongroomError as JSON: what happened, to which item, what to do."""
    assert isinstance(error, StrongroomError)
    if isinstance(error, RequestRefused):
        status = error.status
    elif isinstance(error, NoSuchItem):
        status = 404
    elif isinstance(error, QueryError):
        status = 400
    elif isinstance(error, ConfinementError):
        status = 503
    else:
        status = 503 if error.retryable else 409
    told = {"error": error.what, "item": error.item, "remedy": error.remedy, "exit_code": error.exit_code}
    return _json(told, status=status)


def _crash(request: Request, error: Exception) -> Response:
    """An unexpected error: its class goes to the log, nothing of its text to anybody."""
    log.error("%s %s failed: %s", request.method, request.scope["route"].path if "route" in request.scope
              else "unknown", type(error).__name__)  # fmt: skip
    return _json(
        {
            "error": f"internal error ({type(error).__name__})",
            "item": None,
            "remedy": None,
            "exit_code": StrongroomError.exit_code,
        },
        status=500,
    )


async def _openapi(request: Request) -> Response:
    return _json(openapi())


def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 description of the table; it names no host."""
    takes = [row.takes for row in ROUTES]
    gives = [row.gives for row in (*ROUTES, UPLOAD)]
    schemas, components = msgspec.json.schema_components(
        [*takes, *gives], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for row, given in zip((*ROUTES, UPLOAD), schemas[len(takes) :], strict=True):
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(
            row, {"application/json": {"schema": given}}
        )
    for row, taken in zip(ROUTES, schemas[: len(takes)], strict=True):
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
