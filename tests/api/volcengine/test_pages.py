"""Pages: every thing once, whatever comes and goes meanwhile."""

import base64
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Refused
from mirrorplane.api.volcengine.pages import Place, has, page


def asked(token: str = "", most: int = 10) -> dict[str, Any]:
    return {"NextToken": token, "MaxResults": most}


def whole(number: float) -> Place:
    return number, "目"


def is_even(number: float) -> bool:
    return number % 2 == 0


@given(st.integers(0, 40), st.integers(1, 100))
def test_all_pages_together_are_all(n_things: int, most: int) -> None:
    things = [number + 0.1 for number in range(n_things)]
    pages: list[list[float]] = []
    token = ""
    while token or not pages:
        found, token = page(things, whole, lambda _: True, asked(token, most))
        pages.append(found)
    assert list(chain.from_iterable(pages)) == things
    assert all(len(found) == most for found in pages[:-1])
    assert pages[-1] or not things


@given(st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_what_stays_appears_once(before: set[int], after: set[int]) -> None:
    """Things that are deleted, the one that ended a page among them, do not move the others."""
    first, token = page(sorted(map(float, before)), whole, is_even, asked("", 3))
    rest: list[float] = []
    if token:
        rest, _ = page(sorted(map(float, after | (before & after))), whole, is_even, asked(token, 100))
    staying = {number for number in before & after if number % 2 == 0}
    assert staying <= {*first, *rest}
    assert not set(first) & set(rest)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "é",
        "=",
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'["1.0", ""]').decode(),
        base64.b64encode(b"[1.0, 2]").decode(),
        base64.b64encode(b"[1, 2").decode(),
        base64.b64encode(b"[" * 1500).decode(),
    ],
)
def test_foreign_tokens(token: str) -> None:
    with pytest.raises(Refused) as refused:
        page([1.0], whole, is_even, asked(token))
    assert refused.value.error == errors.malformed("NextToken")


def test_tag_filters() -> None:
    tags = {"a": "1", "b": ""}
    assert has(tags, {})
    assert has(tags, {"a": []})
    assert has(tags, {"a": ["0", "1"], "b": [""]})
    assert not has(tags, {"a": ["1"], "b": ["1"]})
    assert not has(tags, {"c": []})
