"""The actions on tags and resource groups, which are those of the whole VPC API.

Owns their declarations. Must not know anything else of filters and sessions.

Where the cloud's pages are silent: a tag whose key is there already gets the new value, and a tag's row is
in the order of the keys.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from mirrorplane.api.aliyun.calls import AliyunAction, Answer, Call, Changes, Looks, Work
from mirrorplane.api.aliyun.errors import missing
from mirrorplane.api.aliyun.pages import NEXT_TOKEN, Key, page, size
from mirrorplane.api.aliyun.parameters import (
    MAX_TAGGED,
    MAX_TAGS,
    REGION,
    RESOURCE_GROUP,
    attached,
    identifier,
    narrowed,
    tags,
)
from mirrorplane.api.schema import Action, Field, Kind, Parameter
from mirrorplane.control import Draft, Snapshot, operations
from mirrorplane.control.resources import Filter, Session
from mirrorplane.control.resources import Kind as ResourceKind

MOST_A_PAGE = 50
_KINDS: dict[str, ResourceKind] = {"TRAFFICMIRRORFILTER": "filter", "TRAFFICMIRRORSESSION": "session"}


class _Row(NamedTuple):
    owner: Filter | Session
    key: str

    @property
    def place(self) -> Key:
        return self.owner.life.created, self.owner.id, self.key


def _attach(call: Call) -> Work:
    kind, names = _which(call)
    given = attached(call.values["Tag"])

    def work(draft: Draft) -> Answer:
        operations.tag(draft, call.scope, kind, names, given)
        return {}

    return work


def _detach(call: Call) -> Work:
    kind, names = _which(call)
    keys = call.values["TagKey"]
    if not keys and not call.values["All"]:
        raise missing("TagKey")

    def work(draft: Draft) -> Answer:
        operations.untag(draft, call.scope, kind, names, keys or None)
        return {}

    return work


def _move(call: Call) -> Work:
    kind, name = _KINDS[call.values["ResourceType"]], call.values["ResourceId"]

    def work(draft: Draft) -> Answer:
        operations.move(draft, call.scope, kind, name, call.values["NewResourceGroupId"])
        return {}

    return work


def _list(call: Call, snapshot: Snapshot) -> Answer:
    if not call.values["ResourceId"] and not call.values["Tag"]:
        raise missing("ResourceId")
    rows = chain.from_iterable(map(_rows, _matching(call, snapshot)))
    shown, token, _ = page(rows, lambda row: row.place, call.values["MaxResults"], call.values["NextToken"])
    return {
        "NextToken": token,
        "TagResources": {"TagResource": [_shape(row, call.values["ResourceType"]) for row in shown]},
    }


def _matching(call: Call, snapshot: Snapshot) -> Iterator[Filter | Session]:
    kind, names = _which(call)
    if kind == "filter":
        return narrowed(snapshot.filters(call.scope), names, call.values["Tag"])
    return narrowed(snapshot.sessions(call.scope), names, call.values["Tag"])


def _rows(owner: Filter | Session) -> list[_Row]:
    return [_Row(owner, key) for key in sorted(owner.tags)]


def _shape(row: _Row, kind: str) -> dict[str, str]:
    return {
        "ResourceId": row.owner.id,
        "ResourceType": kind,
        "TagKey": row.key,
        "TagValue": row.owner.tags[row.key],
    }


def _which(call: Call) -> tuple[ResourceKind, list[str]]:
    return _KINDS[call.values["ResourceType"]], call.values["ResourceId"]


_TYPE = Parameter(
    "ResourceType",
    about="Whose tags; the case is no matter.",
    required=True,
    choices=tuple(_KINDS),
    fold=True,
)
_IDS = Parameter("ResourceId", Kind.LIST, "Filters or sessions.", required=True, maximum=MAX_TAGGED)

ACTIONS: tuple[AliyunAction, ...] = (
    Action(
        "TagResources",
        "Attaches tags to filters or sessions; a tag whose key is there gets the new value.",
        (REGION, _TYPE, _IDS, tags(required=True)),
        (),
        Changes(_attach),
    ),
    Action(
        "UnTagResources",
        "Takes tags from filters or sessions.",
        (
            REGION,
            _TYPE,
            _IDS,
            Parameter("TagKey", Kind.LIST, "The keys of the tags.", maximum=MAX_TAGS),
            Parameter("All", Kind.FLAG, "Whether to take all tags, if no TagKey is given.", default=False),
        ),
        (),
        Changes(_detach),
    ),
    Action(
        "ListTagResources",
        "Lists the tags of filters or sessions; at least one of ResourceId and Tag is needed.",
        (
            REGION,
            _TYPE,
            replace(_IDS, required=False),
            tags(about="Only of what has all of these tags; without Value, any value."),
            size(MOST_A_PAGE, MOST_A_PAGE),
            NEXT_TOKEN,
        ),
        (
            Field("NextToken", about="Where the next page begins; empty on the last one."),
            Field(
                "TagResources",
                Kind.OBJECT,
                fields=(
                    Field(
                        "TagResource",
                        Kind.OBJECTS,
                        fields=tuple(map(Field, ("ResourceId", "ResourceType", "TagKey", "TagValue"))),
                    ),
                ),
            ),
        ),
        Looks(_list),
    ),
    Action(
        "MoveResourceGroup",
        "Puts a filter or a session into another resource group.",
        (
            REGION,
            _TYPE,
            identifier("ResourceId", "The filter or session.", required=True),
            replace(RESOURCE_GROUP, name="NewResourceGroupId", required=True),
        ),
        (),
        Changes(_move),
    ),
)
