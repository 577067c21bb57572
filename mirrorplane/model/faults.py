"""What is wrong with what a user said, in words.

Owns the shape of a problem, how a place and a value are shown in it, and `ConfigurationError`. Must not
know the model or YAML. Values that may be secret never come here: whoever validates them writes a text
without them.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from re import compile as pattern
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

MAX_PROBLEMS = 20
"""More problems than a person mends in one go are not collected."""

Path = tuple[str | int, ...]

_LONGEST_SHOWN = 60
_MOST_COMPARED = 1000  # of what might have been meant: an inventory may be long, and the user waits
_LIKENESS = 0.65  # of 1: two letters that changed places in a word of three are found, little else is
_PLAIN_KEY = pattern(r"[\w<>-]{1,64}")
_KINDS = {type(None): "nothing", str: "a text", dict: "a mapping", list: "a list", tuple: "a list"}


class Problem(NamedTuple):
    """One thing that is wrong: the keys and list indices that lead there, and what is wrong there."""

    path: Path
    text: str


class ConfigurationError(ValueError):
    """A document that is wrong: lines `name:line: key.path: what is wrong`, which str() joins."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems that were found at once, in the order of their lines, at most MAX_PROBLEMS."""
        return tuple(self.args)

    def __str__(self) -> str:
        return "\n".join(self.problems)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise *problems*, if any, from within a pydantic validator, each at its path below the value."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{error}", {"error": text}), loc=path, input=None
        )
        for path, text in problems
    ]
    if details:
        raise ValidationError.from_exception_data("configuration", details, hide_input=True)


def dotted(path: Path) -> str:
    """Return *path* as a person writes it: `filters.tmf-web.ingress[0].priority`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}"
    return text.removeprefix(".")


def shown(value: object) -> str:
    """Return *value* for an error's text: a scalar on one short line, of anything else its kind."""
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN:
        value = f"{value[: _LONGEST_SHOWN - 3]}..."
    return repr(value) if isinstance(value, str | int | float | bytes) else kind(value)


def kind(value: object) -> str:
    """Return what sort of thing *value* is, without showing it."""
    return _KINDS.get(type(value), type(value).__name__)


def near(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return the end of an error's text: which of *known* was meant by *word*; or nothing.

    What all ids of a kind begin with, *prefix*, makes none like another.
    """
    if len(word) > _LONGEST_SHOWN:
        return ""
    tails = (text.removeprefix(prefix) for text in islice(known, _MOST_COMPARED))
    matches = get_close_matches(word.removeprefix(prefix), tails, cutoff=_LIKENESS)
    return f" (did you mean {' or '.join(_key(prefix + match) for match in matches)}?)" if matches else ""


def _key(text: str) -> str:
    return text if _PLAIN_KEY.fullmatch(text) else shown(text)
