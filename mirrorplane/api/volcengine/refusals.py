"""The error for each reason for which the control plane refuses something.

Owns that table, for all actions. Must not know why anything was refused.
"""

from collections.abc import Mapping

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Error
from mirrorplane.control.refusals import Refusal, Why

_ONE: Mapping[Why, Error] = {
    Why.INTERFACE_UNAVAILABLE: errors.ENI_STATUS,
    Why.INTERFACE_NOT_ATTACHED: errors.ENI_INSTANCE_MISMATCH,
    Why.INSTANCE_NOT_FOUND: errors.ENI_INSTANCE_MISMATCH,
    Why.INSTANCE_UNSUPPORTED: errors.NETWORK_INTERFACE_TYPE,
    Why.BUSINESS_TYPE: errors.NETWORK_INTERFACE_TYPE,
    Why.TARGET_TYPE: errors.NETWORK_INTERFACE_TYPE,
    Why.TARGET_IS_BOND: errors.NETWORK_INTERFACE_TYPE,
    Why.NAT_SOURCE_NEEDS_LOAD_BALANCER: errors.NETWORK_INTERFACE_TYPE,
    Why.LOAD_BALANCER_NOT_FOUND: errors.INSTANCE_NOT_FOUND,
    Why.LOAD_BALANCER_UNAVAILABLE: errors.CLB_STATUS,
    Why.LOAD_BALANCER_NOT_IN_VPC: errors.CLB_TYPE,
    Why.LOAD_BALANCER_CLASSIC: errors.CLB_TYPE,
    Why.LOAD_BALANCER_TYPE: errors.CLB_TYPE,
    Why.DUPLICATE_ROLE: errors.NETWORK_INTERFACE_ROLE,
    Why.TARGET_CONFLICT: errors.TARGET_CONFLICT,
    Why.QUOTA_SESSIONS: errors.QUOTA["session"],
    Why.QUOTA_SESSIONS_PER_INTERFACE: errors.QUOTA_PER_INTERFACE,
    Why.QUOTA_SOURCES_PER_TARGET: errors.QUOTA_PER_TARGET,
    Why.QUOTA_FILTERS: errors.QUOTA["filter"],
    Why.QUOTA_RULES: errors.QUOTA["rule"],
    Why.QUOTA_TARGETS: errors.QUOTA_TARGETS,
    Why.QUOTA_TAGS: errors.LIMIT_TAGS,
    Why.TOKEN_MISMATCH: errors.IDEMPOTENT_PARAMETER_MISMATCH,
    Why.TOKEN_IN_PROCESS: errors.IDEMPOTENT_PROCESSING,
}

_BY_KIND: Mapping[Why, Mapping[str, Error]] = {
    Why.INTERFACE_NOT_FOUND: {"source": errors.INTERFACE_NOT_FOUND, "target": errors.INSTANCE_NOT_FOUND},
    Why.NOT_FOUND: {**errors.NOT_FOUND, "group": errors.PROJECT_NOT_FOUND},
    Why.STATUS: errors.STATUS,
    Why.IN_USE: errors.IN_USE,
    Why.PRIORITY_TAKEN: errors.PRIORITY_CONFLICT,
}


def error_of(refusal: Refusal) -> Error:
    """Return the error for *refusal*: INTERNAL where this dialect has nothing that can be refused so."""
    by_kind = _BY_KIND.get(refusal.why, {})
    return _ONE.get(refusal.why) or by_kind.get(refusal.kind, errors.INTERNAL)
