"""Parameters that several actions take, and what is well-formed in them.

Owns the rules for names, descriptions, tags, ids and pages, which every action's page repeats. Must not
know actions.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from re import compile as pattern
from typing import Any
from unicodedata import category

from mirrorplane.api.schema import Field, Kind, Parameter
from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Refused

MAX_IDS, MAX_TAGGED = 100, 50
MAX_TAGS, MAX_TAGS_AT_ONCE = 50, 20
DEFAULT_PROJECT = "default"

_START = "A-Za-z0-9\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"  # letters, digits, Chinese characters
_NAME = pattern(rf"[{_START}][{_START}._-]*")
_DESCRIPTION = pattern(rf"(?:[{_START}][{_START},._ =\-\uff0c\u3002]*)?")
_CLIENT_TOKEN = pattern(r"[\x20-\x7e]+")
_TAG_SIGNS = frozenset(" _.:/=+-@")
_MAX_KEY, _MAX_VALUE = 128, 256


def is_name(text: str) -> bool:
    """Whether *text* is letters, digits, Chinese characters and `._-`, none of these three first."""
    return _NAME.fullmatch(text) is not None


def is_description(text: str) -> bool:
    """Whether *text* is empty or begins as a name does and goes on with those, spaces or `,._=-`."""
    return _DESCRIPTION.fullmatch(text) is not None


def is_client_token(text: str) -> bool:
    """Whether *text* is printable ASCII."""
    return _CLIENT_TOKEN.fullmatch(text) is not None


def is_tag_text(text: str) -> bool:
    """Whether *text* has only letters and digits of any language, spaces and `_.:/=+-@`."""
    return all(char in _TAG_SIGNS or category(char)[0] in "LMN" for char in text)


def is_tag_key(reserved: tuple[str, ...], text: str) -> bool:
    """Whether *text*, without the spaces around it, is a tag's key; those that begin so are *reserved*."""
    key = text.strip(" ")
    return 0 < len(key) <= _MAX_KEY and is_tag_text(key) and not key.lower().startswith(reserved)


def is_tag_value(text: str) -> bool:
    """Whether *text*, without the spaces around it, is a tag's value."""
    return len(text.strip(" ")) <= _MAX_VALUE and is_tag_text(text.strip(" "))


def name(noun: str, default: str | None = None) -> Parameter:
    """Return the parameter that names a *noun*, such as TrafficMirrorFilter."""
    return Parameter(
        f"{noun}Name",
        about="1-128 letters, Chinese characters, digits and ._-, beginning with one of the first three",
        minimum=1,
        maximum=128,
        allowed=is_name,
        default=default,
    )


def description(default: str | None = None) -> Parameter:
    """Return the parameter that describes something."""
    return Parameter(
        "Description",
        about="0-255 letters, Chinese characters, digits, spaces and ,._=-",
        maximum=255,
        allowed=is_description,
        default=default,
    )


def identifier(noun: str, about: str = "") -> Parameter:
    """Return the required parameter that has the id of a *noun*."""
    return Parameter(f"{noun}Id", about=about, required=True)


def identifiers(noun: str, most: int = MAX_IDS) -> Parameter:
    """Return the parameter that lists ids."""
    return Parameter(f"{noun}Ids", Kind.LIST, about=f"at most {most}", maximum=most)


PROJECT = Parameter("ProjectName", about="A project that there is.", default=DEFAULT_PROJECT)
CLIENT_TOKEN = Parameter(
    "ClientToken",
    about="At most 64 ASCII characters. The same request again gets the same answer.",
    minimum=1,
    maximum=64,
    allowed=is_client_token,
)


def tags(most: int, *reserved: str, required: bool = False) -> Parameter:
    """Return the parameter that lists up to *most* tags, of which no key begins with one of *reserved*."""
    return Parameter(
        "Tags",
        Kind.OBJECTS,
        required=required,
        maximum=most,
        fields=(
            Parameter("Key", required=True, allowed=partial(is_tag_key, reserved), about="1-128 characters"),
            Parameter("Value", default="", allowed=is_tag_value, about="at most 256 characters"),
        ),
    )


TAGS = tags(MAX_TAGS, "volc:sys:")
"""Those that something is created with."""

TAG_FILTERS = Parameter(
    "TagFilters",
    Kind.OBJECTS,
    about="Each must hold; one holds if the key has one of the values, or, without values, is there.",
    maximum=10,
    fields=(
        Parameter("Key", required=True, maximum=_MAX_KEY),
        Parameter("Values", Kind.LIST, maximum=3, blank=True),
    ),
)
PAGING = (
    Parameter("MaxResults", Kind.NUMBER, minimum=1, maximum=100, default=10),
    Parameter("NextToken", about="Where the page before ended.", maximum=2048, default=""),
)
"""What every action takes that lists things."""

REQUEST_ID = Field("RequestId")
NEXT_TOKEN = Field("NextToken", about="Empty: this was the last page.")
TAGS_FIELD = Field("Tags", Kind.OBJECTS, fields=(Field("Key"), Field("Value")))


def tags_of(given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return tags by key.

    Raises:
        Refused: a key is there twice.
    """
    wanted = {tag["Key"].strip(" "): tag["Value"].strip(" ") for tag in given}
    if len(wanted) < len(given):
        raise Refused(errors.TAG_KEY_MALFORMED)
    return wanted


def filters_of(given: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the wanted values by tag key.

    Raises:
        Refused: a key is there twice.
    """
    wanted = {each["Key"]: each["Values"] for each in given}
    if len(wanted) < len(given):
        raise Refused(errors.TAG_KEY_MALFORMED)
    return wanted
