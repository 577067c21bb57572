"""The server over real sockets: bounds, times, who is answered how, and the end."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mirrorplane.api import endpoint, server
from mirrorplane.api.endpoint import DRAINED, Endpoint
from mirrorplane.api.journal import Entry
from mirrorplane.api.request import MAX_BODY, MAX_QUERY
from mirrorplane.api.server import Server, listen
from tests.api.echo import Echo

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = "<!doctype html><p>page"
ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


class Journal:
    def __init__(self) -> None:
        self.lines: list[tuple[Entry, Exception | None]] = []

    def __call__(self, entry: Entry, error: Exception | None) -> None:
        self.lines.append((entry, error))


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def address(journal: Journal) -> Iterator[str]:
    with Server(Endpoint([Echo()], PAGE, journal), listen("127.0.0.1", 0)) as running:
        yield running.address


def connect(address: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def ask(
    address: str, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def answer(
    address: str, method: str, path: str, body: bytes | Iterator[bytes] | None = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    response, text = ask(address, method, path, body, **headers)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    return response.status, json.loads(text)


def test_a_request_is_answered_by_who_claims_it(address: str, journal: Journal) -> None:
    status, said = answer(address, "POST", "/?Echo=a+b", b"hello")
    assert (status, said["said"], said["body"]) == (200, "a b", "hello")
    assert ID.fullmatch(said["id"])
    status, said = answer(address, "POST", "/", b"Echo=%E5", **FORM)
    assert (status, said["trouble"]) == (400, "UNREADABLE")
    (first, error), (second, _) = journal.lines
    assert (first.dialect, first.action, first.account, first.status, first.code) == (
        "echo",
        "Echo",
        "AK1",
        200,
        "",
    )
    assert error is None
    assert (second.id, second.status, second.code) == (said["id"], 400, "UNREADABLE")


def test_a_connection_is_kept(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=20)
    for _ in range(3):
        connection.request("GET", "/?Echo=a")
        response = connection.getresponse()
        response.read()
        assert response.headers.get("connection") is None
        assert response.headers.get("server") is None
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("POST", "/", "text/html"),
        ("GET", "/", "*/*"),
        ("GET", "/a?Echo=1", "text/html"),
        ("PUT", "/?Echo=1", "*/*"),
    ],
)
def test_no_dialect_is_said_in_json(
    address: str, method: str, path: str, accept: str, journal: Journal
) -> None:
    status, said = answer(address, method, path, Accept=accept)
    assert (status, said["Code"]) == (400, "UnknownDialect")
    entry, _ = journal.lines[-1]
    assert (entry.id, entry.dialect, entry.status, entry.code) == (
        said["RequestId"],
        "",
        400,
        "UnknownDialect",
    )


def test_a_browser_gets_the_page(address: str) -> None:
    response, text = ask(address, "GET", "/", Accept="text/html,application/xhtml+xml;q=0.9")
    assert (response.status, text) == (200, PAGE)
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 400)])
def test_a_body_has_a_longest(address: str, extra: int, status: int) -> None:
    body = b"x" * (MAX_BODY + extra)
    found, said = answer(address, "POST", "/?Echo=a", body)
    assert (found, said.get("trouble")) == (status, "OVERSIZED" if extra else None)
    found, _ = answer(address, "POST", "/?Echo=a", iter([body]))
    assert found == status


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 400)])
def test_a_query_has_a_longest(address: str, extra: int, status: int) -> None:
    query = "Echo=" + "x" * (MAX_QUERY - 5 + extra)
    found, said = answer(address, "GET", f"/?{query}")
    assert (found, said.get("trouble")) == (status, "OVERSIZED" if extra else None)


def test_who_sends_far_too_much_is_cut_off(address: str) -> None:
    with connect(address) as connection:
        connection.sendall(b"POST /?Echo=a HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012 -- which of the two sends fails
            for _ in range(1000):
                connection.sendall(bytes(DRAINED))


def test_a_failure_of_ours_is_said_without_its_reason(address: str, journal: Journal) -> None:
    status, said = answer(address, "GET", "/?Echo=fail")
    assert (status, said["trouble"]) == (500, "FAILED")
    entry, error = journal.lines[-1]
    assert (entry.id, entry.status, entry.code) == (said["id"], 500, "FAILED")
    assert isinstance(error, KeyError)


def test_an_answer_that_takes_too_long_is_a_failure(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "ANSWERING", 0.05)
    assert answer(address, "GET", "/?Echo=wait")[1]["trouble"] == "FAILED"


def test_a_body_that_does_not_come_is_not_waited_for(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "READING", 0.05)
    with connect(address) as connection:
        connection.sendall(b"POST /?Echo=a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
        said = connection.makefile("rb").read()  # to its end: the connection is closed
    assert b'"trouble": "SLOW"' in said


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost"])
def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    with (
        Server(Endpoint([Echo()]), listen("127.0.0.1", 0)) as running,
        connect(running.address) as connection,
    ):
        connection.sendall(sent)
        assert connection.recv(100) == b""


def test_no_http_is_no_traceback(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with connect(address) as connection:
        connection.sendall(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 400"
    assert [record.exc_info for record in caplog.records] == [None]


def test_what_is_under_way_is_answered_before_the_end(journal: Journal) -> None:
    found: list[int] = []
    with Server(Endpoint([Echo()], journal=journal), listen("127.0.0.1", 0)) as running:
        asking = threading.Thread(
            target=lambda: found.append(answer(running.address, "GET", "/?Echo=wait")[0])
        )
        asking.start()
        time.sleep(0.2)
    asking.join()
    assert found == [200]
    with pytest.raises(ConnectionRefusedError):
        connect(running.address)


def test_a_port_that_is_taken_is_refused(address: str) -> None:
    host, port = address.split(":")
    with pytest.raises(OSError, match="in use"):
        listen(host, int(port))
