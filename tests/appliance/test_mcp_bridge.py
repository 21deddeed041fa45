"""The command between an MCP client and the service where the service is away, or silent."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.cli_mcp import Bridge
from appliance.client import Client
from appliance.errors import ServiceUnavailable

PING = b'{"jsonrpc":"2.0","id":%s,"method":"ping"}\n'


def test_without_a_service_every_request_is_told_so(tmp_path: Path) -> None:
    lines = [PING % b"1", b"\n", b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n', PING % b'"b"',
             b'{"jsonrpc":"2.0","id":3,"method":"initialize"}\n', b"[" * 50_000 + b"\n"]  # fmt: skip
    out = io.BytesIO()
    with pytest.raises(ServiceUnavailable):
        Bridge(Client(tmp_path / "run" / "api.sock"), io.BytesIO(b"".join(lines)), out).run()
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert sorted(str(one["id"]) for one in answers) == ["1", "3", "None", "b"]
    assert all(one["error"]["code"] == -32603 for one in answers)
    assert all("strongroom serve" in one["error"]["message"] for one in answers)


def test_the_command_ends_with_the_code_of_a_missing_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PING % b"1")))
    assert main(["mcp", "--home", str(tmp_path)]) == 69
    told, complaint = capfdbinary.readouterr()
    assert json.loads(told)["id"] == 1
    assert b"strongroom serve" in complaint


def test_what_is_cancelled_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(tmp_path / "s"))
        service.listen()
        reading, writing = os.pipe()
        out = io.BytesIO()
        with open(reading, "rb") as lines, open(writing, "wb", buffering=0) as client:
            bridge = Bridge(Client(tmp_path / "s"), lines, out)
            thread = threading.Thread(target=bridge.run)
            thread.start()
            client.write(PING % b"7")
            asked, _ = service.accept()
            with asked:
                cancel = {"method": "notifications/cancelled", "params": {"requestId": 7}}
                client.write(json.dumps({"jsonrpc": "2.0", **cancel}).encode() + b"\n")
                asked.settimeout(20)
                while asked.recv(4096):  # until the service sees that nobody waits
                    pass
            client.close()
            thread.join(20)
        assert not thread.is_alive()
        assert out.getvalue() == b""
