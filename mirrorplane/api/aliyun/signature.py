"""How a request is signed: ACS3-HMAC-SHA256 over headers, query and body; the older RPC v1 over parameters.

Owns what is signed, and how, in both. Must not know keys, clocks or whether a request was made before.

ACS3: help.aliyun.com, "V3 request structure and signature mechanism". RPC v1: "RPC signature mechanism",
version 1.0 with HMAC-SHA1.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha1, sha256
from re import compile as pattern
from urllib.parse import quote

from mirrorplane.api.request import Request

ACS3, RPC = "ACS3-HMAC-SHA256", "HMAC-SHA1"
NEEDED = (
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
)
"""Headers that an ACS3 signature has to cover: one that is not covered, anybody on the way can change."""

_AUTHORIZATION = pattern(
    rf"{ACS3} +Credential=([^,\s]{{1,128}}), *SignedHeaders=([a-z0-9;_-]{{1,2048}}),"
    r" *Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True)
class Signature:
    """What a request says of its signature. `text` is what was to be signed, as an error shows it.

    `matches` tells whether a secret gives this signature, in a time that does not depend on how wrong it is.
    """

    key: str
    nonce: str
    signed: str
    text: str
    matches: Callable[[str], bool]


def acs3(request: Request) -> Signature | None:
    """Return the signature in the header `Authorization`; None if that, or what it must cover, is missing."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return None
    key, names, given = found.groups()
    covered = names.split(";")
    if not set(NEEDED) <= set(covered) or not set(covered) <= set(request.headers):
        return None
    text = to_sign(
        request.method, request.query, {name: request.headers[name] for name in covered}, request.body
    )
    return Signature(
        key,
        request.headers["x-acs-signature-nonce"],
        request.headers["x-acs-date"],
        text,
        lambda secret: hmac.compare_digest(sign(secret, text), given),
    )


def rpc(method: str, parameters: Mapping[str, str]) -> Signature | None:
    """Return the signature that the common parameters of RPC v1 hold; None if one of them is not there."""
    names = ("AccessKeyId", "SignatureNonce", "Timestamp", "Signature")
    key, nonce, signed, given = (parameters.get(name, "") for name in names)
    if not (key and nonce and signed and given):
        return None
    text = rpc_to_sign(method, [pair for pair in parameters.items() if pair[0] != "Signature"])
    return Signature(
        key,
        nonce,
        signed,
        text,
        lambda secret: hmac.compare_digest(rpc_sign(secret, text).encode(), given.encode()),
    )


def to_sign(method: str, query: Iterable[tuple[str, str]], headers: Mapping[str, str], body: bytes) -> str:
    """Return ACS3's text to be signed: the digest of the canonical request.

    *headers* are those that the signature covers. The body's digest is that of *body*, so that a header
    `x-acs-content-sha256` that says otherwise leads to another signature.
    """
    names = sorted(headers)
    canonical = "\n".join(
        (
            method,
            "/",
            _joined(query),
            "".join(f"{name}:{headers[name].strip()}\n" for name in names),
            ";".join(names),
            sha256(body).hexdigest(),
        )
    )
    return f"{ACS3}\n{sha256(canonical.encode()).hexdigest()}"


def sign(secret: str, text: str) -> str:
    """Return ACS3's signature of *text*, in hexadecimal digits."""
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()


def rpc_to_sign(method: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return RPC v1's text to be signed; *parameters* are all but the signature itself."""
    return f"{method}&%2F&{_encoded(_joined(parameters))}"


def rpc_sign(secret: str, text: str) -> str:
    """Return RPC v1's signature of *text*, in base64."""
    return b64encode(hmac.new(f"{secret}&".encode(), text.encode(), sha1).digest()).decode()


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")  # RFC 3986, 2.3: unreserved, letters and digits are always
