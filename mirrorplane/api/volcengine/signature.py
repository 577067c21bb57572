"""HMAC-SHA256 as Volcengine signs requests: what is signed, and with what.

Owns the canonical request, the string to sign and the signing key, for a signature in the Authorization
header and for one in the query (a presigned URL). Must not know secrets' owners, clocks or errors. Source:
https://www.volcengine.com/docs/6369/67269 and the SDK's signer (volcenginesdkcore.signv4).
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from re import compile as pattern
from typing import NamedTuple
from urllib.parse import quote

ALGORITHM = "HMAC-SHA256"
TERMINATOR = "request"

_PARTS = pattern(r"(?i)HMAC-SHA256 +Credential=([^, ]+), *SignedHeaders=([^, ]*), *Signature=([0-9a-f]+)")


class Scope(NamedTuple):
    """What a signing key is good for: a day (YYYYMMDD, UTC), a region and a service."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return "/".join((*self, TERMINATOR))


@dataclass(frozen=True)
class Credential:
    """Whose key signed, and its scope: `<key id>/<date>/<region>/<service>/request`."""

    key_id: str
    scope: Scope


@dataclass(frozen=True)
class Signed:
    """What a signature covers. Names of headers are lower-case, in order; `query` is decoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes


def parse_authorization(header: str) -> tuple[str, tuple[str, ...], str] | None:
    """Return the credential, the signed headers' names and the signature; None if it is not of this form."""
    parts = _PARTS.fullmatch(header)
    return (parts[1], tuple(parts[2].lower().split(";")), parts[3]) if parts else None


def parse_credential(text: str) -> Credential | None:
    """Return the credential that *text* spells; None if it is none."""
    key_id, *scope = text.split("/")
    match scope:
        case [date, region, service, end] if all((key_id, date, region, service)) and end == TERMINATOR:
            return Credential(key_id, Scope(date, region, service))
        case _:
            return None


def sign(secret: str, signed: Signed, date: str, scope: Scope) -> str:
    """Return the signature, in hex, of *signed*; *date* is X-Date as it was sent."""
    digest = hashlib.sha256(canonical_request(signed).encode()).hexdigest()
    return _mac(_signing_key(secret, scope), "\n".join((ALGORITHM, date, str(scope), digest))).hex()


def canonical_request(signed: Signed) -> str:
    """Return the text whose hash is signed."""
    return "\n".join(
        (
            signed.method,
            signed.path,
            canonical_query(signed.query),
            canonical_headers(signed.headers),
            ";".join(name for name, _ in signed.headers),
            hashlib.sha256(signed.body).hexdigest(),
        )
    )


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return *pairs* in order, encoded as RFC 3986 has it."""
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def canonical_headers(headers: Iterable[tuple[str, str]]) -> str:
    """Return a line for each of *headers*, each with its end; the SDK signs an empty line where none is."""
    return "".join(f"{name}:{_value(name, value)}\n" for name, value in headers) or "\n"


def signed_headers(names: Iterable[str], headers: Mapping[str, str]) -> tuple[tuple[str, str], ...] | None:
    """Return the headers that *names* names, in order; None where one of them was not sent."""
    wanted = sorted({name for name in names if name})
    if any(name not in headers for name in wanted):
        return None
    return tuple((name, headers[name]) for name in wanted)


def _value(name: str, value: str) -> str:
    """Return the header as it is signed: the host without the port that its scheme has anyway."""
    return value.removesuffix(":80").removesuffix(":443") if name == "host" else value.strip()


def _signing_key(secret: str, scope: Scope) -> bytes:
    key = secret.encode()
    for part in (*scope, TERMINATOR):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
