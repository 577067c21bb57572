"""The actions on targets.

Owns their parameters and answers. Must not know how they are checked against the inventory and kept.
Sources: https://www.volcengine.com/docs/6401/1157324 (CreateTrafficMirrorTarget), .../1171776
(DescribeTrafficMirrorTargets).
"""

from mirrorplane.api.schema import Field, Parameter
from mirrorplane.api.volcengine import shapes
from mirrorplane.api.volcengine.calls import Call, Changes, Looks, Result, VolcengineAction, Work
from mirrorplane.api.volcengine.pages import has, is_among, page, place
from mirrorplane.api.volcengine.values import (
    CLIENT_TOKEN,
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
from mirrorplane.control import operations
from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Target
from mirrorplane.control.snapshot import Snapshot

NOUN = "TrafficMirrorTarget"
NAME, ID, IDS = f"{NOUN}Name", f"{NOUN}Id", f"{NOUN}Ids"


def _create(call: Call) -> Work:
    tags = tags_of(call["Tags"])

    def work(draft: Draft) -> Result:
        made = operations.create_target(
            draft,
            call.scope,
            name=call[NAME],
            description=call["Description"],
            group=call["ProjectName"],
            tags=tags,
            kind=shapes.INSTANCE_TYPES[call["InstanceType"]],
            instance=call["InstanceId"],
        )
        return {ID: made.id}

    return work


def _describe(call: Call, snapshot: Snapshot) -> Result:
    tags = filters_of(call["TagFilters"])

    def wanted(it: Target) -> bool:
        return (
            is_among(it.id, call[IDS])
            and call[NAME] in {None, it.name}
            and call["ProjectName"] in {None, it.group}
            and has(it.tags, tags)
        )

    found, token = page(snapshot.targets(call.scope), place, wanted, call.values)
    return {"TrafficMirrorTargets": [shapes.target(it) for it in found], "NextToken": token}


def _modify(call: Call) -> Work:
    changes = call.changes({NAME: "name", "Description": "description"})

    def work(draft: Draft) -> Result:
        operations.change_target(draft, call.scope, call[ID], **changes)
        return {}

    return work


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Result:
        operations.delete_target(draft, call.scope, call[ID])
        return {}

    return work


ACTIONS: tuple[VolcengineAction, ...] = (
    VolcengineAction(
        "CreateTrafficMirrorTarget",
        "Names a network interface or a load balancer that sessions can lead to.",
        (
            Parameter("InstanceType", required=True, choices=tuple(shapes.INSTANCE_TYPES)),
            Parameter("InstanceId", required=True, about="Of a network interface (eni-) or a CLB (lb-)."),
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
        "DescribeTrafficMirrorTargets",
        "Lists targets, those created first before others.",
        (
            identifiers(NOUN),
            Parameter(NAME, about="The whole name."),
            Parameter("ProjectName"),
            TAG_FILTERS,
            *PAGING,
        ),
        (REQUEST_ID, NEXT_TOKEN, shapes.TARGETS_FIELD),
        Looks(_describe),
    ),
    VolcengineAction(
        "ModifyTrafficMirrorTargetAttributes",
        "Changes a target's name or description. What is not given stays.",
        (identifier(NOUN), name(NOUN), description()),
        (REQUEST_ID,),
        Changes(_modify),
    ),
    VolcengineAction(
        "DeleteTrafficMirrorTarget",
        "Deletes a target that no session leads to.",
        (identifier(NOUN),),
        (REQUEST_ID,),
        Changes(_delete),
    ),
)
