"""The Model Context Protocol: answers one JSON-RPC message, or a batch of them, with what `mcp_tools.py`
offers. How messages come and go is the matter of `api.py` and, over standard input and output, `cli_mcp.py`.

Nothing is kept between two messages: a client of the versions with a handshake says in a header what was
agreed on, and one of the later versions says with every message all that is to be known. Source:
https://modelcontextprotocol.io/specification (2024-11-05 to 2026-07-28).
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from appliance import mcp_tools
from appliance.mcp_tools import TOOLS, Json
from appliance.operations import Operations
from policy.errors import StrongroomError
from policy.limits import Limits
from policy.priority import answering

# Versions that begin with a handshake, and those whose every message stands for itself; the newest first.
WITH_HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
WITHOUT_HANDSHAKE = ("2026-07-28",)
_SUPPORTED = [*WITHOUT_HANDSHAKE, *WITH_HANDSHAKE]
_WITH_BATCHES = "2025-03-26"  # it alone knows batches, and it is meant where no version is named

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
# As HTTP says it. In the versions with a handshake an error is an answer like any other.
_STATUS = {METHOD_NOT_FOUND: 404}
_BAD_REQUEST = 400

_VERSION, _CAPABILITIES, _SERVER = (
    f"io.modelcontextprotocol/{name}" for name in ("protocolVersion", "clientCapabilities", "serverInfo")
)
_VERSION_HEADER, _METHOD_HEADER, _NAME_HEADER = "mcp-protocol-version", "mcp-method", "mcp-name"
_WRAPPED = re.compile(r"=\?base64\?(.*)\?=")
_BATCH = 20  # messages
_FRESH_MS = 3_600_000  # so long may a client keep the list of tools: it changes with the program only

INSTRUCTIONS = (
    "Strongroom holds its owner's documents and mail on their own machine. `search` finds items, `read_item` "
    "reads one, `ask` answers a question with citations; `list_actions`, `list_projects` and `digest` tell "
    f"what is to be done and what happened. Nothing can be changed here. {mcp_tools.NOTICE} Name the items "
    "that you quote."
)

Id = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=200)]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """A request; without an id, a notification."""

    jsonrpc: Literal["2.0"]
    method: str
    id: Id | UnsetType = UNSET
    params: dict[str, Any] | list[Any] = {}


class _Identified(msgspec.Struct, frozen=True):
    id: Id


class _Caller(NamedTuple):
    """Who asks, and what his way of asking told."""

    scopes: Collection[str]
    headers: Mapping[str, str]
    headers_required: bool
    gone: threading.Event

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class _Refused(Exception):
    """A message that is answered with an error."""

    def __init__(
        self, code: int, what: str, *, data: Any = None, status: int = 0, known: int | str | None = None
    ) -> None:
        super().__init__(what)
        self.code = code
        self.data = data
        self.known = known  # id of the message, where nothing else of it is
        self.status = status or _STATUS.get(code, _BAD_REQUEST)


class Mcp:
    """The protocol over the appliance's operations. Thread-safe.

    Args:
        version: of this program.
    """

    def __init__(self, operations: Operations, limits: Limits, version: str) -> None:
        self._operations = operations
        self._limits = limits
        self._server = {"name": "strongroom", "title": "Strongroom", "version": version}

    def answer(
        self,
        body: bytes,
        headers: Mapping[str, str],
        scopes: Collection[str],
        *,
        headers_required: bool,
        gone: threading.Event,
    ) -> tuple[int, bytes]:
        """The answer to what a client sent: an HTTP status, and a line of JSON; empty where none is due.

        Args:
            headers: by names in lower case.
            scopes: what the client's token allows.
            headers_required: False where the messages came without any of their own.
            gone: set once nobody waits for the answer.
        """
        caller = _Caller(scopes, headers, headers_required, gone)
        try:
            message = self._decoded(body)
            if not isinstance(message, list):
                status, said = self._one(message, caller)
                return status, msgspec.json.encode(said) if said else b""
            _check_batch(message, caller)
        except _Refused as error:
            return error.status, msgspec.json.encode(_error(error.known, error))
        answers = [said for each in message if (said := self._one(each, caller, batched=True)[1])]
        return (200, msgspec.json.encode(answers)) if answers else (202, b"")

    def _decoded(self, body: bytes) -> Any:
        if len(body) > (most := self._limits.message_bytes):
            raise _Refused(INVALID_REQUEST, f"the message is longer than {most} bytes", status=413)
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _broken(body, error) from error

    def _one(self, message: Any, caller: _Caller, batched: bool = False) -> tuple[int, Json | None]:
        """Status and answer to one message; no answer to notifications, nor to answers."""
        if isinstance(message, dict) and "method" not in message and message.keys() & {"result", "error"}:
            return 202, None  # nobody was asked anything
        modern, known = True, _id(message)  # until it is seen not to be
        try:
            request = _request(message)
            if request.id is UNSET:
                return 202, None  # whatever it tells: nothing is kept, and who hangs up is not answered
            params = _params(request)
            modern = _modern(request, params, caller)
            if batched and (modern or request.method == "initialize"):
                raise _Refused(INVALID_REQUEST, "this message cannot be in a batch")
            told = self._result(request.method, params, caller, modern)
        except _Refused as error:
            return error.status if modern else 200, _error(known, error)
        if modern:
            told |= {"resultType": "complete", "_meta": {_SERVER: self._server}}
        return 200, {"jsonrpc": "2.0", "id": known, "result": told}

    def _result(self, method: str, params: Json, caller: _Caller, modern: bool) -> Json:
        match method:
            case "initialize" if not modern:
                return self._agreed(params)
            case "ping" if not modern:
                return {}
            case "server/discover" if modern:
                told = {"supportedVersions": _SUPPORTED} | self._about()
                return told | _kept()
            case "tools/list":
                tools = [tool.described() for tool in TOOLS.values() if caller.may(tool.scope)]
                return {"tools": tools} | (_kept() if modern else {})
            case "tools/call":
                return self._called(params, caller)
        raise _Refused(METHOD_NOT_FOUND, "there is no such method")

    def _agreed(self, params: Json) -> Json:
        wanted = params.get("protocolVersion")
        if not isinstance(wanted, str):
            raise _Refused(INVALID_PARAMS, "params.protocolVersion is missing")
        version = wanted if wanted in WITH_HANDSHAKE else WITH_HANDSHAKE[0]
        return {"protocolVersion": version, "serverInfo": self._server} | self._about()

    def _about(self) -> Json:
        return {"capabilities": {"tools": {}}, "instructions": INSTRUCTIONS}

    def _called(self, params: Json, caller: _Caller) -> Json:
        name, given = params.get("name"), params.get("arguments")
        tool = TOOLS.get(name) if isinstance(name, str) else None
        if tool is None:
            raise _Refused(INVALID_PARAMS, f"there is no such tool; these are: {', '.join(TOOLS)}")
        if not caller.may(tool.scope):
            raise _Refused(INVALID_PARAMS, f"the token lacks the scope {tool.scope!r}", status=403)
        if not isinstance(given, dict | None):
            raise _Refused(INVALID_PARAMS, "params.arguments is no object")
        try:
            asked = msgspec.convert(given or {}, tool.takes)
            with answering() if tool.scope == "search" else contextlib.nullcontext():
                return mcp_tools.result(tool.does(self._operations, asked, caller.gone))
        except (msgspec.ValidationError, StrongroomError) as error:
            return mcp_tools.failure(str(error))


def _request(message: Any) -> _Message:
    try:
        return msgspec.convert(message, _Message)
    except msgspec.ValidationError as error:
        raise _Refused(INVALID_REQUEST, f"this is no request: {error}") from error


def _params(request: _Message) -> Json:
    if isinstance(request.params, list):
        raise _Refused(INVALID_PARAMS, "params are given by their names")
    return request.params


def _id(message: Any) -> int | str | None:
    """The id of a message, be it one or not."""
    try:
        known = msgspec.convert(message, _Identified).id
        str(known).encode()  # half a character could not be sent back
    except ValueError:
        return None
    return known


def _broken(body: bytes, error: Exception) -> _Refused:
    """Why a message is not JSON; where a less strict reader makes it out, to whom it is to be said."""
    try:
        known = _id(json.loads(body.decode()))
    except (ValueError, RecursionError):
        return _Refused(PARSE_ERROR, f"the message is not JSON: {error}")
    what = "the message holds half a character (an unpaired surrogate), or what is no number"
    return _Refused(PARSE_ERROR, what, known=known)


def _modern(request: _Message, params: Json, caller: _Caller) -> bool:
    """Whether a request is of a version without a handshake.

    Raises:
        _Refused: it is of no version that is known, or disagrees with itself.
    """
    meta, header = params.get("_meta"), caller.headers.get(_VERSION_HEADER)
    meta = meta if isinstance(meta, dict) else {}
    if request.method == "initialize" or not (
        _VERSION in meta or header in WITHOUT_HANDSHAKE or request.method == "server/discover"
    ):
        if header is None or header in WITH_HANDSHAKE:
            return False
        raise _unsupported(header)
    version = meta.get(_VERSION)
    if not isinstance(version, str) or not isinstance(meta.get(_CAPABILITIES), dict):
        raise _Refused(INVALID_PARAMS, f"params._meta lacks {_VERSION} or {_CAPABILITIES}")
    _check_headers(request, params, version, caller)
    if version not in WITHOUT_HANDSHAKE:
        raise _unsupported(version)
    return True


def _unsupported(version: str) -> _Refused:
    data = {"supported": _SUPPORTED, "requested": version[:100]}
    return _Refused(UNSUPPORTED_VERSION, "Unsupported protocol version", data=data)


def _check_headers(request: _Message, params: Json, version: str, caller: _Caller) -> None:
    """What stands between may have judged by the headers, so they must say what the message does."""
    expected = {_VERSION_HEADER: version, _METHOD_HEADER: request.method}
    if request.method == "tools/call":
        expected[_NAME_HEADER] = params.get("name", "")
    for header, value in expected.items():
        given = caller.headers.get(header)
        if caller.headers_required if given is None else _unwrapped(given) != value:
            raise _Refused(HEADER_MISMATCH, f"the header {header} does not say what the message does")


def _unwrapped(value: str) -> str | None:
    if (wrapped := _WRAPPED.fullmatch(value)) is None:
        return value
    try:
        return base64.b64decode(wrapped[1], validate=True).decode()
    except ValueError:
        return None


def _check_batch(messages: list[Any], caller: _Caller) -> None:
    if caller.headers.get(_VERSION_HEADER, _WITH_BATCHES) != _WITH_BATCHES:
        raise _Refused(INVALID_REQUEST, "this version of the protocol knows no batches")
    if not 0 < len(messages) <= _BATCH:
        raise _Refused(INVALID_REQUEST, f"a batch holds 1 to {_BATCH} messages")


def _kept() -> Json:
    """How long a client may keep a result; what there is depends on its token."""
    return {"ttlMs": _FRESH_MS, "cacheScope": "private"}


def _error(known: int | str | None, error: _Refused) -> Json:
    told = {"code": error.code, "message": str(error)} | ({"data": error.data} if error.data else {})
    return {"jsonrpc": "2.0", "id": known, "error": told}
