"""The actions on sessions.

Owns their declarations and what each asks of the control plane. Must not know how filters are made.

Where the cloud's pages are silent: an unknown `eni-` is a network interface that is not found, of the source
or the target; an unknown `lb-` is an SLB that is not found; the id of something else where an SLB is meant is
a load balancer that is not found; and the id of something else where an interface is meant is a target
instance that is not found. A session's name narrows a list to the sessions of exactly that name.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from mirrorplane.api.aliyun import errors
from mirrorplane.api.aliyun.calls import AliyunAction, Answer, Call, Changes, Looks, Work
from mirrorplane.api.aliyun.errors import ApiError, missing
from mirrorplane.api.aliyun.pages import NEXT_TOKEN, PAGE_FIELDS, page, size
from mirrorplane.api.aliyun.parameters import (
    MAX_NAME,
    REGION,
    RESOURCE_GROUP,
    RESOURCE_GROUP_FIELD,
    WRITES,
    attached,
    identifier,
    named,
    narrowed,
    tags,
)
from mirrorplane.api.aliyun.shapes import SESSION_FIELDS, TARGET_TYPES, shape_of_session
from mirrorplane.api.schema import Action, Field, Kind, Parameter
from mirrorplane.control import Draft, NewSession, Snapshot, operations
from mirrorplane.control.orders import DEFAULT_GROUP
from mirrorplane.control.resources import Session, TargetKind
from mirrorplane.model import (
    DEFAULT_PACKET_LENGTH,
    MAX_PACKET_LENGTH,
    MAX_SESSION_PRIORITY,
    MAX_VNI,
    MIN_PACKET_LENGTH,
)

MOST_LISTED, MOST_A_PAGE, USUAL_PAGE = 100, 100, 10
MOST_REMOVED = 10

_GATEWAY_ENDPOINT = "GatewayLoadBalancerEndpoint"
_PREFIXES: dict[TargetKind, str] = {"interface": "eni-", "load_balancer": "lb-"}


class _Target(NamedTuple):
    kind: TargetKind
    instance: str


def _target(name: str, sort: str) -> _Target:
    """Return the target that the id *name* and the type *sort* mean."""
    kind = _kind(sort)
    if not name.startswith(_PREFIXES[kind]):
        raise ApiError(errors.TARGET_NOT_FOUND if kind == "interface" else errors.LOAD_BALANCER_NOT_FOUND)
    return _Target(kind, name)


def _new_target(values: dict[str, Any]) -> _Target | None:
    """Return the target that a session is to have from now on, None if it keeps its own.

    An id without a type is of the type that its prefix says.
    """
    name, sort = values["TrafficMirrorTargetId"], values["TrafficMirrorTargetType"]
    if name is None and sort is not None:
        raise missing("TrafficMirrorTargetId")
    if name is None:
        return None
    return _target(name, sort or ("SLB" if name.startswith("lb-") else "NetworkInterface"))


def _kind(sort: str) -> TargetKind:
    if sort not in TARGET_TYPES:
        raise ApiError(errors.GATEWAY_ENDPOINT if sort == _GATEWAY_ENDPOINT else errors.TARGET_TYPE)
    return TARGET_TYPES[sort]


def _create(call: Call) -> Work:
    new = _new(call.values)

    def work(draft: Draft) -> Answer:
        made = operations.create_session(draft, call.scope, new)
        return {"TrafficMirrorSessionId": made.id, "ResourceGroupId": made.group}

    return work


def _new(values: dict[str, Any]) -> NewSession:
    kind, instance = _target(values["TrafficMirrorTargetId"], values["TrafficMirrorTargetType"])
    return NewSession(
        priority=values["Priority"],
        filter=values["TrafficMirrorFilterId"],
        sources=tuple(values["TrafficMirrorSourceIds"]),
        kind=kind,
        instance=instance,
        vni=values["VirtualNetworkId"],
        packet_length=values["PacketLength"],
        enabled=values["Enabled"],
        name=values["TrafficMirrorSessionName"] or "",
        description=values["TrafficMirrorSessionDescription"] or "",
        group=values["ResourceGroupId"] or DEFAULT_GROUP,
        tags=attached(values["Tag"]),
    )


def _change(call: Call) -> Work:
    values = call.values
    target = _new_target(values)
    changes = {ours: values[theirs] for theirs, ours in _CHANGEABLE.items() if values[theirs] is not None}
    if target:
        changes |= target._asdict()

    def work(draft: Draft) -> Answer:
        operations.change_session(draft, call.scope, values["TrafficMirrorSessionId"], **changes)
        return {}

    return work


_CHANGEABLE = {
    "TrafficMirrorSessionName": "name",
    "TrafficMirrorSessionDescription": "description",
    "TrafficMirrorFilterId": "filter",
    "VirtualNetworkId": "vni",
    "PacketLength": "packet_length",
    "Priority": "priority",
    "Enabled": "enabled",
}


def _add_sources(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        operations.add_sources(draft, call.scope, *_sources(call))
        return {}

    return work


def _remove_sources(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        operations.remove_sources(draft, call.scope, *_sources(call))
        return {}

    return work


def _sources(call: Call) -> tuple[str, tuple[str, ...]]:
    return call.values["TrafficMirrorSessionId"], tuple(call.values["TrafficMirrorSourceIds"])


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Answer:
        operations.delete_session(draft, call.scope, call.values["TrafficMirrorSessionId"])
        return {}

    return work


def _list(call: Call, snapshot: Snapshot) -> Answer:
    values, status = call.values, call.settings.business_status
    members = {ours: values[theirs] for theirs, ours in _NARROWING.items()}
    sessions = narrowed(
        snapshot.sessions(call.scope), values["TrafficMirrorSessionIds"], values["Tags"], **members
    )
    source = values["TrafficMirrorSourceId"]
    having = (each for each in sessions if source is None or source in each.sources)
    shown, token, total = page(having, _key, values["MaxResults"], values["NextToken"])
    return {
        "NextToken": token,
        "TotalCount": str(total),
        "TrafficMirrorSessions": [shape_of_session(each, status) for each in shown],
    }


_NARROWING = {
    "TrafficMirrorSessionName": "name",
    "TrafficMirrorTargetId": "instance",
    "TrafficMirrorFilterId": "filter",
    "Enabled": "enabled",
    "Priority": "priority",
    "VirtualNetworkId": "vni",
    "ResourceGroupId": "group",
}


def _key(each: Session) -> tuple[float, str, str]:
    return each.life.created, each.id, ""


_SESSION_ID = identifier("TrafficMirrorSessionId", "The session.", required=True)
_FILTER_ID = identifier("TrafficMirrorFilterId", "Its filter.")
_TARGET_ID = identifier("TrafficMirrorTargetId", "The target: a network interface or an SLB.")
_TARGET_TYPE = identifier("TrafficMirrorTargetType", "NetworkInterface or SLB.")
_SOURCES = Parameter("TrafficMirrorSourceIds", Kind.LIST, "Network interfaces.", required=True)
_VNI = Parameter(
    "VirtualNetworkId", Kind.NUMBER, "The VNI; a free one if not given.", minimum=0, maximum=MAX_VNI
)
_PRIORITY = Parameter(
    "Priority",
    Kind.NUMBER,
    "Smaller is tried first; no two sessions of an account and region have the same.",
    minimum=1,
    maximum=MAX_SESSION_PRIORITY,
)
_ENABLED = Parameter("Enabled", Kind.FLAG, "Whether it mirrors.")
_PACKET_LENGTH = Parameter(
    "PacketLength",
    Kind.NUMBER,
    "Bytes of each packet that are mirrored, from its IP header on.",
    minimum=MIN_PACKET_LENGTH,
    maximum=MAX_PACKET_LENGTH,
)

ACTIONS: tuple[AliyunAction, ...] = (
    Action(
        "CreateTrafficMirrorSession",
        "Makes a session. It is Creating, then Created; it mirrors if it is enabled.",
        (
            *WRITES,
            *named("TrafficMirrorSession"),
            replace(_TARGET_ID, required=True),
            replace(_TARGET_TYPE, required=True),
            replace(_FILTER_ID, required=True),
            _SOURCES,
            _VNI,
            replace(_PRIORITY, required=True),
            replace(_ENABLED, default=False),
            replace(_PACKET_LENGTH, default=DEFAULT_PACKET_LENGTH),
            RESOURCE_GROUP,
            tags(),
        ),
        (Field("TrafficMirrorSessionId", about="The new session's id."), RESOURCE_GROUP_FIELD),
        Changes(_create),
    ),
    Action(
        "UpdateTrafficMirrorSessionAttribute",
        "Changes a session; what is not given stays. It is Modifying, then Created.",
        (
            *WRITES,
            _SESSION_ID,
            *named("TrafficMirrorSession"),
            _TARGET_ID,
            _TARGET_TYPE,
            _FILTER_ID,
            _VNI,
            _PRIORITY,
            _ENABLED,
            _PACKET_LENGTH,
        ),
        (),
        Changes(_change),
    ),
    Action(
        "AddSourcesToTrafficMirrorSession",
        "Adds sources to a session. It is Modifying, then Created.",
        (*WRITES, _SESSION_ID, _SOURCES),
        (),
        Changes(_add_sources),
    ),
    Action(
        "RemoveSourcesFromTrafficMirrorSession",
        "Takes sources from a session, all if need be. It is Modifying, then Created.",
        (*WRITES, _SESSION_ID, replace(_SOURCES, maximum=MOST_REMOVED)),
        (),
        Changes(_remove_sources),
    ),
    Action(
        "DeleteTrafficMirrorSession",
        "Deletes a session, enabled or not. It is Deleting, then gone.",
        (*WRITES, _SESSION_ID),
        (),
        Changes(_delete),
    ),
    Action(
        "ListTrafficMirrorSessions",
        "Lists sessions, oldest first: those for which all that is given holds.",
        (
            REGION,
            size(MOST_A_PAGE, USUAL_PAGE),
            NEXT_TOKEN,
            Parameter("TrafficMirrorSessionIds", Kind.LIST, "The sessions.", maximum=MOST_LISTED),
            Parameter("TrafficMirrorSessionName", about="The whole name.", minimum=1, maximum=MAX_NAME),
            identifier("TrafficMirrorSourceId", "One of its sources."),
            _TARGET_ID,
            _FILTER_ID,
            _ENABLED,
            _PRIORITY,
            _VNI,
            RESOURCE_GROUP,
            tags("Tags", "All of these tags; without Value, any value."),
        ),
        (*PAGE_FIELDS, Field("TrafficMirrorSessions", Kind.OBJECTS, fields=SESSION_FIELDS)),
        Looks(_list),
    ),
)
