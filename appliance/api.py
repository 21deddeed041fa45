"""The HTTP API: serves the table of `routes.py` over `operations`, and checks tokens, hosts and sizes.

Two faces serve the same table: on the Unix socket in the home the owner needs no token (the folder's and
the socket's permissions admit nobody else); on loopback every call but the page itself needs one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from importlib import resources
from operator import attrgetter
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from appliance.errors import BadRequest, NotAllowed, RequestRefused
from appliance.operations import ItemRef, Operations, PageRef, Upload, memory_file
from appliance.routes import ASK, ORIGINAL, OWNER, PAGE, ROUTES, UPLOAD, Endpoint, openapi
from appliance.search_operations import AskRequest
from index.errors import QueryError
from policy.errors import ConfinementError, StrongroomError
from policy.limits import KIB, Limits
from policy.priority import answering
from store.errors import NoSuchItem

log = logging.getLogger("strongroom.api")

JSON_BODY_BYTES = 64 * KIB
_DESCRIBED = "what is taken stands in /v1/openapi.json"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data: blob:"
)
_WEB = resources.files("appliance").joinpath("web")
PAGE_FILES = {"/": "index.html"} | {f"/{file.name}": file.name for file in _WEB.iterdir()}
MEDIA = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css"}


_Wanted = TypeVar("_Wanted")


class Messages(Protocol):
    """Answers messages of another protocol: see `Mcp.answer`."""

    def __call__(self, body: bytes, headers: Mapping[str, str], scopes: Collection[str], *,
                 headers_required: bool, gone: threading.Event) -> tuple[int, bytes]: ...  # fmt: skip


def application(operations: Operations, limits: Limits, tokens: Callable[[str], tuple[str, ...] | None],
                hosts: frozenset[str] | None, mcp: Messages) -> Starlette:  # fmt: skip
    """The ASGI application.

    Args:
        tokens: the scopes of a token, or None for an unknown one.
        hosts: the `Host` values under which loopback is reached; None on the Unix socket, whose callers are
            the owner.
        mcp: answers messages of the Model Context Protocol.
    """
    gate = _Gate(tokens, hosts)
    routes = [Route(row.path, _json_endpoint(row, operations, gate), methods=[row.method]) for row in ROUTES]
    routes.append(Route(ASK.path, _ask(operations, gate), methods=["POST"]))
    routes.append(Route(UPLOAD.path, _upload(operations, gate, limits), methods=["POST"]))
    routes.append(Route(ORIGINAL.path, _original(operations, gate), methods=["GET"]))
    routes.append(Route(PAGE.path, _picture(operations, gate), methods=["GET"]))
    routes.append(Route("/mcp", _mcp(mcp, gate, limits), methods=["POST"]))
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

    @property
    def owner(self) -> bool:
        """Whether whoever calls is the owner."""
        return self._hosts is None

    def check(self, request: Request, scope: str) -> None:
        """Raise NotAllowed unless this request may use `scope`."""
        granted = self.scopes(request)
        if not self.owner and (scope == OWNER or (scope not in granted and "admin" not in granted)):
            raise NotAllowed(f"the token lacks the scope {scope!r}", status=403)

    def scopes(self, request: Request) -> tuple[str, ...]:
        """What this request may use; raise NotAllowed if it is nothing."""
        if self.owner:
            return ("admin",)
        self.check_host(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAllowed("no token", status=401, remedy="send Authorization: Bearer TOKEN")
        granted = self._tokens(token.strip())
        if granted is None:
            raise NotAllowed("unknown token", status=401, remedy="make one with `strongroom token NAME`")
        return granted

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


def _ask(operations: Operations, gate: _Gate) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        gate.check(request, ASK.scope)
        asked = _converted(await _json_body(request), AskRequest)
        async with _watched(request) as gone:
            with answering():
                return _json(await run_in_threadpool(operations.search.ask, asked, gone))

    return endpoint


def _mcp(answer: Messages, gate: _Gate, limits: Limits) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        scopes = gate.scopes(request)
        body = await _body(request, limits.message_bytes)
        async with _watched(request) as gone:
            status, told = await run_in_threadpool(
                answer, body, request.headers, scopes, headers_required=not gate.owner, gone=gone
            )
        headers = {"cache-control": "no-store"}
        return Response(told, status, headers, media_type="application/json" if told else None)

    return endpoint


@contextlib.asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[threading.Event]:
    """What is set once whoever sent this request, which has been read, waits no more."""
    gone = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        watching.cancel()


def _converted(arguments: dict[str, Any], wanted: type[_Wanted]) -> _Wanted:
    try:
        return msgspec.convert(arguments, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error), remedy=_DESCRIBED) from error


async def _body(request: Request, most: int) -> bytes:
    """The body; of one that is longer than `most` bytes, a part that is longer too."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            break
    return body


async def _json_body(request: Request) -> dict[str, Any]:
    body = await _body(request, JSON_BODY_BYTES)
    if len(body) > JSON_BODY_BYTES:
        raise BadRequest("the request is too long", remedy=f"send at most {JSON_BODY_BYTES} bytes")
    try:
        decoded = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the request is not JSON: {error}", remedy=_DESCRIBED) from error
    if not isinstance(decoded, dict):
        raise BadRequest("the request is not a JSON object", remedy=_DESCRIBED)
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
                    raise BadRequest(
                        "the document is too long", remedy=f"the limit is {limits.item_bytes} bytes"
                    )
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
        content = _WEB.joinpath(name).read_bytes()
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
