"""Things as answers show them.

Owns the words for states and the forms of times, filters, rules, sessions and tags. Must not know requests.
"""

from collections.abc import Iterable, Mapping
from time import gmtime, strftime
from typing import Any

from mirrorplane.api.aliyun import rules
from mirrorplane.api.aliyun.parameters import RESOURCE_GROUP_FIELD, TAG_FIELDS
from mirrorplane.api.schema import Field, Kind
from mirrorplane.control.resources import Filter, Rule, Session, Status, TargetKind

TARGET_TYPES: Mapping[str, TargetKind] = {"NetworkInterface": "interface", "SLB": "load_balancer"}
_TYPES = {kind: name for name, kind in TARGET_TYPES.items()}

STATUSES = {
    Status.CREATING: "Creating",
    Status.READY: "Created",
    Status.MODIFYING: "Modifying",
    Status.DELETING: "Deleting",
}
_ABOUT_STATUS = "Creating, Created, Modifying or Deleting."


def shape_of_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return *tags* as a list of pairs."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def shape_of_filter(mirror_filter: Filter, its_rules: Iterable[Rule]) -> dict[str, Any]:
    """Return a filter with its rules, by direction and priority."""
    ordered = sorted(its_rules, key=lambda rule: rule.priority)
    return {
        "TrafficMirrorFilterId": mirror_filter.id,
        "TrafficMirrorFilterName": mirror_filter.name,
        "TrafficMirrorFilterDescription": mirror_filter.description,
        "TrafficMirrorFilterStatus": STATUSES[mirror_filter.life.status],
        "CreationTime": _time(mirror_filter.life.created),
        "ResourceGroupId": mirror_filter.group,
        "Tags": shape_of_tags(mirror_filter.tags),
        **{
            name: [_shape_of_rule(rule) for rule in ordered if rule.direction == direction]
            for direction, name in rules.LISTS.items()
        },
    }


def shape_of_session(session: Session, business_status: str) -> dict[str, Any]:
    """Return a session of an account with *business_status*."""
    return {
        "TrafficMirrorSessionId": session.id,
        "TrafficMirrorSessionName": session.name,
        "TrafficMirrorSessionDescription": session.description,
        "TrafficMirrorSessionStatus": STATUSES[session.life.status],
        "TrafficMirrorSessionBusinessStatus": business_status,
        "CreationTime": _time(session.life.created),
        "ResourceGroupId": session.group,
        "Tags": shape_of_tags(session.tags),
        "TrafficMirrorTargetId": session.instance,
        "TrafficMirrorTargetType": _TYPES[session.kind],
        "TrafficMirrorFilterId": session.filter,
        "TrafficMirrorSourceIds": list(session.sources),
        "VirtualNetworkId": session.vni,
        "PacketLength": session.packet_length,
        "Priority": session.priority,
        "Enabled": session.enabled,
    }


def _shape_of_rule(rule: Rule) -> dict[str, Any]:
    return {
        "TrafficMirrorFilterRuleId": rule.id,
        "TrafficMirrorFilterRuleStatus": STATUSES[rule.life.status],
        "TrafficMirrorFilterId": rule.filter,
        "TrafficDirection": rule.direction,
        "Action": rule.action,
        "Protocol": rule.protocol,
        "Priority": rule.priority,
        "IpVersion": rules.version(rule.source_cidr_block),
        "SourceCidrBlock": rule.source_cidr_block,
        "DestinationCidrBlock": rule.destination_cidr_block,
        "SourcePortRange": rule.source_port_range,
        "DestinationPortRange": rule.destination_port_range,
    }


def _time(seconds: float) -> str:
    return strftime("%Y-%m-%dT%H:%MZ", gmtime(seconds))


_RULE_FIELDS = (
    Field("TrafficMirrorFilterRuleId"),
    Field("TrafficMirrorFilterRuleStatus", about=_ABOUT_STATUS),
    Field("TrafficMirrorFilterId"),
    Field("TrafficDirection", about="ingress or egress."),
    Field("Action"),
    Field("Protocol"),
    Field("Priority", Kind.NUMBER),
    Field("IpVersion"),
    Field("SourceCidrBlock"),
    Field("DestinationCidrBlock"),
    Field("SourcePortRange"),
    Field("DestinationPortRange"),
)
FILTER_FIELDS = (
    Field("TrafficMirrorFilterId"),
    Field("TrafficMirrorFilterName"),
    Field("TrafficMirrorFilterDescription"),
    Field("TrafficMirrorFilterStatus", about=_ABOUT_STATUS),
    Field("CreationTime", about="UTC, to the minute."),
    RESOURCE_GROUP_FIELD,
    TAG_FIELDS,
    *(Field(name, Kind.OBJECTS, "By priority.", _RULE_FIELDS) for name in rules.LISTS.values()),
)
SESSION_FIELDS = (
    Field("TrafficMirrorSessionId"),
    Field("TrafficMirrorSessionName"),
    Field("TrafficMirrorSessionDescription"),
    Field("TrafficMirrorSessionStatus", about=_ABOUT_STATUS),
    Field("TrafficMirrorSessionBusinessStatus", about="Normal or FinancialLocked."),
    Field("CreationTime", about="UTC, to the minute."),
    RESOURCE_GROUP_FIELD,
    TAG_FIELDS,
    Field("TrafficMirrorTargetId"),
    Field("TrafficMirrorTargetType"),
    Field("TrafficMirrorFilterId"),
    Field("TrafficMirrorSourceIds", Kind.LIST),
    Field("VirtualNetworkId", Kind.NUMBER),
    Field("PacketLength", Kind.NUMBER),
    Field("Priority", Kind.NUMBER),
    Field("Enabled", Kind.FLAG),
)
