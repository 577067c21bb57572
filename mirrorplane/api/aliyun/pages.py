"""Lists by pages.

Owns the order, oldest first, and the token that says where the next page begins. Must not know what is
listed. A token holds the key of the last thing that was shown, so it stays good whatever is made or deleted
between two pages: nothing is shown twice, and nothing that was there all the time is left out.
"""

import json
from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from mirrorplane.api.schema import Fault, Field, Kind, Parameter, Wrong

Key = tuple[float, str, str]
"""When a thing was made, its id, and what tells several rows of it apart."""

NEXT_TOKEN = Parameter(
    "NextToken",
    about="The NextToken of the page before; empty for the first.",
    maximum=512,
    empty_is_absent=True,
)
PAGE_FIELDS = (
    Field("NextToken", about="Where the next page begins; empty on the last one."),
    Field("TotalCount", about="How many there are on all pages."),
)

_WHAT = (float, str, str)

T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A page: its things, the token of the next one (empty if there is none), how many there are in all."""

    things: list[T]
    token: str
    total: int


def size(most: int, default: int) -> Parameter:
    """Return the declaration of how many a page has at most."""
    return Parameter(
        "MaxResults", Kind.NUMBER, "How many a page has.", minimum=1, maximum=most, default=default
    )


def page(things: Iterable[T], key: Callable[[T], Key], most: int, token: str | None) -> Page[T]:
    """Return the page after the one whose *token* it was, the first if there is none.

    *things* are in the order of their *key*.

    Raises:
        Fault: *token* is none of ours.
    """
    ordered = list(things)
    begin = bisect_right(ordered, decode(token), key=key) if token else 0
    end = begin + most
    more = end < len(ordered)
    return Page(ordered[begin:end], encode(key(ordered[end - 1])) if more else "", len(ordered))


def encode(key: Key) -> str:
    """Return the token of the page that begins after *key*."""
    return urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode(token: str) -> Key:
    """Return the key in *token*.

    Raises:
        Fault: there is none.
    """
    try:
        parts = json.loads(_octets(token), parse_constant=_none_such)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(_WHAT):
        raise Fault(Wrong.FORM, NEXT_TOKEN.name, NEXT_TOKEN)
    return parts[0], parts[1], parts[2]


def _none_such(text: str) -> float:
    raise ValueError(text)


def _octets(token: str) -> bytes:
    return b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
