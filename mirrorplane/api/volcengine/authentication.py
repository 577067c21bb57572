"""Who asks: the request's signature, its age, and that it was not there before.

Owns the order of these checks and the gateway's error for each. Must not know actions. Nothing that is
unsigned is believed: a query that is signed in part, or a body that is not signed, is refused.

A signature counts once. The protocol has no nonce, but its SDK signs an id of each call (X-Sdk-Invocation-Id)
and a new date with each retry, so that two requests with one signature are one that was recorded. A client
that signs nothing but the date, to the second, must not ask the same twice in one second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from re import compile as pattern

from mirrorplane.api.keys import Keys
from mirrorplane.api.replay import Nonces, is_fresh
from mirrorplane.api.request import Request
from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Refused
from mirrorplane.api.volcengine.signature import (
    ALGORITHM,
    Credential,
    Signed,
    parse_authorization,
    parse_credential,
    sign,
    signed_headers,
)

SERVICE = "vpc"
_UNSIGNED = {"X-Signature", "X-Security-Token"}  # of a presigned URL's query
_REGION = pattern(r"[A-Za-z0-9-]{1,64}")
_DATE = pattern(r"[0-9]{8}T[0-9]{6}Z")


@dataclass(frozen=True)
class Claim:
    """What a request says about who signed it, and what it gives as proof."""

    credential: Credential
    date: str
    signed: Signed
    signature: str
    session_token: str | None


def claims(request: Request) -> bool:
    """Whether *request* is signed as this protocol has it, rightly or not."""
    scheme = request.headers.get("authorization", "").partition(" ")[0]
    return scheme.upper() == ALGORITHM or ("X-Algorithm", ALGORITHM) in request.query


def authenticate(request: Request, keys: Keys, seen: Nonces) -> Credential:
    """Return whose key signed *request*.

    Raises:
        Refused: with one of the gateway's errors.
    """
    claim = _claim(request)
    signed = _signed_at(claim, request.received)
    if claim.session_token is not None:
        raise Refused(errors.SECRET_TOKEN.about("this server issues no temporary keys"))
    key_id = claim.credential.key_id
    secret = keys.secret(key_id)
    if secret is None:
        raise Refused(errors.ACCESS_KEY.about(key_id[:128]))
    expected = sign(secret, claim.signed, claim.date, claim.credential.scope)
    if not compare_digest(expected.encode(), claim.signature.encode()):
        raise Refused(errors.SIGNATURE_MISMATCH)
    if claim.credential.scope.service != SERVICE:
        raise Refused(errors.SERVICE_NOT_FOUND.about(claim.credential.scope.service[:64]))
    if not seen.use(key_id, expected, signed, request.received):
        raise Refused(errors.TIMESTAMP)
    return claim.credential


def _claim(request: Request) -> Claim:
    if "authorization" in request.headers:
        return _claim_of_header(request, request.headers)
    query = dict(request.query)
    if query.get("X-Algorithm") == ALGORITHM:
        return _claim_of_query(request, query)
    raise Refused(errors.MISSING_AUTHENTICATION)


def _claim_of_header(request: Request, headers: Mapping[str, str]) -> Claim:
    parts = parse_authorization(headers["authorization"])
    if parts is None:
        missing = "Signature=" not in headers["authorization"]
        raise Refused(errors.MISSING_SIGNATURE if missing else errors.AUTHORIZATION)
    credential, names, signature = parts
    covered = signed_headers(names, headers)
    if "x-date" not in headers:
        raise Refused(errors.MISSING_INFORMATION.about("X-Date"))
    if covered is None or not {"host", "x-date"} <= {name for name, _ in covered}:
        raise Refused(errors.SIGNATURE_MISMATCH)
    return Claim(
        _credential(credential),
        headers["x-date"],
        Signed(request.method, request.path, request.query, covered, request.body),
        signature.lower(),
        headers.get("x-security-token"),
    )


def _claim_of_query(request: Request, query: Mapping[str, str]) -> Claim:
    """Return the claim of a presigned URL; its body, if any, is held to be signed, as a header's is."""
    for name in ("X-Date", "X-Credential", "X-SignedQueries"):
        if not query.get(name):
            raise Refused(errors.MISSING_INFORMATION.about(name))
    if not query.get("X-Signature"):
        raise Refused(errors.MISSING_SIGNATURE)
    names = set(query["X-SignedQueries"].split(";"))
    covered = signed_headers(query.get("X-SignedHeaders", "").lower().split(";"), request.headers)
    if (
        covered is None
        or "X-Date" not in names
        or not {name for name, _ in request.query} - _UNSIGNED <= names
    ):
        raise Refused(errors.SIGNATURE_MISMATCH)
    pairs = tuple((name, value) for name, value in request.query if name in names)
    return Claim(
        _credential(query["X-Credential"]),
        query["X-Date"],
        Signed(request.method, request.path, pairs, covered, request.body),
        query["X-Signature"].lower(),
        query.get("X-Security-Token"),
    )


def _credential(text: str) -> Credential:
    credential = parse_credential(text)
    if credential is None or not _REGION.fullmatch(credential.scope.region):
        raise Refused(errors.CREDENTIAL)
    return credential


def _signed_at(claim: Claim, now: float) -> float:
    """Return when *claim* was signed; refuse a date that is not near *now*, or not the scope's."""
    signed = _seconds(claim.date)
    if signed is None or not is_fresh(signed, now) or claim.date[:8] != claim.credential.scope.date:
        raise Refused(errors.TIMESTAMP)
    return signed


def _seconds(date: str) -> float | None:
    if not _DATE.fullmatch(date):
        return None
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
