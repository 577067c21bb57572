"""What a request asks for, wherever it says so: query, form or JSON document.

Owns how each is read into dotted names, and the error for each way in which a parameter may be wrong. Must
not know any action.
"""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from mirrorplane.api.request import MAX_PARAMETERS, Pairs, Request, media_type
from mirrorplane.api.schema import Fault, Wrong
from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Error, Refused

JSON = "application/json"


def given(request: Request) -> Pairs:
    """Return all parameters of *request*.

    Raises:
        Refused: the body is no JSON object that parameters can be in, or a text is none.
    """
    if not request.body or media_type(request.headers) != JSON:
        return request.parameters
    try:
        document = json.loads(request.body, object_pairs_hook=_Members, parse_constant=_refuse_constant)
        if not isinstance(document, _Members):
            raise Refused(errors.REQUEST_MALFORMED)
        pairs = tuple(_bounded(_flat(document, "")))
        "".join(text for pair in pairs for text in pair).encode()
    except (ValueError, RecursionError):  # a lone surrogate is an encoding error, which is a ValueError
        raise Refused(errors.REQUEST_MALFORMED) from None
    return request.query + pairs


class _Members(list[tuple[str, Any]]):
    """An object's members as they stand: a name that is there twice is seen later."""


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)  # NaN and Infinity, which no other reader of JSON takes


def _bounded(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for at, pair in enumerate(pairs):
        if at >= MAX_PARAMETERS:
            raise Refused(errors.OVERSIZED)
        yield pair


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield each scalar below *value* by its dotted name; lists count from 1, null is as good as absent."""
    if isinstance(value, _Members):
        for key, below in value:
            yield from _flat(below, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for at, below in enumerate(value, 1):
            yield from _flat(below, f"{name}.{at}")
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif value is not None:
        yield name, str(value)


_ALWAYS = {
    "ClientToken": errors.CLIENT_TOKEN_MALFORMED,
    "Description": errors.DESCRIPTION_MALFORMED,
    "InstanceType": errors.INSTANCE_TYPE_MALFORMED,
}


def error_of(fault: Fault) -> Error:
    """Return the error for a parameter that is wrong in this way."""
    root, _, below = fault.name.partition(".")
    named = root.startswith("TrafficMirror") and root.endswith("Name")
    match root, fault.wrong:
        case _, Wrong.REPEATED:
            return errors.REPEATED
        case "Tags" | "TagFilters" | "TagKeys", _:
            return _error_of_tags(fault, below)
        case _, Wrong.MISSING:
            return errors.MISSING_PARAMETER.about(fault.name)
        case "Description", Wrong.GREAT:
            return errors.DESCRIPTION_TOO_LONG
        case _, Wrong.GREAT if named:
            return errors.NAME_TOO_LONG
    return errors.NAME_MALFORMED if named else _ALWAYS.get(root) or errors.malformed(root)


def _error_of_tags(fault: Fault, below: str) -> Error:
    """Return the error for a tag that is wrong, or for how many there are, or their order."""
    if below and fault.wrong is not Wrong.ORDER:
        return errors.TAG_VALUE_MALFORMED if ".Value" in fault.name else errors.TAG_KEY_MALFORMED
    match fault.wrong:
        case Wrong.GREAT:
            return errors.LIMIT_TAGS
        case Wrong.MISSING:
            return errors.MISSING_PARAMETER.about(fault.name)
        case _:
            return errors.TAG_DISORDER
