"""What an action takes and gives: the declarations that requests are read by and the reference is made from.

Owns kinds, bounds and dotted names (`Name.N.Sub`, N from 1 on). Must not know any dialect's words, nor
where the names came from: a query, a form or a flattened JSON document.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from re import compile as pattern
from typing import Any, Generic, TypeVar

_MOST_PARTS = 6  # of a dotted name; no action has more than four
_NUMBER = pattern(r"-?[0-9]{1,18}")
_INDEX = pattern(r"[1-9][0-9]{0,5}")
_TRUTH = {"true": True, "false": False}


class Kind(Enum):
    """What a value is. A list is of texts, `Name.N`; objects have fields, `Name.N.Field`."""

    TEXT = "string"
    NUMBER = "integer"
    FLAG = "boolean"
    LIST = "list of strings"
    OBJECTS = "list of objects"
    OBJECT = "object"  # in an answer only


class Wrong(Enum):
    """What may be wrong with a parameter."""

    MISSING = auto()
    REPEATED = auto()  # the same name twice
    KIND = auto()  # not a number, not true or false, a list where there is none
    SMALL = auto()  # a number, a text's length or a list's below the minimum
    GREAT = auto()  # ... above the maximum
    CHOICE = auto()  # none of the choices
    FORM = auto()  # not what `allowed` allows
    ORDER = auto()  # indices that do not run 1, 2, 3...


@dataclass(frozen=True)
class Parameter:
    """One parameter, or one field of the objects of a parameter.

    `minimum` and `maximum` bound a number, a text's characters, or how many a list has. `choices` are the
    texts that a text may be; with `fold` their case does not matter, and the value is as declared here.
    `allowed` says whether a text, each text of a list, or a number is well-formed. A text that is required
    is missing if empty; with `empty_is_absent` any other is, too. Those of a list are not empty unless
    `blank`.
    """

    name: str
    kind: Kind = Kind.TEXT
    about: str = ""
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    fold: bool = False
    default: Any = None
    allowed: Callable[[Any], bool] | None = None
    fields: tuple["Parameter", ...] = ()
    blank: bool = False
    empty_is_absent: bool = False


@dataclass(frozen=True)
class Field:
    """One member of an answer, for the reference."""

    name: str
    kind: Kind = Kind.TEXT
    about: str = ""
    fields: tuple["Field", ...] = ()


Handler = TypeVar("Handler")


@dataclass(frozen=True)
class Action(Generic[Handler]):
    """One action: what it takes and gives, and the dialect's function that does it."""

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    response: tuple[Field, ...]
    handler: Handler


class Fault(Exception):  # noqa: N818 -- the requester's fault, no failure of ours
    """A parameter is wrong. `name` is dotted, as it was or should have been sent: `Tag.1.Key`."""

    def __init__(self, wrong: Wrong, name: str, parameter: Parameter | None = None) -> None:
        super().__init__(f"{name}: {wrong.name.lower()}")
        self.wrong, self.name, self.parameter = wrong, name, parameter


class _Node:
    """What came under one name: its own value, and what came under names that go on from it."""

    __slots__ = ("below", "value")

    def __init__(self) -> None:
        self.value: str | None = None
        self.below: dict[str, _Node] = {}


_NOTHING = _Node()


def once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return *pairs* by name.

    Raises:
        Fault: REPEATED, where a name came twice: which one counts is anybody's guess.
    """
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Fault(Wrong.REPEATED, name)
        given[name] = value
    return given


def read(parameters: Iterable[Parameter], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of each of *parameters*, its default where it was not given; ignore all others.

    A list that was not given, and has no default, is empty; a field of an object likewise. Objects are
    dicts by the name of the field.

    Raises:
        Fault: the first parameter, in the order of *parameters*, that is wrong.
    """
    return _values(parameters, _tree(given), "")


def _tree(given: Mapping[str, str]) -> _Node:
    root = _Node()
    for name, value in given.items():
        node = root
        for part in name.split(".", _MOST_PARTS):
            node = node.below.setdefault(part, _Node())
        node.value = value
    return root


def _values(parameters: Iterable[Parameter], node: _Node, prefix: str) -> dict[str, Any]:
    return {
        parameter.name: _value(parameter, node.below.get(parameter.name, _NOTHING), prefix + parameter.name)
        for parameter in parameters
    }


def _value(parameter: Parameter, node: _Node, name: str) -> Any:
    several = parameter.kind in {Kind.LIST, Kind.OBJECTS}
    if (node.value is not None) if several else bool(node.below):
        raise Fault(Wrong.KIND, name, parameter)
    empty_is_absent = parameter.required or parameter.empty_is_absent
    if not node.below and (node.value is None or (empty_is_absent and not node.value)):
        if parameter.required:
            raise Fault(Wrong.MISSING, name, parameter)
        return [] if several and parameter.default is None else parameter.default
    return _READERS[parameter.kind](parameter, node, name)


def _text(parameter: Parameter, node: _Node, name: str) -> str:
    text = node.value or ""
    _bound(parameter, len(text), name)
    if parameter.choices:
        text = _choice(parameter, text, name)
    return _allowed(parameter, text, name)


def _choice(parameter: Parameter, text: str, name: str) -> str:
    for choice in parameter.choices:
        if text == choice or (parameter.fold and text.lower() == choice.lower()):
            return choice
    raise Fault(Wrong.CHOICE, name, parameter)


def _number(parameter: Parameter, node: _Node, name: str) -> int:
    if not _NUMBER.fullmatch(node.value or ""):
        raise Fault(Wrong.KIND, name, parameter)
    number = int(node.value or "")
    _bound(parameter, number, name)
    return _allowed(parameter, number, name)


def _flag(parameter: Parameter, node: _Node, name: str) -> bool:
    truth = _TRUTH.get((node.value or "").lower())  # Python's SDKs send True, others true
    if truth is None:
        raise Fault(Wrong.KIND, name, parameter)
    return truth


def _list(parameter: Parameter, node: _Node, name: str) -> list[str]:
    return [_member(parameter, child, f"{name}.{at}") for at, child in _children(parameter, node, name)]


def _member(parameter: Parameter, node: _Node, name: str) -> str:
    if node.below or node.value is None or not (node.value or parameter.blank):
        raise Fault(Wrong.FORM, name, parameter)
    return _allowed(parameter, node.value, name)


def _objects(parameter: Parameter, node: _Node, name: str) -> list[dict[str, Any]]:
    objects = []
    for at, child in _children(parameter, node, name):
        if child.value is not None:
            raise Fault(Wrong.KIND, f"{name}.{at}", parameter)
        objects.append(_values(parameter.fields, child, f"{name}.{at}."))
    return objects


def _children(parameter: Parameter, node: _Node, name: str) -> list[tuple[int, _Node]]:
    if not all(map(_INDEX.fullmatch, node.below)):
        raise Fault(Wrong.ORDER, name, parameter)
    _bound(parameter, len(node.below), name)
    children = sorted((int(index), child) for index, child in node.below.items())
    if children[-1][0] != len(children):
        raise Fault(Wrong.ORDER, name, parameter)
    return children


def _bound(parameter: Parameter, size: int, name: str) -> None:
    if parameter.minimum is not None and size < parameter.minimum:
        raise Fault(Wrong.SMALL, name, parameter)
    if parameter.maximum is not None and size > parameter.maximum:
        raise Fault(Wrong.GREAT, name, parameter)


T = TypeVar("T", str, int)


def _allowed(parameter: Parameter, value: T, name: str) -> T:
    if parameter.allowed is not None and not parameter.allowed(value):
        raise Fault(Wrong.FORM, name, parameter)
    return value


_READERS: Mapping[Kind, Callable[[Parameter, _Node, str], Any]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.LIST: _list,
    Kind.OBJECTS: _objects,
}
