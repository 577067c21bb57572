"""Resources as Volcengine shows them.

Owns the names of their members and of their states. Must not know requests.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from mirrorplane.api.schema import Field, Kind
from mirrorplane.api.volcengine.values import TAGS_FIELD
from mirrorplane.control.resources import (
    Action,
    Filter,
    Life,
    Protocol,
    Rule,
    Session,
    Status,
    Target,
    TargetKind,
)

INSTANCE_TYPES: dict[str, TargetKind] = {"NetworkInterface": "interface", "ClbInstance": "load_balancer"}
POLICIES: dict[str, Action] = {"accept": "accept", "reject": "drop"}
PROTOCOLS: dict[str, Protocol] = {"tcp": "TCP", "udp": "UDP", "icmp": "ICMP", "all": "TCP+UDP+ICMP"}

_INSTANCE_TYPE = {kind: text for text, kind in INSTANCE_TYPES.items()}
_POLICY = {action: text for text, action in POLICIES.items()}
_PROTOCOL = {protocol: text for text, protocol in PROTOCOLS.items()}
_STATUS = {
    Status.CREATING: "Creating",
    Status.READY: "Available",
    Status.MODIFYING: "Pending",
    Status.DELETING: "Deleting",
}
_CHINA = timezone(timedelta(hours=8))


def status(life: Life, ready: str = "Available") -> str:
    """Return the state's name; a session that is ready is Active."""
    return ready if life.status is Status.READY else _STATUS[life.status]


def moment(seconds: float) -> str:
    """Return a time as this cloud writes it: 2021-07-27T14:44:00+08:00."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(_CHINA).isoformat(timespec="seconds")


def target(it: Target) -> dict[str, Any]:
    """Return an item of DescribeTrafficMirrorTargets."""
    return {
        "TrafficMirrorTargetId": it.id,
        "TrafficMirrorTargetName": it.name,
        "InstanceType": _INSTANCE_TYPE[it.kind],
        "InstanceId": it.instance,
        "Status": status(it.life),
        **_common(it),
    }


def filter_(it: Filter, rules: list[Rule]) -> dict[str, Any]:
    """Return an item of DescribeTrafficMirrorFilters; *rules* are in the order in which they are tried."""
    return {
        "TrafficMirrorFilterId": it.id,
        "TrafficMirrorFilterName": it.name,
        "Status": status(it.life),
        "IngressFilterRules": [rule(each) for each in rules if each.direction == "ingress"],
        "EgressFilterRules": [rule(each) for each in rules if each.direction == "egress"],
        **_common(it),
    }


def rule(it: Rule) -> dict[str, Any]:
    """Return a rule of an item of DescribeTrafficMirrorFilters."""
    return {
        "TrafficMirrorFilterRuleId": it.id,
        "TrafficMirrorFilterId": it.filter,
        "TrafficDirection": it.direction,
        "Priority": it.priority,
        "Policy": _POLICY[it.action],
        "Protocol": _PROTOCOL[it.protocol],
        "SourceCidrBlock": it.source_cidr_block,
        "SourcePortRange": it.source_port_range,
        "DestinationCidrBlock": it.destination_cidr_block,
        "DestinationPortRange": it.destination_port_range,
        "Description": it.description,
        "Status": status(it.life),
        **_times(it.life),
    }


def session(it: Session) -> dict[str, Any]:
    """Return an item of DescribeTrafficMirrorSessions."""
    return {
        "TrafficMirrorSessionId": it.id,
        "TrafficMirrorSessionName": it.name,
        "TrafficMirrorSourceIds": list(it.sources),
        "TrafficMirrorTargetId": it.target,
        "TrafficMirrorFilterId": it.filter,
        "Priority": it.priority,
        "PacketLength": it.packet_length,
        "VirtualNetworkId": it.vni,
        "Status": status(it.life, "Active"),
        "BusinessStatus": "Normal",
        "LockReason": "",
        **_common(it),
    }


def _common(it: Filter | Target | Session) -> dict[str, Any]:
    return {
        "Description": it.description,
        "ProjectName": it.group,
        "Tags": [{"Key": key, "Value": value} for key, value in it.tags.items()],
        **_times(it.life),
    }


def _times(life: Life) -> dict[str, str]:
    return {"CreatedAt": moment(life.created), "UpdatedAt": moment(life.updated)}


def _fields(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


_RULE_FIELDS = (
    *_fields("TrafficMirrorFilterRuleId", "TrafficMirrorFilterId", "TrafficDirection", "Policy", "Protocol"),
    Field("Priority", Kind.NUMBER),
    *_fields("SourceCidrBlock", "SourcePortRange", "DestinationCidrBlock", "DestinationPortRange"),
    *_fields("Description", "Status", "CreatedAt", "UpdatedAt"),
)
_COMMON_FIELDS = (*_fields("Description", "ProjectName", "Status", "CreatedAt", "UpdatedAt"), TAGS_FIELD)
TARGETS_FIELD = Field(
    "TrafficMirrorTargets",
    Kind.OBJECTS,
    fields=(
        *_fields("TrafficMirrorTargetId", "TrafficMirrorTargetName", "InstanceType", "InstanceId"),
        *_COMMON_FIELDS,
    ),
)
FILTERS_FIELD = Field(
    "TrafficMirrorFilters",
    Kind.OBJECTS,
    fields=(
        *_fields("TrafficMirrorFilterId", "TrafficMirrorFilterName"),
        Field("IngressFilterRules", Kind.OBJECTS, fields=_RULE_FIELDS),
        Field("EgressFilterRules", Kind.OBJECTS, fields=_RULE_FIELDS),
        *_COMMON_FIELDS,
    ),
)
SESSIONS_FIELD = Field(
    "TrafficMirrorSessions",
    Kind.OBJECTS,
    fields=(
        *_fields("TrafficMirrorSessionId", "TrafficMirrorSessionName", "TrafficMirrorTargetId"),
        Field("TrafficMirrorFilterId"),
        Field("TrafficMirrorSourceIds", Kind.LIST, about="The ids of the source's network interface."),
        Field("Priority", Kind.NUMBER),
        Field("PacketLength", Kind.NUMBER),
        Field("VirtualNetworkId", Kind.NUMBER),
        *_fields("BusinessStatus", "LockReason"),
        *_COMMON_FIELDS,
    ),
)
