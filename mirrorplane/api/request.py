"""A request as it came, with the parameters of its query and form decoded.

Owns the bounds of a request, and what of it cannot be read. Must not know any dialect, nor who received it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import parse_qsl

Pairs = tuple[tuple[str, str], ...]

MAX_BODY = MAX_QUERY = 64 << 10
"""Bytes. The longest filter that may be asked for, 20 rules and 20 tags of CJK text, takes 60 KB."""

MAX_PARAMETERS = 2000
"""In the query and in the form, each."""

FORM = "application/x-www-form-urlencoded"


class Trouble(Enum):
    """Why a request is not answered by what it asks for."""

    OVERSIZED = auto()
    UNREADABLE = auto()  # neither query nor form are UTF-8 text
    SLOW = auto()  # its body did not arrive in time
    FAILED = auto()  # our fault


@dataclass(frozen=True)
class Request:
    """A request. Header names are in lower case; `received` is in seconds since the epoch.

    `query` and `form` are decoded, in the order in which they came; `form` is empty where the body is none.
    With `trouble` they are what could be read, for who wants to know whom to answer.
    """

    method: str
    path: str
    query: Pairs
    headers: Mapping[str, str]
    body: bytes
    received: float
    form: Pairs = ()
    trouble: Trouble | None = None

    @property
    def parameters(self) -> Pairs:
        """The parameters, wherever they stand."""
        return self.query + self.form


def decode(
    method: str, path: str, query: bytes, headers: Mapping[str, str], body: bytes, received: float
) -> Request:
    """Return the request of which *query* and *body* came as they are here."""
    form = body if media_type(headers) == FORM else b""
    oversized = any(_is_oversized(text, limit) for text, limit in ((query, MAX_QUERY), (form, MAX_BODY)))
    trouble = Trouble.OVERSIZED if oversized else None
    try:
        pairs, fields = _pairs(query, "strict"), _pairs(form, "strict")
    except UnicodeDecodeError:
        pairs, fields = _pairs(query, "replace"), _pairs(form, "replace")
        trouble = trouble or Trouble.UNREADABLE
    return Request(method, path, pairs, headers, body, received, fields, trouble)


def media_type(headers: Mapping[str, str]) -> str:
    """Return the body's media type, without its parameters, in lower case (RFC 9110, 8.3.1)."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_oversized(text: bytes, limit: int) -> bool:
    return len(text) > limit or text.count(b"&") >= MAX_PARAMETERS


def _pairs(text: bytes, errors: str) -> Pairs:
    """Return the first MAX_PARAMETERS of *text*; `+` is a space (WHATWG URL, 5.1).

    Raises UnicodeDecodeError if *errors* are not replaced.
    """
    bounded = b"&".join(text.split(b"&", MAX_PARAMETERS)[:MAX_PARAMETERS])
    return tuple(parse_qsl(bounded.decode("utf-8", errors), keep_blank_values=True, errors=errors))
