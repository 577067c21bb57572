"""What the function of an action is given, and what it gives back.

Owns the two kinds of functions: one looks at a snapshot and answers, one checks what it can and hands over
the work that the control plane does when its turn comes. Must not know any action.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mirrorplane.api.schema import Action
from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Scope
from mirrorplane.control.snapshot import Snapshot

Result = dict[str, Any]
"""The members of an answer's Result, without its RequestId."""

Work = Callable[[Draft], Result]


@dataclass(frozen=True)
class Call:
    """One call of an action: in whose account and region, with which parameters, by name."""

    scope: Scope
    values: dict[str, Any]

    def __getitem__(self, parameter: str) -> Any:
        return self.values[parameter]

    def changes(self, names: dict[str, str]) -> dict[str, Any]:
        """Return what the parameters that were given change: their values, by the values of *names*."""
        return {to: self[of] for of, to in names.items() if self[of] is not None}


@dataclass(frozen=True)
class Looks:
    """The function of an action that changes nothing."""

    answer: Callable[[Call, Snapshot], Result]


@dataclass(frozen=True)
class Changes:
    """The function of an action that changes something."""

    work: Callable[[Call], Work]


VolcengineAction = Action[Looks | Changes]
