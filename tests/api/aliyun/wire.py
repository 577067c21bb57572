"""Requests made by hand, for what no SDK sends."""

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from mirrorplane.api.aliyun.signature import rpc_sign, rpc_to_sign, sign, to_sign
from tests.api.aliyun.cloud import KEY, REGION, SECRET

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HEADERS = {
    "accept": "application/json",
    "host": "127.0.0.1:18471",
    "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
    "x-acs-action": "GetTrafficMirrorServiceStatus",
    "x-acs-content-sha256": EMPTY,
    "x-acs-date": "2026-11-21T19:49:09Z",
    "x-acs-signature-nonce": "nonce-1",
    "x-acs-version": "2016-04-28",
}
"""What an SDK's request had; the digest is that of an empty body."""

FORM = {"content-type": "application/x-www-form-urlencoded"}
ASKED = {"RegionId": REGION}

Pairs = Mapping[str, str]


def moment(seconds: float = 0.0) -> str:
    """Return the time that is *seconds* from now, as requests say it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def authorization(headers: Pairs, covered: Iterable[str], signature: str, key: str = KEY) -> str:
    """Return the header's value."""
    return (
        f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={';'.join(sorted(covered))},Signature={signature}"
    )


def acs3_headers(
    address: str,
    changed: Pairs,
    query: Pairs = ASKED,
    body: bytes = b"",
    key: str = KEY,
    secret: str = SECRET,
) -> dict[str, str]:
    """Return the headers of a request that is right, but for those *changed*."""
    fresh = {"host": address, "x-acs-date": moment(), "x-acs-signature-nonce": uuid4().hex}
    headers = {**HEADERS, **fresh, **changed}
    text = to_sign("POST", query.items(), headers, body)
    return {**headers, "authorization": authorization(headers, headers, sign(secret, text), key)}


def rpc_parameters(
    method: str = "POST", key: str = KEY, secret: str = SECRET, **others: str
) -> dict[str, str]:
    """Return the parameters of a request that is right, but for *others*."""
    parameters = {
        "Action": "GetTrafficMirrorServiceStatus",
        "Version": "2016-04-28",
        "Format": "JSON",
        "RegionId": REGION,
        "AccessKeyId": key,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid4().hex,
        "Timestamp": moment(),
        **others,
    }
    return {**parameters, "Signature": rpc_sign(secret, rpc_to_sign(method, parameters.items()))}


def send(
    address: str,
    headers: Pairs,
    query: Pairs | Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    method: str = "POST",
) -> tuple[int, dict[str, Any]]:
    """Return the status and the members of what the server at *address* answers."""
    pairs = query.items() if isinstance(query, Mapping) else query
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request(method, f"/?{urlencode(list(pairs))}", body, dict(headers))
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    return response.status, json.loads(text)
