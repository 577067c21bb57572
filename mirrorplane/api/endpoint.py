"""The one endpoint: a request is read within its bounds, told by its dialect, and answered by it.

Owns the bounds of reading and answering, and what is said to who speaks no dialect. Must not know any
dialect, nor sockets.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.requests import Request as Received
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mirrorplane.api.dialect import JSON, Dialect, Reply
from mirrorplane.api.journal import Entry, Journal, ignore
from mirrorplane.api.request import MAX_BODY, Request, Trouble, decode

READING, ANSWERING = 10.0, 30.0
"""Seconds that a body may take to come, and an answer to be found."""

DRAINED = 16 * MAX_BODY
"""Bytes of a body that are taken, so that who still sends it comes to read why it is refused."""

PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}

_METHODS = {"GET", "POST"}

_NO_DIALECT = {
    Trouble.OVERSIZED: (413, "RequestTooLarge", "The request is larger than this server reads."),
    Trouble.UNREADABLE: (400, "Unreadable", "The parameters are not UTF-8 text."),
    Trouble.SLOW: (408, "RequestTimeout", "The request did not arrive in time."),
    Trouble.FAILED: (500, "InternalError", "The server failed."),
    None: (
        400,
        "UnknownDialect",
        "This is no request of an API that is spoken here; see GET / in a browser.",
    ),
}


class Endpoint:
    """An ASGI application that answers in the *dialects* given, the first that claims a request.

    *page* is for browsers. Every request that is answered in a dialect, or in none, is told to *journal*.
    """

    def __init__(self, dialects: Sequence[Dialect], page: str = "", journal: Journal = ignore) -> None:
        self._dialects, self._page, self._journal = tuple(dialects), page, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            request = await _read(Received(scope, receive))
        except ClientDisconnect:
            return
        await (await self._respond(request))(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        dialect = self._dialect(request)
        if dialect is None and self._page and _is_by_a_browser(request):
            return Response(self._page, headers=PAGE_HEADERS)
        reply = await self._logged(dialect, request, str(uuid4()).upper())
        # who still sends a request is not to have the rest of it taken for another
        unfinished = request.trouble in {Trouble.OVERSIZED, Trouble.SLOW}
        closing = {"connection": "close"} if unfinished else {}
        return Response(reply.body, reply.status, {**reply.headers, **closing})

    def _dialect(self, request: Request) -> Dialect | None:
        if request.path != "/" or request.method not in _METHODS:
            return None
        return next((dialect for dialect in self._dialects if dialect.claims(request)), None)

    async def _logged(self, dialect: Dialect | None, request: Request, request_id: str) -> Reply:
        started, error = time.perf_counter(), None
        try:
            reply = await _answer(dialect, request, request_id)
        except Exception as raised:  # noqa: BLE001 -- whatever it is, the requester is answered
            error, reply = raised, _refuse(dialect, request, request_id, Trouble.FAILED)
        name = dialect.name if dialect else ""
        about = (reply.action, reply.account, reply.status, reply.code)
        milliseconds = (time.perf_counter() - started) * 1000
        self._journal(Entry(request.received, request_id, name, *about, milliseconds), error)
        return reply


async def _answer(dialect: Dialect | None, request: Request, request_id: str) -> Reply:
    if dialect is None or request.trouble is not None:
        return _refuse(dialect, request, request_id, request.trouble)
    async with asyncio.timeout(ANSWERING):
        return await dialect.answer(request, request_id)


def _refuse(dialect: Dialect | None, request: Request, request_id: str, trouble: Trouble | None) -> Reply:
    if dialect is not None and trouble is not None:
        return dialect.refuse(request, request_id, trouble)
    status, code, message = _NO_DIALECT[trouble]
    body = json.dumps({"RequestId": request_id, "Code": code, "Message": message})
    return Reply(status, JSON, body.encode(), code=code)


async def _read(received: Received) -> Request:
    """Raises ClientDisconnect where the requester has gone."""
    now = time.time()
    body, trouble = await _body(received)
    headers: dict[str, str] = {}
    for name, value in received.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value  # RFC 9110, 5.3
    query = received.scope["query_string"]
    request = decode(received.method, received.scope["path"], query, headers, body, now)
    return replace(request, trouble=trouble or request.trouble)


async def _body(received: Received) -> tuple[bytes, Trouble | None]:
    """Return the body, empty if it was in trouble."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(READING):
            async for part in received.stream():
                size += len(part)
                if size <= MAX_BODY:
                    parts.append(part)
                elif size > DRAINED:
                    break
    except TimeoutError:
        return b"", Trouble.SLOW
    return (b"".join(parts), None) if size <= MAX_BODY else (b"", Trouble.OVERSIZED)


def _is_by_a_browser(request: Request) -> bool:
    return (
        request.method == "GET" and request.path == "/" and "text/html" in request.headers.get("accept", "")
    )
