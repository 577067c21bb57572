"""The actions on sessions.

Owns their parameters and answers. Must not know how they are checked and kept. Sources:
https://www.volcengine.com/docs/6401/1157320 (CreateTrafficMirrorSession), .../1157321
(ModifyTrafficMirrorSessionAttributes), .../1157322 (DescribeTrafficMirrorSessions).
"""

from mirrorplane.api.schema import Field, Kind, Parameter
from mirrorplane.api.volcengine import shapes
from mirrorplane.api.volcengine.calls import Call, Changes, Looks, Result, VolcengineAction, Work
from mirrorplane.api.volcengine.pages import has, is_among, page, place
from mirrorplane.api.volcengine.values import (
    CLIENT_TOKEN,
    MAX_IDS,
    NEXT_TOKEN,
    PAGING,
    PROJECT,
    REQUEST_ID,
    TAG_FILTERS,
    TAGS,
    description,
    filters_of,
    identifier,
    identifiers,
    name,
    tags_of,
)
from mirrorplane.control import NewSession, operations
from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Session
from mirrorplane.control.snapshot import Snapshot

NOUN = "TrafficMirrorSession"
NAME, ID, IDS, NAMES = f"{NOUN}Name", f"{NOUN}Id", f"{NOUN}Ids", f"{NOUN}Names"
_CHANGES = {
    NAME: "name",
    "Description": "description",
    "TrafficMirrorTargetId": "target",
    "TrafficMirrorFilterId": "filter",
    "Priority": "priority",
    "VirtualNetworkId": "vni",
    "PacketLength": "packet_length",
}
_EQUAL = {of: to for of, to in _CHANGES.items() if to not in {"name", "description"}}


def _numbers(*, created: bool) -> tuple[Parameter, ...]:
    """Return the numbers of a session that is *created* or else changed.

    Of the sources that differ, the wider: VirtualNetworkId from 0 on (the Modify page; the Cloud Control
    schema has 1), PacketLength to 9600 (that schema; the pages advise 64-1450).
    """
    return (
        Parameter("Priority", Kind.NUMBER, "The smallest wins.", created, minimum=1, maximum=32766),
        Parameter("VirtualNetworkId", Kind.NUMBER, "Without it, a random one.", minimum=0, maximum=16777215),
        Parameter(
            "PacketLength",
            Kind.NUMBER,
            "Bytes of each packet that are mirrored.",
            minimum=64,
            maximum=9600,
            default=1500 if created else None,
        ),
    )


def _create(call: Call) -> Work:
    new = NewSession(
        priority=call["Priority"],
        filter=call["TrafficMirrorFilterId"],
        sources=(call["NetworkInterfaceId"],),
        target=call["TrafficMirrorTargetId"],
        vni=call["VirtualNetworkId"],
        packet_length=call["PacketLength"],
        name=call[NAME],
        description=call["Description"],
        group=call["ProjectName"],
        tags=tags_of(call["Tags"]),
    )

    def work(draft: Draft) -> Result:
        return {ID: operations.create_session(draft, call.scope, new).id}

    return work


def _describe(call: Call, snapshot: Snapshot) -> Result:
    tags = filters_of(call["TagFilters"])
    equal = call.changes(_EQUAL)

    def wanted(it: Session) -> bool:
        return (
            is_among(it.id, call[IDS])
            and is_among(it.name, call[NAMES])
            and call["ProjectName"] in {None, it.group}
            and (call["NetworkInterfaceId"] is None or call["NetworkInterfaceId"] in it.sources)
            and all(getattr(it, attribute) == value for attribute, value in equal.items())
            and has(it.tags, tags)
        )

    found, token = page(snapshot.sessions(call.scope), place, wanted, call.values)
    return {"TrafficMirrorSessions": [shapes.session(it) for it in found], "NextToken": token}


def _modify(call: Call) -> Work:
    changes = call.changes(_CHANGES)

    def work(draft: Draft) -> Result:
        operations.change_session(draft, call.scope, call[ID], **changes)
        return {}

    return work


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Result:
        operations.delete_session(draft, call.scope, call[ID])
        return {}

    return work


ACTIONS: tuple[VolcengineAction, ...] = (
    VolcengineAction(
        "CreateTrafficMirrorSession",
        "Mirrors a network interface's packets, as a filter selects them, to a target.",
        (
            identifier("NetworkInterface", "The source."),
            identifier("TrafficMirrorTarget"),
            identifier("TrafficMirrorFilter"),
            *_numbers(created=True),
            name(NOUN),
            description(""),
            PROJECT,
            TAGS,
            CLIENT_TOKEN,
        ),
        (REQUEST_ID, Field(ID)),
        Changes(_create),
    ),
    VolcengineAction(
        "DescribeTrafficMirrorSessions",
        "Lists sessions, those created first before others.",
        (
            identifiers(NOUN),
            Parameter(NAMES, Kind.LIST, about=f"Whole names, at most {MAX_IDS}.", maximum=MAX_IDS),
            Parameter("NetworkInterfaceId"),
            Parameter("TrafficMirrorTargetId"),
            Parameter("TrafficMirrorFilterId"),
            Parameter("VirtualNetworkId", Kind.NUMBER),
            Parameter("PacketLength", Kind.NUMBER),
            Parameter("Priority", Kind.NUMBER),
            Parameter("ProjectName"),
            TAG_FILTERS,
            *PAGING,
        ),
        (REQUEST_ID, NEXT_TOKEN, shapes.SESSIONS_FIELD),
        Looks(_describe),
    ),
    VolcengineAction(
        "ModifyTrafficMirrorSessionAttributes",
        "Changes a session, but for its source. What is not given stays.",
        (
            identifier(NOUN),
            name(NOUN),
            description(),
            Parameter("TrafficMirrorTargetId"),
            Parameter("TrafficMirrorFilterId"),
            *_numbers(created=False),
        ),
        (REQUEST_ID,),
        Changes(_modify),
    ),
    VolcengineAction(
        "DeleteTrafficMirrorSession",
        "Deletes a session.",
        (identifier(NOUN),),
        (REQUEST_ID,),
        Changes(_delete),
    ),
)
