"""Signatures: as the SDKs compute them, whatever is signed; and which are none."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from alibabacloud_tea_openapi.utils import Utils
from aliyunsdkcore.auth.algorithm import sha_hmac1
from aliyunsdkcore.auth.composer import rpc_signature_composer
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.aliyun.signature import NEEDED, acs3, rpc, rpc_sign, rpc_to_sign, sign, to_sign
from mirrorplane.api.request import Request
from tests.api.aliyun.wire import EMPTY, HEADERS, authorization

NAMES = st.text("AZaz09._-", min_size=1, max_size=12)  # the SDK does not encode them all
PAIRS = st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=12), max_size=8)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(PAIRS, SECRETS, st.binary(max_size=20))
def test_acs3_is_what_the_sdk_signs(query: dict[str, str], secret: str, body: bytes) -> None:
    covered = {name: value.replace(" ", "") for name, value in HEADERS.items()}
    digest = Utils.hash(body, "ACS3-HMAC-SHA256").hex()
    covered["x-acs-content-sha256"] = digest
    asked = SimpleNamespace(method="POST", pathname="/", query=query, headers=covered)
    said = Utils.get_authorization(asked, "ACS3-HMAC-SHA256", digest, "AK", secret)
    request = Request("POST", "/", tuple(query.items()), {**covered, "authorization": said}, body, 0.0)
    found = acs3(request)
    assert found is not None
    assert (found.key, found.nonce, found.signed) == ("AK", "nonce-1", "2026-11-21T19:49:09Z")
    assert found.matches(secret)
    assert not found.matches(secret + "x")


@given(PAIRS, SECRETS, st.sampled_from(["GET", "POST"]))
def test_rpc_is_what_the_older_sdk_signs(parameters: dict[str, str], secret: str, method: str) -> None:
    compose = rpc_signature_composer.__dict__["__compose_string_to_sign"]
    text = compose(method, parameters)
    assert rpc_to_sign(method, parameters.items()) == text
    assert rpc_sign(secret, text) == sha_hmac1.get_sign_string(text, secret + "&").strip()


def test_acs3_of_the_documented_request() -> None:
    """The example of the page on ACS3 (help.aliyun.com, "V3 request structure and signature mechanism")."""
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    image = "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
    text = to_sign("POST", [("RegionId", "cn-shanghai"), ("ImageId", image)], headers, b"")
    assert text == "ACS3-HMAC-SHA256\n7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    signature = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert sign("YourAccessKeySecret", text) == signature


def test_rpc_of_the_documented_request() -> None:
    """The example of the page on RPC signatures (help.aliyun.com, "RPC signature mechanism")."""
    parameters = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    text = rpc_to_sign("GET", parameters.items())
    assert text == (
        "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1"
        "%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0"
        "%26Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
    )
    assert rpc_sign("testsecret", text) == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="
    found = rpc("GET", {**parameters, "Signature": "OLeaidS1JvxuMvnyHOwuJ+uX5qY="})
    assert found is not None
    assert found.matches("testsecret")
    assert not found.matches("testsecre")


@pytest.mark.parametrize("name", NEEDED)
def test_acs3_has_to_cover_what_matters(name: str) -> None:
    covered = [each for each in HEADERS if each != name]
    request = Request(
        "POST", "/", (), {**HEADERS, "authorization": authorization(HEADERS, covered, "00" * 32)}, b"", 0.0
    )
    assert acs3(request) is None


def test_acs3_covers_only_headers_that_are_there() -> None:
    said = authorization(HEADERS, [*HEADERS, "x-acs-more"], "00" * 32)
    request = Request("POST", "/", (), {**HEADERS, "authorization": said}, b"", 0.0)
    assert acs3(request) is None
    assert acs3(replace(request, headers={**request.headers, "x-acs-more": "1"})) is not None


@given(st.text(max_size=60))
def test_nonsense_is_no_signature(text: str) -> None:
    for said in (text, f"ACS3-HMAC-SHA256 {text}", f"ACS3-HMAC-SHA256 Credential={text}"):
        assert acs3(Request("POST", "/", (), {**HEADERS, "authorization": said}, b"", 0.0)) is None


@given(st.text(max_size=60))
def test_any_text_is_compared(text: str) -> None:
    parameters = {"AccessKeyId": "AK", "SignatureNonce": "1", "Timestamp": "now", "Signature": text or "x"}
    found = rpc("POST", parameters)
    assert found is not None
    assert not found.matches("secret")
