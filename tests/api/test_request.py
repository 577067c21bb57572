"""Requests: what of a query and a form is read, and within which bounds."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.request import MAX_BODY, MAX_PARAMETERS, MAX_QUERY, Request, Trouble, decode, media_type

FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


def request(query: bytes = b"", body: bytes = b"", headers: dict[str, str] | None = None) -> Request:
    return decode("POST", "/", query, headers or {}, body, 1.0)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=10), st.lists(st.tuples(TEXTS, TEXTS), max_size=10))
def test_parameters_are_those_that_were_encoded_in_their_order(
    query: list[tuple[str, str]], form: list[tuple[str, str]]
) -> None:
    read = request(urlencode(query).encode(), urlencode(form).encode(), FORM)
    assert (read.query, read.form, read.trouble) == (tuple(query), tuple(form), None)
    assert read.parameters == tuple(query + form)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_unreadable(octets: bytes) -> None:
    read = request(octets, octets, FORM)
    assert read.trouble in {None, Trouble.UNREADABLE}
    assert (
        all("\ufffd" not in text for pair in read.query for text in pair) or read.trouble or b"\xef" in octets
    )


@pytest.mark.parametrize("octets", [b"a=%ff", b"a=\xff", b"%C3=1"])
def test_what_is_no_text_is_unreadable_and_read_as_far_as_it_goes(octets: bytes) -> None:
    read = request(octets + b"&Action=Echo")
    assert read.trouble is Trouble.UNREADABLE
    assert ("Action", "Echo") in read.query
    assert request(body=octets, headers=FORM).trouble is Trouble.UNREADABLE


@pytest.mark.parametrize(("extra", "trouble"), [(0, None), (1, Trouble.OVERSIZED)])
def test_a_query_and_a_form_have_a_longest(extra: int, trouble: Trouble | None) -> None:
    assert request(b"a=" + b"x" * (MAX_QUERY - 2 + extra)).trouble is trouble
    assert request(body=b"a=" + b"x" * (MAX_BODY - 2 + extra), headers=FORM).trouble is trouble


@pytest.mark.parametrize(
    ("count", "trouble"), [(MAX_PARAMETERS, None), (MAX_PARAMETERS + 1, Trouble.OVERSIZED)]
)
def test_there_are_most_parameters(count: int, trouble: Trouble | None) -> None:
    read = request(b"&".join([b"a=1"] * count))
    assert (read.trouble, len(read.query)) == (trouble, MAX_PARAMETERS)


def test_a_body_that_is_no_form_is_left_alone() -> None:
    read = request(body=b"a=1", headers={"content-type": "text/plain"})
    assert (read.form, read.body) == ((), b"a=1")


def test_a_media_type_is_read_without_its_parameters() -> None:
    assert media_type({"content-type": "Application/JSON; charset=utf-8"}) == "application/json"
    assert media_type({}) == ""
