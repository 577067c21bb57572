"""Parameters that several actions have, and the rules of the texts in them.

Owns their declarations, how tags are read, and what narrows a list. Must not know any action.

Of an empty text: a parameter that is mandatory is then missing, an optional id or token is then not there;
a name or description has at least one character.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from mirrorplane.api.aliyun.errors import DUPLICATE_TAG, ApiError
from mirrorplane.api.schema import Field, Kind, Parameter
from mirrorplane.control.resources import Filter, Session

MAX_NAME, MAX_DESCRIPTION, MAX_TAG = 128, 256, 128
MAX_TAGS, MAX_TAGGED = 20, 50
_MAX_ID, _MAX_TOKEN = 64, 64
Tagged = TypeVar("Tagged", Filter, Session)

_SCHEMES = ("http://", "https://")


def _is_name(text: str) -> bool:
    return not text.startswith(_SCHEMES)


def _is_tag(text: str) -> bool:
    return not text.startswith(("aliyun", "acs:")) and not any(scheme in text for scheme in _SCHEMES)


REGION = Parameter(
    "RegionId", about="The region, such as cn-hongkong.", required=True, maximum=_MAX_ID, empty_is_absent=True
)
CLIENT_TOKEN = Parameter(
    "ClientToken",
    about="Makes a repetition of the request do nothing more than the request: ASCII.",
    maximum=_MAX_TOKEN,
    allowed=str.isascii,
    empty_is_absent=True,
)
DRY_RUN = Parameter(
    "DryRun",
    Kind.FLAG,
    "Only check the request; where all is well the answer is the error DryRunOperation.",
    default=False,
)
WRITES = (REGION, CLIENT_TOKEN, DRY_RUN)
"""What every action has that changes a filter or a session."""

RESOURCE_GROUP = Parameter(
    "ResourceGroupId", about="The resource group.", maximum=_MAX_ID, empty_is_absent=True
)


def identifier(name: str, about: str, *, required: bool = False) -> Parameter:
    """Return the declaration of an id. A form that no id has is none that is found."""
    return Parameter(name, about=about, required=required, empty_is_absent=True)


def named(kind: str) -> tuple[Parameter, Parameter]:
    """Return the declarations of the name and the description of a *kind*, such as TrafficMirrorFilter."""
    return (
        Parameter(
            f"{kind}Name",
            about="Does not start with http:// or https://.",
            minimum=1,
            maximum=MAX_NAME,
            allowed=_is_name,
        ),
        Parameter(
            f"{kind}Description",
            about="Does not start with http:// or https://.",
            minimum=1,
            maximum=MAX_DESCRIPTION,
            allowed=_is_name,
        ),
    )


_ABOUT_TAG = "Does not start with aliyun or acs:, has no http:// or https:// in it."
_TAG_FIELDS = (
    Parameter("Key", about=_ABOUT_TAG, required=True, minimum=1, maximum=MAX_TAG, allowed=_is_tag),
    Parameter("Value", about=_ABOUT_TAG, maximum=MAX_TAG, allowed=_is_tag),
)


def tags(name: str = "Tag", about: str = "Tags to attach.", *, required: bool = False) -> Parameter:
    """Return the declaration of tags: `Tag` where they are given, `Tags` where a list is narrowed by them."""
    return Parameter(name, Kind.OBJECTS, about, required, maximum=MAX_TAGS, fields=_TAG_FIELDS)


def attached(pairs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the tags that *pairs* of Key and Value attach; no Value is an empty one.

    Raises:
        ApiError: a key comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        if pair["Key"] in found:
            raise ApiError(DUPLICATE_TAG)
        found[pair["Key"]] = pair["Value"] or ""
    return found


def narrowed(
    things: Iterable[Tagged], names: Collection[str], labels: Iterable[Mapping[str, Any]], **members: Any
) -> Iterator[Tagged]:
    """Yield those of *things* that are one of *names*, if there are any, and have all *labels* and *members*.

    A label is a Key and a Value, None for any; a member that is None may be anything.
    """
    names, labels = frozenset(names), list(labels)
    wanted = {member: value for member, value in members.items() if value is not None}
    if not (names or labels or wanted):
        yield from things
        return
    for thing in things:
        if names and thing.id not in names:
            continue
        if all(getattr(thing, member) == value for member, value in wanted.items()) and _has(thing, labels):
            yield thing


def _has(thing: Filter | Session, labels: Iterable[Mapping[str, Any]]) -> bool:
    return all(
        label["Key"] in thing.tags and label["Value"] in {None, thing.tags[label["Key"]]} for label in labels
    )


RESOURCE_GROUP_FIELD = Field("ResourceGroupId", about="The resource group.")
TAG_FIELDS = Field("Tags", Kind.OBJECTS, "The tags.", (Field("Key"), Field("Value")))
