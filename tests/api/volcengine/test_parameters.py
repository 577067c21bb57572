"""Parameters from a query, a form and a JSON document."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from volcenginesdkcore.flatten import Flatten

from mirrorplane.api.request import MAX_PARAMETERS, Request, decode
from mirrorplane.api.schema import Fault, once
from mirrorplane.api.volcengine import errors, parameters
from mirrorplane.api.volcengine.errors import Error, Refused

NAMES = st.text("abcXYZ", min_size=1, max_size=3)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = TEXTS | st.integers(-(10**12), 10**12)
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


def request(body: bytes, media_type: str = "application/json", query: bytes = b"") -> Request:
    return decode("POST", "/", query, {"content-type": media_type}, body, 0.0)


@given(DOCUMENTS)
def test_a_document_is_what_the_sdk_flattens(document: dict[str, Any]) -> None:
    flat = {name: str(value) for name, value in Flatten(document).flat().items()}
    assert once(parameters.given(request(json.dumps(document).encode()))) == flat


def test_the_parts() -> None:
    body = json.dumps(
        {"Tags": [{"Key": "k", "Value": None}], "Yes": True, "No": False, "None": None, "L": []}
    )
    assert parameters.given(request(body.encode(), query=b"Action=A")) == (
        ("Action", "A"),
        ("Tags.1.Key", "k"),
        ("Yes", "true"),
        ("No", "false"),
    )


def test_a_form() -> None:
    form = request(b"A.1=x+y&B=%E7%9B%AE", "application/x-www-form-urlencoded; charset=utf-8", b"C=")
    assert parameters.given(form) == (("C", ""), ("A.1", "x y"), ("B", "目"))


def test_a_name_twice() -> None:
    with pytest.raises(Fault) as fault:
        once(parameters.given(request(b'{"A": 1, "A": 2}')))
    assert parameters.error_of(fault.value) == errors.REPEATED


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[]", errors.REQUEST_MALFORMED),
        (b"1", errors.REQUEST_MALFORMED),
        (b"{", errors.REQUEST_MALFORMED),
        (b"\xff\xfe{", errors.REQUEST_MALFORMED),
        (b'{"A": NaN}', errors.REQUEST_MALFORMED),
        (b'{"A": "\\ud800"}', errors.REQUEST_MALFORMED),
        (b'{"\\udfff": 1}', errors.REQUEST_MALFORMED),
        (b'{"A": ' + b"9" * 5000 + b"}", errors.REQUEST_MALFORMED),
        (b'{"A": ' + b"[" * 20000 + b"]" * 20000 + b"}", errors.REQUEST_MALFORMED),
        (b'{"A": [' + b"1," * MAX_PARAMETERS + b"1]}", errors.OVERSIZED),
    ],
)
def test_what_is_no_document(body: bytes, error: Error) -> None:
    with pytest.raises(Refused) as refused:
        parameters.given(request(body))
    assert refused.value.error == error
