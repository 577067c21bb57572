"""YAML text -> plain mappings, lists and texts, and the line of each.

Owns YAML and the bounds of a document. Must not know what any key means.

Every scalar stays the text that was written, so that no MAC is a number and no port range a date; a plain
scalar that YAML takes for nothing (`~`, `null`, or not there) becomes None. Anchors and aliases work, and
what they stand for is counted as often as it stands there, without being copied: a document of a few lines
that means millions of values is refused at once.
"""

from re import compile as pattern
from typing import TYPE_CHECKING, NamedTuple, Union

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from mirrorplane.model.faults import MAX_PROBLEMS, ConfigurationError, Path, Problem, dotted, shown

if TYPE_CHECKING:
    from yaml import BaseLoader as Loader
else:
    Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml, where PyYAML was built with it

Plain = Union[dict[str, "Plain"], list["Plain"], str, None]  # noqa: UP007 - `|` takes no forward reference
"""What a document is made of."""

MAX_CHARACTERS = 16 << 20
MAX_VALUES = 1_000_000
"""Keys, scalars and collections: some 65,000 rules with everything said."""

MAX_DEPTH = 20

_UNPRINTABLE = pattern("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.1, 5.1
_PLAIN, _QUOTED, _COLLECTION = "plain", "quoted", "collection"
_TAGS = {_PLAIN, _QUOTED, _COLLECTION}
_UNREADABLE = "not readable as YAML"
_NOTHING = {"", "~", "null", "Null", "NULL"}


class Tree(NamedTuple):
    """A document: its `data`, the `root` that knows the lines, and the `repeated` keys, with lines."""

    data: Plain
    root: Node
    repeated: list[tuple[int, Problem]]

    def line(self, path: Path) -> int:
        """Return the line, from 1, of what *path* leads to, or of the last thing on the way that is there."""
        node, line = self.root, self.root.start_mark.line
        for part in path:
            step = _step(node, part)
            if step is None:
                break
            node, line = step
        return line + 1


def read_tree(text: str, name: str) -> Tree:
    """Return the tree of the YAML document *text*. Raises ConfigurationError, which shows *name*."""
    _check_characters(text, name)
    try:
        composer = _Composer(text)
        root = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, name) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # without libyaml, chr() meets odd escapes
        raise ConfigurationError(f"{name}:1: {_UNREADABLE}: {' '.join(str(error).split())}") from None
    if root is None:
        raise ConfigurationError(f"{name}:1: the file is empty")
    builder = _Builder(name)
    return Tree(builder.value(root), root, builder.repeated)


class _Composer(Loader):
    """Builds nodes with the kind of each as its tag, and stops at a bottomless document."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0

    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        self._depth += 1
        self._count += 1
        mark = current_node.start_mark if current_node else None
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH}", problem_mark=mark)
        if self._count > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_VALUES} values", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def resolve(self, kind: type[Node], value: object, implicit: tuple[bool, bool]) -> str:
        if kind is not ScalarNode:
            return _COLLECTION
        return _PLAIN if implicit[0] else _QUOTED


class _Builder:
    """Turns nodes into plain values, each node once however many aliases it has."""

    def __init__(self, name: str) -> None:
        self.repeated: list[tuple[int, Problem]] = []
        self._name = name
        self._path: list[str | int] = []
        self._count = 0
        self._built: dict[Node, tuple[Plain, int] | None] = {}  # value and size; None while it is being built

    def value(self, node: Node) -> Plain:
        if node.tag not in _TAGS:
            raise self._refusal(f"tags such as {shown(node.tag)} are not used here", node)
        if isinstance(node, ScalarNode):
            self._add(1)
            return None if node.tag == _PLAIN and node.value in _NOTHING else node.value
        if node not in self._built:
            return self._collection(node)
        built = self._built[node]
        if built is None:
            raise self._refusal("an alias stands within what it stands for", self._innermost())
        self._add(built[1])
        return built[0]

    def _collection(self, node: Node) -> Plain:
        self._built[node] = None
        before = self._count
        self._add(1)
        value = self._mapping(node) if isinstance(node, MappingNode) else self._list(node)
        self._built[node] = (value, self._count - before)
        return value

    def _list(self, node: Node) -> list[Plain]:
        values = []
        for at, item in enumerate(node.value):
            self._path.append(at)
            values.append(self.value(item))
            self._path.pop()
        return values

    def _mapping(self, node: MappingNode) -> dict[str, Plain]:
        values: dict[str, Plain] = {}
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                raise self._refusal("a key must be a text", key)
            self._path.append(key.value)
            if key.value in values and len(self.repeated) < MAX_PROBLEMS:
                self._note_repeated(node, key)
            values.setdefault(key.value, self.value(item))
            self._path.pop()
        return values

    def _note_repeated(self, node: MappingNode, key: ScalarNode) -> None:
        first = next(other for other, _ in node.value if other.value == key.value)
        text = f"the key is there twice, first in line {first.start_mark.line + 1}"
        self.repeated.append((key.start_mark.line + 1, Problem(tuple(self._path), text)))

    def _add(self, size: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise self._refusal(f"means more than {MAX_VALUES} values, aliases counted", self._innermost())

    def _innermost(self) -> Node:
        """Return the collection that is being built: an alias leaves no node where it stands."""
        return next(node for node in reversed(self._built) if self._built[node] is None)

    def _refusal(self, text: str, node: Node) -> ConfigurationError:
        path = dotted(tuple(self._path))
        return ConfigurationError(
            f"{self._name}:{node.start_mark.line + 1}: {path}{': ' if path else ''}{text}"
        )


def _step(node: Node, part: str | int) -> tuple[Node, int] | None:
    """Return what *part* leads to from *node*, and the line to name: a scalar's own, a collection's key's."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, (value if isinstance(value, ScalarNode) else key).start_mark.line
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line
    return None


def _check_characters(text: str, name: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise ConfigurationError(
            f"{name}:1: the file has {len(text)} characters: at most {MAX_CHARACTERS} are read"
        )
    found = _UNPRINTABLE.search(text)
    if found:
        line = len(f"{text[: found.start()]}.".splitlines())
        character = f"U+{ord(found[0]):04X}"
        raise ConfigurationError(f"{name}:{line}: {_UNREADABLE}: the character {character} is not text")


def _not_yaml(error: yaml.MarkedYAMLError, text: str, name: str) -> ConfigurationError:
    lines = text.splitlines() or [""]
    line = min(error.problem_mark.line if error.problem_mark else 0, len(lines) - 1)  # the end is on no line
    begun = error.context_mark.line if error.context_mark else line
    context = f"{error.context}{f' (line {begun + 1})' if begun != line else ''}, " if error.context else ""
    hint = _hint(lines[line])
    return ConfigurationError(f"{name}:{line + 1}: {_UNREADABLE}: {context}{error.problem}{hint}")


def _hint(line: str) -> str:
    if "\t" in line:
        return " (a tab? indent with spaces)"
    return " (an IPv6 address or network? put it in quotes)" if "::" in line else ""
