"""The error tables: every code that this dialect answers with.

Owns the literals, and what is documented about each. Must not know when an error applies. Three tables: that
of the page of CreateTrafficMirrorTarget, the gateway's (common error codes), and those that are derived: no
page at hand documents them, they follow the families of the first table.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Error:
    """A row: `status` is HTTP's, `number` the CodeN that only the gateway's errors have.

    A `%s` in the message stands for what `about` is told. `derived` says that no page documents it.
    """

    status: int
    code: str
    message: str
    number: int | None = None
    derived: bool = False

    def about(self, *words: str) -> "Error":
        """Return the row with *words* in its message."""
        return replace(self, message=self.message % words)


class Refused(Exception):  # noqa: N818 -- the request's end, not a failure of ours
    """The request gets an error for an answer."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.code)
        self.error = error


# The page of CreateTrafficMirrorTarget: 21 rows, in its order.
IDEMPOTENT_PARAMETER_MISMATCH = Error(
    400,
    "IdempotentParameterMismatch",
    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
)
CLB_STATUS = Error(
    400,
    "InvalidClb.InvalidStatus",
    "The specified CLB is not in the correct status for the request. Current CLB has been frozen.",
)
DESCRIPTION_MALFORMED = Error(400, "InvalidDescription.Malformed", "The specified description is malformed.")
DESCRIPTION_TOO_LONG = Error(
    400,
    "InvalidDescription.Malformed",
    "The specified description is malformed. Ensure the maximum length of description is 255.",
)
ENI_INSTANCE_MISMATCH = Error(
    400,
    "InvalidEni.InstanceMismatch",
    "The specified elastic network interface is not attached to the specified instance.",
)
ENI_STATUS = Error(
    400,
    "InvalidEni.InvalidStatus",
    "The specified elastic network interface is not in the correct status for the request.",
)
INSTANCE_TYPE_MALFORMED = Error(
    400, "InvalidInstanceType.Malformed", "The specified InstanceType is malformed."
)
NAME_MALFORMED = Error(400, "InvalidName.Malformed", "The specified name is malformed.")
NAME_TOO_LONG = Error(
    400,
    "InvalidName.Malformed",
    "The specified name is malformed. Ensure the maximum length of name is 128.",
)
NETWORK_INTERFACE_TYPE = Error(
    400,
    "InvalidNetworkInterface.InvalidType",
    "The type of specified elastic network interface is illegal for the request.",
)
CLIENT_TOKEN_MALFORMED = Error(
    400, "InvalidParameter.ClientTokenMalformed", "The specified parameter ClientToken is malformed."
)
NETWORK_INTERFACE_ROLE = Error(
    400,
    "InvalidParameter.NetworkInterfaceId",
    "The network interface must not be the source and the target of traffic mirror sessions at the same "
    "time.",
)
TAG_DISORDER = Error(400, "InvalidTag.Disorder", "The specified index order of tag is malformed.")
TAG_KEY_MALFORMED = Error(400, "InvalidTagKey.Malformed", "The specified parameter tag key is invalid.")
TAG_VALUE_MALFORMED = Error(400, "InvalidTagValue.Malformed", "The specified parameter tag value is invalid.")
LIMIT_TAGS = Error(
    400,
    "LimitExceeded.Tags",
    "You've reached the limit on the number of tags that you can operate at one time.",
)
QUOTA_TARGETS = Error(
    400,
    "QuotaExceeded.TrafficMirrorTarget",
    "You've reached the limit on the number of traffic mirror targets that you can create.",
)
INSTANCE_NOT_FOUND = Error(404, "InvalidInstanceId.NotFound", "The specified instance does not exist.")
PROJECT_NOT_FOUND = Error(404, "InvalidProject.NotFound", "The specified Project does not exist.")
TARGET_CONFLICT = Error(
    409,
    "InvalidTrafficMirrorTarget.Conflict",
    "The specified traffic mirror target conflicts with that of another traffic mirror target.",
)
IDEMPOTENT_PROCESSING = Error(
    412,
    "IdempotentProcessing",
    "The request uses the same client token as a previous one that is still in process.",
)

# The gateway's: common error codes.
MISSING_PARAMETER = Error(400, "MissingParameter", "The request is missing %s parameter.", 100002)
MISSING_AUTHENTICATION = Error(
    401, "MissingAuthenticationToken", "Request is missing Authentication Token", 100003
)
MISSING_INFORMATION = Error(400, "MissingRequestInfo", "The request is missing %s information.", 100004)
MISSING_SIGNATURE = Error(401, "MissingSignature", "The request is missing signature.", 100005)
TIMESTAMP = Error(400, "InvalidTimestamp", "The Signature of the request is expired", 100006)
SERVICE_NOT_FOUND = Error(404, "ServiceNotFound", "This service[%s] not found.", 100007)
ACTION_NOT_FOUND = Error(404, "InvalidActionOrVersion", "Could not find operation %s for version %s.", 100008)
ACCESS_KEY = Error(401, "InvalidAccessKey", "The accesskey [%s] included in the request is invalid.", 100009)
SIGNATURE_MISMATCH = Error(
    401,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your Secret Access "
    "Key and signing method. Consult the service documentation for details.",
    100010,
)
INTERNAL = Error(500, "InternalError", "Service has some internal Error. Pls Contact With Admin.", 100014)
AUTHORIZATION = Error(
    400,
    "InvalidAuthorization",
    "Invalid 'Authorization' header, Pls check your authorization header.",
    100024,
)
CREDENTIAL = Error(
    400,
    "InvalidCredential",
    "Invalid credential in 'Authorization', Pls check credential in authorization header.",
)
SECRET_TOKEN = Error(401, "InvalidSecretToken", "Invalid secret token, msg: %s.")

# Derived.
_WORDS: dict[str, tuple[str, str]] = {
    "filter": ("TrafficMirrorFilter", "traffic mirror filter"),
    "rule": ("TrafficMirrorFilterRule", "traffic mirror filter rule"),
    "target": ("TrafficMirrorTarget", "traffic mirror target"),
    "session": ("TrafficMirrorSession", "traffic mirror session"),
}


def _derived(status: int, code: str, message: str) -> Error:
    return Error(status, code, message, derived=True)


def _each(status: int, code: str, message: str) -> dict[str, Error]:
    return {kind: _derived(status, code % noun, message % said) for kind, (noun, said) in _WORDS.items()}


NOT_FOUND = _each(404, "Invalid%s.NotFound", "The specified %s does not exist.")
STATUS = _each(
    400, "Invalid%s.InvalidStatus", "The specified %s is not in the correct status for the request."
)
IN_USE = _each(400, "Invalid%s.InUse", "The specified %s is in use by a traffic mirror session.")
PRIORITY_CONFLICT = _each(
    409, "Invalid%s.Conflict", "The specified priority conflicts with that of another %s."
)
QUOTA = _each(400, "QuotaExceeded.%s", "You've reached the limit on the number of %ss that you can create.")
QUOTA_PER_INTERFACE = _derived(
    400,
    "QuotaExceeded.TrafficMirrorSessionPerNetworkInterface",
    "You've reached the limit on the number of traffic mirror sessions of the network interface.",
)
QUOTA_PER_TARGET = _derived(
    400,
    "QuotaExceeded.TrafficMirrorSourcePerTarget",
    "You've reached the limit on the number of traffic mirror sources of the traffic mirror target.",
)
INTERFACE_NOT_FOUND = _derived(
    404, "InvalidNetworkInterface.NotFound", "The specified network interface does not exist."
)
CLB_TYPE = _derived(
    400, "InvalidClb.InvalidType", "The type of the specified CLB is illegal for the request."
)
REQUEST_MALFORMED = _derived(400, "InvalidParameter.Malformed", "The request is malformed.")
OVERSIZED = _derived(413, "RequestTooLarge", "The request is too large.")
SLOW = _derived(408, "RequestTimeout", "The request did not arrive in time.")
REPEATED = _derived(400, "InvalidParameter.Repeated", "The request has a parameter more than once.")
_MALFORMED = _derived(400, "Invalid%s.Malformed", "The specified %s is malformed.")


def malformed(parameter: str) -> Error:
    """Return the error of a *parameter* that the first table does not name."""
    return replace(_MALFORMED, code=_MALFORMED.code % parameter, message=_MALFORMED.message % parameter)
