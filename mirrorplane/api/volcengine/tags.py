"""The actions on tags.

Owns their parameters and answers. Must not know how tags are kept. Source:
https://docs.byteplus.com/en/docs/vpc/TagResources; the names of resource types are those that the Terraform
provider sends.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from mirrorplane.api.schema import Field, Kind, Parameter
from mirrorplane.api.volcengine.calls import Call, Changes, Looks, Result, VolcengineAction, Work
from mirrorplane.api.volcengine.pages import Place, has, is_among, page
from mirrorplane.api.volcengine.values import (
    MAX_TAGGED,
    MAX_TAGS_AT_ONCE,
    NEXT_TOKEN,
    PAGING,
    REQUEST_ID,
    TAG_FILTERS,
    filters_of,
    is_tag_key,
    tags,
    tags_of,
)
from mirrorplane.control import operations
from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Filter, Session, Target
from mirrorplane.control.resources import Kind as Noun
from mirrorplane.control.snapshot import Snapshot

RESOURCE_TYPES: dict[str, Noun] = {
    "trafficmirrortarget": "target",
    "trafficmirrorfilter": "filter",
    "trafficmirrorsession": "session",
}
_RESOURCE_TYPE = Parameter("ResourceType", required=True, choices=tuple(RESOURCE_TYPES))
_RESERVED = ("volc:", "sys:")


def _resource_ids(*, required: bool) -> Parameter:
    return Parameter("ResourceIds", Kind.LIST, f"at most {MAX_TAGGED}", required=required, maximum=MAX_TAGGED)


def _tag(call: Call) -> Work:
    wanted = tags_of(call["Tags"])

    def work(draft: Draft) -> Result:
        kind = RESOURCE_TYPES[call["ResourceType"]]
        operations.tag(draft, call.scope, kind, call["ResourceIds"], wanted)
        return {}

    return work


def _untag(call: Call) -> Work:
    keys = [key.strip(" ") for key in call["TagKeys"]]

    def work(draft: Draft) -> Result:
        kind = RESOURCE_TYPES[call["ResourceType"]]
        operations.untag(draft, call.scope, kind, call["ResourceIds"], keys)
        return {}

    return work


class _Tag(NamedTuple):
    of: Filter | Target | Session
    key: str


def _things(snapshot: Snapshot, call: Call) -> tuple[Filter | Target | Session, ...]:
    match RESOURCE_TYPES[call["ResourceType"]]:
        case "filter":
            return snapshot.filters(call.scope)
        case "target":
            return snapshot.targets(call.scope)
        case _:
            return snapshot.sessions(call.scope)


def _tags(snapshot: Snapshot, call: Call) -> Iterator[_Tag]:
    """Yield the tags that are asked for. There are none of the cloud's own (TagType system)."""
    filters = filters_of(call["TagFilters"])
    if call["TagType"] == "system":
        return
    for thing in _things(snapshot, call):
        if is_among(thing.id, call["ResourceIds"]) and has(thing.tags, filters):
            yield from (_Tag(thing, key) for key in sorted(thing.tags))


def _place(tag: _Tag) -> Place:
    return tag.of.life.created, tag.key


def _list(call: Call, snapshot: Snapshot) -> Result:
    found, token = page(list(_tags(snapshot, call)), _place, lambda _: True, call.values)
    items = [
        {
            "ResourceId": tag.of.id,
            "ResourceType": call["ResourceType"],
            "TagKey": tag.key,
            "TagValue": tag.of.tags[tag.key],
        }
        for tag in found
    ]
    return {"ResourceTags": items, "NextToken": token}


ACTIONS: tuple[VolcengineAction, ...] = (
    VolcengineAction(
        "TagResources",
        "Adds tags to things, or gives them other values.",
        (
            _RESOURCE_TYPE,
            _resource_ids(required=True),
            tags(MAX_TAGS_AT_ONCE, *_RESERVED, required=True),
        ),
        (REQUEST_ID,),
        Changes(_tag),
    ),
    VolcengineAction(
        "UntagResources",
        "Takes tags from things; those that a thing does not have do not matter.",
        (
            _RESOURCE_TYPE,
            _resource_ids(required=True),
            Parameter(
                "TagKeys",
                Kind.LIST,
                f"at most {MAX_TAGS_AT_ONCE}",
                required=True,
                maximum=MAX_TAGS_AT_ONCE,
                allowed=partial(is_tag_key, ()),
            ),
        ),
        (REQUEST_ID,),
        Changes(_untag),
    ),
    VolcengineAction(
        "ListTagsForResources",
        "Lists the tags of things of one type, those created first before others.",
        (
            _RESOURCE_TYPE,
            _resource_ids(required=False),
            Parameter("TagType", choices=("custom", "system"), about="Without it, both."),
            TAG_FILTERS,
            *PAGING,
        ),
        (
            REQUEST_ID,
            NEXT_TOKEN,
            Field(
                "ResourceTags",
                Kind.OBJECTS,
                fields=tuple(map(Field, ("ResourceId", "ResourceType", "TagKey", "TagValue"))),
            ),
        ),
        Looks(_list),
    ),
)
