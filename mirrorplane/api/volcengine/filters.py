"""The actions on filters.

Owns their parameters and answers. Must not know rules but for showing them. Sources:
https://www.volcengine.com/docs/6401/1157313 (CreateTrafficMirrorFilter), .../1157315
(DescribeTrafficMirrorFilters).
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
from mirrorplane.control import operations
from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Filter
from mirrorplane.control.snapshot import Snapshot

NOUN = "TrafficMirrorFilter"
NAME, ID, IDS, NAMES = f"{NOUN}Name", f"{NOUN}Id", f"{NOUN}Ids", f"{NOUN}Names"


def _create(call: Call) -> Work:
    tags = tags_of(call["Tags"])

    def work(draft: Draft) -> Result:
        made = operations.create_filter(
            draft,
            call.scope,
            name=call[NAME],
            description=call["Description"],
            group=call["ProjectName"],
            tags=tags,
            rules=(),
        )
        return {ID: made.id}

    return work


def _describe(call: Call, snapshot: Snapshot) -> Result:
    tags = filters_of(call["TagFilters"])

    def wanted(it: Filter) -> bool:
        return (
            is_among(it.id, call[IDS])
            and is_among(it.name, call[NAMES])
            and call["ProjectName"] in {None, it.group}
            and has(it.tags, tags)
        )

    found, token = page(snapshot.filters(call.scope), place, wanted, call.values)
    items = [
        shapes.filter_(it, sorted(snapshot.rules(call.scope, it.id), key=lambda rule: rule.priority))
        for it in found
    ]
    return {"TrafficMirrorFilters": items, "NextToken": token}


def _modify(call: Call) -> Work:
    changes = call.changes({NAME: "name", "Description": "description"})

    def work(draft: Draft) -> Result:
        operations.change_filter(draft, call.scope, call[ID], **changes)
        return {}

    return work


def _delete(call: Call) -> Work:
    def work(draft: Draft) -> Result:
        operations.delete_filter(draft, call.scope, call[ID])
        return {}

    return work


ACTIONS: tuple[VolcengineAction, ...] = (
    VolcengineAction(
        "CreateTrafficMirrorFilter",
        "Creates a filter, which mirrors nothing until it has rules.",
        (name(NOUN), description(""), PROJECT, TAGS, CLIENT_TOKEN),
        (REQUEST_ID, Field(ID)),
        Changes(_create),
    ),
    VolcengineAction(
        "DescribeTrafficMirrorFilters",
        "Lists filters and their rules, those created first before others.",
        (
            identifiers(NOUN),
            Parameter(NAMES, Kind.LIST, about=f"Whole names, at most {MAX_IDS}.", maximum=MAX_IDS),
            Parameter("ProjectName"),
            TAG_FILTERS,
            *PAGING,
        ),
        (REQUEST_ID, NEXT_TOKEN, shapes.FILTERS_FIELD),
        Looks(_describe),
    ),
    VolcengineAction(
        "ModifyTrafficMirrorFilterAttributes",
        "Changes a filter's name or description. What is not given stays.",
        (identifier(NOUN), name(NOUN), description()),
        (REQUEST_ID,),
        Changes(_modify),
    ),
    VolcengineAction(
        "DeleteTrafficMirrorFilter",
        "Deletes a filter that no session uses, and its rules.",
        (identifier(NOUN),),
        (REQUEST_ID,),
        Changes(_delete),
    ),
)
