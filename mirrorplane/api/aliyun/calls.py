"""What the function of an action is given, and what it gives back.

Owns the two kinds of functions: one that only looks answers from a snapshot, one that changes something
hands over the work that the control plane does when its turn comes. Must not know any action.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mirrorplane.api.schema import Action
from mirrorplane.control import Draft, Snapshot
from mirrorplane.control.resources import Scope
from mirrorplane.model import Aliyun as Settings

Answer = dict[str, Any]
"""The members of an answer, without its RequestId."""

Work = Callable[[Draft], Answer]


@dataclass(frozen=True)
class Call:
    """One call of an action: in whose account and region, with which parameters, by name."""

    scope: Scope
    values: dict[str, Any]
    settings: Settings


@dataclass(frozen=True)
class Looks:
    """The function of an action that changes nothing."""

    answer: Callable[[Call, Snapshot], Answer]


@dataclass(frozen=True)
class Changes:
    """The function of an action that changes something: it checks what it can, and returns the rest."""

    work: Callable[[Call], Work]


AliyunAction = Action[Looks | Changes]
