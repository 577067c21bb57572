"""The server: uvicorn, in a thread of its own, on a socket that is listened on before it starts.

Owns sockets, and how long connections may be quiet. Must not know what is asked and answered.
"""

import asyncio
import socket
from asyncio import BaseTransport, TimerHandle
from threading import Thread
from types import TracebackType
from typing import Self

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mirrorplane.api.request import MAX_QUERY

MAX_HEAD = 16 * MAX_QUERY
"""Bytes of the request line and the headers; the query has its own bound, whose excess dialects answer."""

HEAD_SECONDS, IDLE_SECONDS = 10.0, 60
"""What the head of a request may take to come, and how long a connection is kept without one."""

CLOSING_SECONDS = 2
"""What requests under way are given when the server ends."""

MAX_CONNECTIONS, BACKLOG = 1000, 1024


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there, on a free port if *port* is 0.

    Raises OSError.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def address(listening: socket.socket) -> str:
    """Return where *listening* is, `host:port`, as an SDK's endpoint wants it."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Server:
    """Serves *application* on *listening*, which it closes in the end, from `__enter__` to `__exit__`.

    `address` is where.
    """

    def __init__(self, application: ASGIApp, listening: socket.socket) -> None:
        self.address = address(listening)
        self._listening = listening
        self._server = uvicorn.Server(_settings(application))
        self._thread = Thread(target=self._run, name="http", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answer what is under way, for CLOSING_SECONDS at most, and end."""
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def is_alive(self) -> bool:
        """Return whether it is still serving."""
        return self._thread.is_alive()

    def _run(self) -> None:
        asyncio.run(self._server.serve([self._listening]))


def _settings(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD,
    )


class _Connection(H11Protocol):
    """A connection whose requests' heads must come in time: uvicorn waits for them for ever."""

    _waiting: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_more()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
