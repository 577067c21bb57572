"""Who asks, and whether it is them, now, for the first time.

Owns the order of the checks and their codes. Must not know what is asked for.
"""

from calendar import timegm
from collections.abc import Callable, Mapping
from time import strptime

from mirrorplane.api.aliyun import errors
from mirrorplane.api.aliyun.errors import ApiError, Row
from mirrorplane.api.aliyun.signature import RPC, Signature, acs3, rpc
from mirrorplane.api.keys import Keys
from mirrorplane.api.replay import Nonces, is_fresh
from mirrorplane.api.request import Request

_MAX_NONCE = 128


class Gate:
    """Lets in what is signed by one of the keys, fresh, and new."""

    def __init__(self, keys: Keys, nonces: Nonces) -> None:
        self._keys, self._nonces = keys, nonces

    def enter(self, request: Request, parameters: Mapping[str, str]) -> str:
        """Return the id of the access key that signed *request*; *parameters* are its, by name.

        Raises:
            ApiError: it is not let in. Nothing is remembered of it unless the signature was right.
        """
        signature, mismatch = _signature(request, parameters)
        secret = self._keys.secret(signature.key)
        if secret is None:
            raise ApiError(errors.UNKNOWN_KEY)
        signed = _seconds(signature.signed)
        if not is_fresh(signed, request.received):
            raise ApiError(errors.EXPIRED)
        if not signature.matches(secret):
            raise ApiError(mismatch(signature))
        if not self._nonces.use(signature.key, signature.nonce, signed, request.received):
            raise ApiError(errors.REPLAYED)
        return signature.key


def _signature(
    request: Request, parameters: Mapping[str, str]
) -> tuple[Signature, Callable[[Signature], Row]]:
    if "authorization" in request.headers:
        signature, mismatch = acs3(request), _mismatch_of_acs3
    else:
        signature, mismatch = _rpc(request, parameters), _mismatch_of_rpc
    if signature is None or len(signature.nonce) > _MAX_NONCE:
        raise ApiError(errors.INCOMPLETE)
    return signature, mismatch


def _rpc(request: Request, parameters: Mapping[str, str]) -> Signature | None:
    if not parameters.get("AccessKeyId"):
        raise ApiError(errors.NO_KEY)
    if parameters.get("SignatureMethod") != RPC or parameters.get("SignatureVersion") != "1.0":
        raise ApiError(errors.METHOD)
    return rpc(request.method, parameters)


def _mismatch_of_acs3(signature: Signature) -> Row:
    text = signature.text.replace("\n", "\\n")
    return Row(
        "SignatureDoesNotMatch",
        f"Specified signature does not match our calculation. server StringToSign is [{text}]",
    )


def _mismatch_of_rpc(signature: Signature) -> Row:
    """Return the row whose message the older SDK splits at the colon, to compare the text with its own."""
    return Row(
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. server string to sign is:" + signature.text,
    )


def _seconds(text: str) -> float:
    try:
        return timegm(strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        raise ApiError(errors.NO_TIME) from None
