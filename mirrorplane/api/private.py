"""The endpoint that the command line asks: a Unix socket that only its owner can reach.

Owns the conversation: a line that says what, and JSON until the end. Must not know what there is to ask.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, UnixStreamServer
from threading import Thread
from types import TracebackType
from typing import Any, Self

PATIENCE = 5.0
"""Seconds that the other side may take for each of its words."""

MAX_QUESTION = 100
"""Bytes."""

WAKING = 0.1
"""Seconds until an end that is asked for is looked at."""

Answer = Callable[[str], object]
"""Returns what is to be sent as JSON. Raises KeyError if there is nothing of that name."""


class NotRunningError(Exception):
    """No server listens there."""


class Private:
    """Answers at *path* from `__enter__` to `__exit__`; a socket that an earlier server left is replaced."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        with _short(path) as name:
            self._server = _Server(name, answer)
        self._thread = Thread(target=self._server.serve_forever, args=(WAKING,), name="private", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(UnixStreamServer):
    def __init__(self, name: str, answer: Answer) -> None:
        self.answer = answer
        super().__init__(name, _Asked)

    def server_bind(self) -> None:
        super().server_bind()
        Path(str(self.server_address)).chmod(0o600)  # before it listens: nobody could connect so far

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the one that asked has gone."""


class _Asked(StreamRequestHandler):
    timeout = PATIENCE
    server: _Server

    def handle(self) -> None:
        question = self.rfile.readline(MAX_QUESTION).decode(errors="replace").strip()
        try:
            answer = {"answer": self.server.answer(question)}
        except KeyError:
            answer = {"error": "no such list"}
        self.wfile.write(json.dumps(answer).encode())


def ask(path: Path, question: str) -> Any:
    """Return what the server at *path* answers.

    Raises NotRunningError, OSError.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        try:
            with _short(path) as name:
                connection.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError(path) from None
        connection.sendall(f"{question}\n".encode())
        with connection.makefile("rb") as answer:
            return json.load(answer)["answer"]


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a name for *path* that fits into a socket's address, 107 bytes (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
