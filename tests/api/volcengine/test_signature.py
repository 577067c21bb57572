"""The signature, against a known vector and against the SDK's own signer."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from volcenginesdkcore.signv4 import SignerV4

from mirrorplane.api.volcengine.signature import (
    Credential,
    Scope,
    Signed,
    canonical_request,
    parse_authorization,
    parse_credential,
    sign,
    signed_headers,
)
from tests.api.volcengine.asking import EMPTY

SECRET = "dummySecretKey+/0123456789"  # noqa: S105 -- the vector's
SCOPE = Scope("20260102", "cn-beijing", "vpc")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def test_the_vector() -> None:
    """Made by the SDK's signer with a fixed clock, and recomputed by hand."""
    signed = Signed(
        "GET",
        "/",
        (
            ("TrafficMirrorTargetName", "a b*/目"),
            ("Version", "2020-04-01"),
            ("Action", "DescribeTrafficMirrorTargets"),
        ),
        (
            ("content-type", "text/plain"),
            ("host", "127.0.0.1:8080"),
            ("x-content-sha256", EMPTY),
            ("x-date", "20260102T030405Z"),
        ),
        b"",
    )
    assert canonical_request(signed).split("\n")[2] == (
        "Action=DescribeTrafficMirrorTargets&TrafficMirrorTargetName=a%20b%2A%2F%E7%9B%AE&Version=2020-04-01"
    )
    assert sign(SECRET, signed, "20260102T030405Z", SCOPE) == (
        "c7c75b7ed0897d88b998f36c9f2aa5374cd111b00b22a194b81c14e538fd9960"
    )


@given(
    query=st.dictionaries(TEXT, TEXT, max_size=4),
    method=st.sampled_from(["GET", "POST"]),
    body=TEXT,
    port=st.sampled_from(["", ":80", ":443", ":8780"]),
    secret=st.text("abcXYZ09+/=", min_size=1),
)
def test_as_the_sdk_signs(query: dict[str, str], method: str, body: str, port: str, secret: str) -> None:
    headers = {"Content-Type": "application/json", "Host": f"localhost{port}", "Accept": "application/json"}
    SignerV4.sign("/", method, headers, body, [], query, "AK", secret, "cn-beijing", "vpc")
    parsed = parse_authorization(headers["Authorization"])
    assert parsed is not None
    credential, names, signature = parsed
    found = parse_credential(credential)
    assert found is not None
    sent = {name.lower(): value for name, value in headers.items()}
    covered = signed_headers(names, sent)
    assert covered is not None
    signed = Signed(method, "/", tuple(query.items()), covered, body.encode())
    assert sign(secret, signed, headers["X-Date"], found.scope) == signature
    assert found.key_id == "AK"


@given(query=st.dictionaries(TEXT, TEXT, max_size=4), host=st.sampled_from([None, "127.0.0.1:8780"]))
def test_as_the_sdk_signs_a_url(query: dict[str, str], host: str | None) -> None:
    url: str = SignerV4.sign_url("/", "GET", query, "AK", "SK", "cn-beijing", "vpc", host=host)
    pairs = dict(parse_qsl(url, keep_blank_values=True))
    covered = signed_headers(pairs["X-SignedHeaders"].split(";"), {"host": host or ""})
    credential = parse_credential(pairs["X-Credential"])
    assert credential is not None
    assert covered is not None
    signature = pairs.pop("X-Signature")
    signed = Signed("GET", "/", tuple(pairs.items()), covered, b"")
    assert sign("SK", signed, pairs["X-Date"], credential.scope) == signature


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AK/20260102/r/vpc/request", Credential("AK", Scope("20260102", "r", "vpc"))),
        ("AK/20260102/r/vpc/aws4_request", None),
        ("AK/20260102/r/vpc", None),
        ("AK/20260102/r//request", None),
        ("/20260102/r/vpc/request", None),
        ("AK/a/20260102/r/vpc/request", None),
        ("", None),
    ],
)
def test_credentials(text: str, found: Credential | None) -> None:
    assert parse_credential(text) == found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            "HMAC-SHA256 Credential=c, SignedHeaders=host;X-Date, Signature=0f",
            ("c", ("host", "x-date"), "0f"),
        ),
        ("hmac-sha256 Credential=c,SignedHeaders=,Signature=0f", ("c", ("",), "0f")),
        ("HMAC-SHA256 Credential=c, SignedHeaders=host", None),
        ("HMAC-SHA256 Credential=c, SignedHeaders=host, Signature=xy", None),
        ("HMAC-SHA1 Credential=c, SignedHeaders=host, Signature=0f", None),
        ("HMAC-SHA256", None),
        ("", None),
    ],
)
def test_the_header(header: str, found: Any) -> None:
    assert parse_authorization(header) == found
