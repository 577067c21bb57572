"""What is refused, with which code, message and HTTP status.

Owns the 29 rows of the page of CreateTrafficMirrorSession, the codes of the other actions and those of the
gateway before them. Must not know when something is refused: `control` says why, this says how.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mirrorplane.api.schema import Fault, Wrong
from mirrorplane.control.refusals import Refusal, Why

BAD_REQUEST, FORBIDDEN, NOT_FOUND, TOO_LARGE = 400, 403, 404, 413


@dataclass(frozen=True)
class Row:
    """A row of an action's table of errors. `%s` in the message stands for the id of the thing."""

    code: str
    message: str
    status: int = BAD_REQUEST


class ApiError(Exception):
    """A request is answered by an error."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"{row.code}: {row.message}")
        self.code, self.message, self.status = row.code, row.message, row.status


# of the page itself where no Why of the control plane stands for it
UNSUPPORTED_REGION = Row("UnsupportedRegion", "The feature is not supported in current region.")
LOAD_BALANCER_NOT_FOUND = Row(
    "InvalidLoadBalancerId.NotFound", "The specified resource of load balancer is not found."
)
TARGET_NOT_FOUND = Row(
    "ResourceNotFound.TargetInstance", "The specified target instance for traffic mirroring is not found."
)
TARGET_TYPE = Row(
    "OperationDenied.UnsupportedTargetType",
    "The operation is not allowed because the target type is not supported.",
)
GATEWAY_ENDPOINT = Row(
    "OperationDenied.TargetTypeNotSupportGatewayLoadBalancerEndpoint",
    "Operation denied because of target type can not be GatewayLoadBalancerEndpoint.",
)
PRIORITY = Row(
    "IllegalParam.Priority", "The specified Priority is illegal or the same as other mirroring sessions."
)
DUPLICATE_TAG = Row("DuplicatedParam.TagKey", "The parameter of tag keys contains duplicate values.")
"""Derived from DuplicatedParam.SourceInstanceIds: the pages show no code for it."""

# of the gateway; the message of a wrong signature depends on what was to be signed
UNKNOWN_KEY = Row("InvalidAccessKeyId.NotFound", "Specified access key is not found.", NOT_FOUND)
NO_KEY = Row("MissingAccessKeyId", "AccessKeyId is mandatory for this action.")
INCOMPLETE = Row("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
EXPIRED = Row("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
NO_TIME = Row("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
REPLAYED = Row("SignatureNonceUsed", "Specified signature nonce was used already.")
METHOD = Row("InvalidSignatureMethod", "Specified signature method is not valid.")
VERSION = Row("InvalidVersion", "Specified parameter Version is not valid.")
ACTION = Row(
    "InvalidAction.NotFound", "Specified api is not found, please check your url and method.", NOT_FOUND
)
OVERSIZED = Row("RequestEntityTooLarge", "The request is larger than the server takes.", TOO_LARGE)
UNREADABLE = Row("InvalidParameter", "The parameters are not UTF-8 text.")
SLOW = Row("RequestTimeout", "The request did not arrive in time.", 408)
BODY = Row("InvalidParameter.Body", "The body is neither empty nor a form.")
INTERNAL = Row("InternalError", "The request processing has failed due to some unknown error.", 500)

_RESOURCES = {
    "filter": "TrafficMirrorFilter",
    "rule": "TrafficMirrorFilterRule",
    "session": "TrafficMirrorSession",
}
_SPOKEN = {"filter": "filter", "rule": "filter rule", "session": "session"}

_ROWS: Mapping[Why, Row] = {
    Why.BUSINESS_STATUS: Row(
        "IncorrectBusinessStatus.TrafficMirror", "The business status of traffic mirror is incorrect."
    ),
    Why.NOT_SUBSCRIBED: Row(
        "OptInRequired.TrafficMirror", "You need to subscribe to the traffic mirror service first."
    ),
    Why.DUPLICATE_SOURCE: Row(
        "DuplicatedParam.SourceInstanceIds",
        "The parameter of source instance IDs contains duplicate values.",
    ),
    Why.DUPLICATE_ROLE: Row(
        "OperationDenied.DuplicateRole",
        "The network interface must not be the source and the target of traffic mirror sessions"
        " at the same time.",
    ),
    Why.INTERFACE_NOT_FOUND: Row(
        "ResourceNotFound.NetworkInterface", "The specified resource of %s is not found."
    ),
    Why.INSTANCE_NOT_FOUND: Row(
        "ResourceNotFound.EcsInstance", "The specified resource of ECS instance is not found."
    ),
    Why.LOAD_BALANCER_NOT_FOUND: Row("ResourceNotFound.Slb", "The specified resource of SLB is not found."),
    Why.LOAD_BALANCER_NOT_IN_VPC: Row("OperationDenied.SlbNotInVpc", "The specified SLB is not in any VPC."),
    Why.INSTANCE_UNSUPPORTED: Row(
        "OperationDenied.EcsNotSupportTrafficMirror", "The ECS instance does not support traffic mirroring."
    ),
    Why.QUOTA_SESSIONS: Row(
        "QuotaExceeded.SessionNum", "The quota of the number of traffic mirror sessions is exceeded."
    ),
    Why.QUOTA_SESSIONS_PER_FILTER: Row(
        "QuotaExceeded.FilterRelatedSession",
        "The quota of the number of traffic mirror sessions related to one filter is exceeded.",
    ),
    Why.QUOTA_SOURCES_PER_SESSION: Row(
        "QuotaExceeded.SourceNumPerSession",
        "The quota of the number of traffic mirror sources per session is exceeded.",
    ),
    Why.QUOTA_SESSIONS_PER_INTERFACE: Row(
        "QuotaExceeded.NetworkInterfaceRelatedSession",
        "The quota of the number of traffic mirror sessions related to one network interface is exceeded.",
    ),
    Why.QUOTA_SESSIONS_PER_LOAD_BALANCER: Row(
        "QuotaExceeded.SlbRelatedSession",
        "The quota of the number of traffic mirror sessions related to one SLB is exceeded.",
    ),
    Why.INTERFACE_NOT_ATTACHED: Row(
        "OperationDenied.FreeNetworkInterface",
        "The network interface is not attached to any ECS instance.",
    ),
    Why.LOAD_BALANCER_CLASSIC: Row(
        "OperationDenied.ClassicSLB", "The operation is not allowed because of ClassicSLB."
    ),
    Why.QUOTA_SOURCES_PER_TARGET: Row(
        "QuotaExceeded.SourceNumPerTarget",
        "The maximum number of traffic mirror sources for a target is exceeded.",
    ),
    Why.INTERFACE_UNAVAILABLE: Row(
        "IncorrectStatus.NetworkInterface", "The status of network interface is incorrect."
    ),
    Why.BUSINESS_TYPE: Row(
        "OperationFailed.NotSupportBizType", "The specified instance type does not support the operation."
    ),
    Why.NAT_SOURCE_NEEDS_LOAD_BALANCER: Row(
        "OperationDenied.UnsupportedTargetType",
        "Traffic mirror target must be SLB if traffic mirror sources contain nat gateway network interface.",
    ),
    Why.LOAD_BALANCER_TYPE: GATEWAY_ENDPOINT,
    Why.TARGET_IS_BOND: Row(
        "OperationDenied.TargetTypeNotSupportBondEni",
        "Operation denied because of target type can not be Bond Network Interface.",
    ),
    Why.TARGET_TYPE: TARGET_TYPE,
    Why.DRY_RUN: Row("DryRunOperation", "Request validation has been passed with DryRun flag set."),
    # From here on derived from the families of the rows above: the pages that are known show no such rows.
    Why.LOAD_BALANCER_UNAVAILABLE: Row("IncorrectStatus.Slb", "The status of SLB is incorrect."),
    Why.IN_USE: Row(
        "DependencyViolation.TrafficMirrorSession",
        "The traffic mirror filter is used by traffic mirror sessions.",
    ),
    Why.SOURCE_IS_THERE: Row(
        "DuplicatedParam.SourceInstanceIds",
        "The parameter of source instance IDs contains duplicate values.",
    ),
    Why.SOURCE_IS_NOT_THERE: Row(
        "ResourceNotFound.NetworkInterface", "The specified resource of %s is not found."
    ),
    Why.QUOTA_FILTERS: Row(
        "QuotaExceeded.FilterNum", "The quota of the number of traffic mirror filters is exceeded."
    ),
    Why.QUOTA_RULES: Row(
        "QuotaExceeded.RuleNumPerFilter",
        "The quota of the number of traffic mirror filter rules per filter is exceeded.",
    ),
    Why.QUOTA_TAGS: Row("QuotaExceeded.TagNum", "The quota of the number of tags is exceeded."),
    Why.TOKEN_MISMATCH: Row(
        "IdempotentParameterMismatch",
        "The request uses the same client token as a previous, but non-identical request.",
    ),
    Why.TOKEN_IN_PROCESS: Row("OperationFailed.LastTokenProcessing", "The last token request is processing."),
}


def refused(refusal: Refusal) -> ApiError:
    """Return how *refusal* is answered."""
    row = _of_kind(refusal) or _ROWS[refusal.why]
    return ApiError(Row(row.code, row.message.replace("%s", refusal.id), row.status))


def faulty(fault: Fault, action: str) -> ApiError:
    """Return how a parameter of *action* that is wrong is answered: MissingParam.Name, IllegalParam.Name.

    The name is the parameter's without its indices: `Tag.1.Key` is TagKey, as in the VPC API's own table.
    """
    if fault.name == "Priority" and "Session" in action and fault.wrong is not Wrong.MISSING:
        return ApiError(PRIORITY)
    name = "".join(part for part in fault.name.split(".") if not part.isdecimal())
    return missing(name) if fault.wrong is Wrong.MISSING else illegal(name)


def missing(name: str) -> ApiError:
    """Return the error of the parameter *name* that is mandatory and absent."""
    return ApiError(Row(f"MissingParam.{name}", f"The parameter {name} is mandatory."))


def illegal(name: str) -> ApiError:
    """Return the error of the parameter *name* whose value is none."""
    return ApiError(Row(f"IllegalParam.{name}", f"The param of {name} is illegal."))


def _of_kind(refusal: Refusal) -> Row | None:
    """Return the row of a reason that has one for each kind of thing."""
    resource, spoken = _RESOURCES.get(refusal.kind, ""), _SPOKEN.get(refusal.kind, "")
    if refusal.why is Why.PRIORITY_TAKEN:
        return (
            PRIORITY
            if refusal.kind == "session"
            else Row(
                "IllegalParam.Priority", "The specified Priority is the same as other rules of the direction."
            )
        )
    if refusal.why is Why.NOT_FOUND:
        return Row(
            f"ResourceNotFound.{resource}", f"The specified resource of traffic mirror {spoken} is not found."
        )
    if refusal.why is Why.STATUS:
        # Terraform retries on TrafficMirrorRule, not on ...FilterRule
        return Row(
            f"IncorrectStatus.{resource.replace('FilterRule', 'Rule')}",
            f"The status of traffic mirror {spoken} is incorrect.",
        )
    return None
