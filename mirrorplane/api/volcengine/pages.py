"""A page of what there is: which things are meant, and where the next page begins.

Owns the filters that all Describe actions share, and NextToken. Must not know any action's answer.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Refused
from mirrorplane.control.resources import Filter, Session, Target

Place = tuple[float, str]
"""Where something stands in its list: when the thing was created, which no two were at once, and the rest."""

T = TypeVar("T")


def place(thing: Filter | Session | Target) -> Place:
    """Return where *thing* stands."""
    return thing.life.created, ""


def page(
    ordered: Sequence[T], place: Callable[[T], Place], wanted: Callable[[T], bool], values: Mapping[str, Any]
) -> tuple[list[T], str]:
    """Return the page of those *wanted* that *values* ask for (MaxResults, NextToken), and the next token.

    *ordered* is in the order of places. What is created or deleted between two pages makes nothing else
    appear twice or not at all.

    Raises:
        Refused: the token is none of ours.
    """
    token, most = values["NextToken"], values["MaxResults"]
    start = bisect_right(ordered, _read(token), key=place) if token else 0
    found = list(islice(filter(wanted, islice(ordered, start, None)), most + 1))
    return found[:most], _token(place(found[most - 1])) if len(found) > most else ""


def has(tags: Mapping[str, str], filters: Mapping[str, Sequence[str]]) -> bool:
    """Whether *tags* have each key of *filters*, with one of its values if there are any."""
    return all(key in tags and (not values or tags[key] in values) for key, values in filters.items())


def is_among(value: str, wanted: Sequence[str]) -> bool:
    """Whether *value* is one of those *wanted*; without any, all are."""
    return not wanted or value in wanted


def _token(last: Place) -> str:
    return urlsafe_b64encode(json.dumps(last, ensure_ascii=False).encode()).decode()


def _read(token: str) -> Place:
    try:
        match json.loads(urlsafe_b64decode(token)):
            case [float(created), str(rest)]:
                return created, rest
    except (ValueError, RecursionError):
        pass
    raise Refused(errors.malformed("NextToken"))
