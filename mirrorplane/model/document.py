"""A configuration file's text -> Configuration.

Owns the file's shape (its sections, ids as keys) and the words for what pydantic finds. Must not know the
file system: the text comes with the name to show in errors.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mirrorplane.model.api import Api
from mirrorplane.model.configuration import Configuration
from mirrorplane.model.faults import (
    MAX_PROBLEMS,
    ConfigurationError,
    Path,
    Problem,
    dotted,
    kind,
    near,
    shown,
)
from mirrorplane.model.filter import Filter
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.interface import Interface
from mirrorplane.model.kernel import Kernel
from mirrorplane.model.load_balancer import LoadBalancer
from mirrorplane.model.references import Things, problems
from mirrorplane.model.session import Session
from mirrorplane.model.tree import Tree, read_tree
from mirrorplane.model.userspace import Userspace

Thing = TypeVar("Thing", bound=Frozen)

_NOT_A_MAPPING = {"model_type", "model_attributes_type"}
_NOT_A_LIST = {"tuple_type", "frozen_set_type"}


def read(text: str, name: str) -> Configuration:
    """Return what the YAML document *text* says.

    Raises ConfigurationError, whose lines begin with *name*, telling all that is wrong as far as it can be
    found at once.
    """
    tree = read_tree(text, name)
    document = _Document(tree)
    sections = document.sections()
    things = Things(
        interfaces=document.things("interfaces", Interface, sections),
        load_balancers=document.things("load_balancers", LoadBalancer, sections),
        filters=document.things("filters", Filter, sections),
        sessions=document.things("sessions", Session, sections),
    )
    api = document.thing(Api, ("api",), sections.get("api", {})) or Api()
    kernel = document.thing(Kernel, ("kernel",), sections.get("kernel", {})) or Kernel()
    userspace = document.thing(Userspace, ("userspace",), sections.get("userspace", {})) or Userspace()
    document.note(problems(things, api))
    if document.found:
        raise ConfigurationError(*(f"{name}:{line}: {problem}" for line, problem in sorted(document.found)))
    engines = {"kernel": kernel, "userspace": userspace}
    return Configuration.model_validate({**things._asdict(), "api": api, **engines})


class _Document:
    """A tree on its way to a configuration; `found` are the problems met, at most MAX_PROBLEMS."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.found: list[tuple[int, str]] = []
        for line, problem in tree.repeated:
            self.found.append((line, _sentence(problem)))

    def note(self, problems: Iterable[Problem]) -> None:
        """Add *problems*, as far as there is room; no more of them are worked out than that."""
        for problem in islice(problems, MAX_PROBLEMS - len(self.found)):
            self.found.append((self._tree.line(problem.path), _sentence(problem)))

    def sections(self) -> dict[str, Any]:
        """Return the top level, by key."""
        known = Configuration.model_fields
        if isinstance(self._tree.data, dict):
            self.note(Problem((key,), _unknown(key, known)) for key in self._tree.data if key not in known)
            return self._tree.data
        expected = f"a mapping with the keys {', '.join(known)}"
        self.note([Problem((), f"must be {expected}, not {kind(self._tree.data)}")])
        return {}

    def things(self, key: str, model: type[Thing], sections: dict[str, Any]) -> dict[str, Thing | None]:
        """Return the things of a section by id, None for one that is wrong."""
        section = sections.get(key, {})
        if isinstance(section, dict):
            return {name: self.thing(model, (key, name), body, id=name) for name, body in section.items()}
        self.note([Problem((key,), f"must be a mapping of ids, not {kind(section)}")])
        return {}

    def thing(self, model: type[Thing], path: Path, body: object, **place: str) -> Thing | None:
        """Return the *model* of *body*, found at *path*; *place* are fields that the path says."""
        if not isinstance(body, dict):
            self.note([Problem(path, f"must be a mapping, not {kind(body)}")])
            return None
        self.note(Problem((*path, key), _unknown(key, ())) for key in place if key in body)
        try:
            return model.model_validate({**body, **place})
        except ValidationError as error:
            details = error.errors(include_url=False)
            self.note(Problem(_place(path, detail, place), _text(detail, model)) for detail in details)
            return None


def _sentence(problem: Problem) -> str:
    return f"{dotted(problem.path)}: {problem.text}" if problem.path else problem.text


def _place(path: Path, detail: ErrorDetails, place: dict[str, str]) -> Path:
    """Return where *detail* stands in the document: what the path itself says stands there."""
    return path if detail["loc"][0] in place else (*path, *detail["loc"])


def _text(detail: ErrorDetails, model: type[Frozen]) -> str:
    """Return what *detail* says, for a person. No value is shown but where others are listed."""
    found, context = detail["input"], detail.get("ctx", {})
    if detail["type"] == "missing":
        return "is required"
    if detail["type"] == "extra_forbidden":
        return _unknown(str(detail["loc"][-1]), _fields(model, detail["loc"][:-1]))
    if detail["type"] == "literal_error":
        return f"must be {context['expected']}, not {shown(found)}"
    if detail["type"] in _NOT_A_MAPPING:
        return f"must be a mapping, not {kind(found)}"
    if detail["type"] in _NOT_A_LIST:
        return f"must be a list, not {kind(found)}"
    return str(context.get("error", detail["msg"]))


def _unknown(key: str, known: Iterable[str]) -> str:
    return "merge keys are not supported" if key == "<<" else f"unknown key{near(key, known)}"


def _fields(model: type[Frozen], path: Path) -> Iterable[str]:
    """Return the keys that there are at *path* below *model*."""
    for part in path:
        if isinstance(part, str):
            model = next(_models(model.model_fields[part].annotation))
    return model.model_fields


def _models(annotation: object) -> Iterator[type[Frozen]]:
    """Yield the models that an annotation such as `tuple[Rule, ...]` is made of."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
