"""The private endpoint: for its owner, wherever it lies, whoever asks nonsense."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrorplane.api import private
from mirrorplane.api.private import NotRunningError, Private, ask

ANSWERS = {"things": [{"id": "a"}]}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / ("long" * 30) / "state.sock"  # longer than a socket's address
    place.parent.mkdir()
    place.write_text("left by an earlier server")
    with Private(place, ANSWERS.__getitem__):
        yield place


def said(path: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection, private._short(path) as name:
        connection.settimeout(10)
        connection.connect(name)
        connection.sendall(sent)
        with connection.makefile("rb") as answer:
            return answer.read()


def test_what_is_asked_is_answered(path: Path) -> None:
    assert ask(path, "things") == ANSWERS["things"]
    assert ask(path, "things") == ANSWERS["things"]


def test_only_its_owner_can_reach_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("sent", [b"others\n", b"\xff\n", b"x" * 1000])
def test_there_is_no_answer_to_anything_else(path: Path, sent: bytes) -> None:
    assert json.loads(said(path, sent)) == {"error": "no such list"}


def test_who_says_nothing_holds_nobody_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private._Asked, "timeout", 0.05)
    assert said(path, b"thin") == b""
    assert ask(path, "things") == ANSWERS["things"]


def test_without_a_server_there_is_nobody_to_ask(tmp_path: Path) -> None:
    place = tmp_path / "state.sock"
    with Private(place, ANSWERS.__getitem__):
        pass
    assert not place.exists()
    for where in (place, tmp_path / "no folder" / "state.sock"):
        with pytest.raises(NotRunningError):
            ask(where, "things")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    with pytest.raises(NotRunningError):
        ask(place, "things")
