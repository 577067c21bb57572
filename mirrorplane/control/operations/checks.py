"""What is asked of every thing, whatever its kind.

Owns status, groups, tags and the comparison with a quota. Must not know one kind's own rules.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from mirrorplane.control.draft import Draft
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Filter, Rule, Scope, Session, Status, Target
from mirrorplane.control.state import KINDS

T = TypeVar("T", Filter, Rule, Target, Session)


def ready(thing: T) -> T:
    """Return *thing*. Raises Refusal STATUS if something else has to be over first."""
    if thing.life.status is not Status.READY:
        raise Refusal(Why.STATUS, KINDS[type(thing)], thing.id)
    return thing


def mendable(thing: T) -> T:
    """Return *thing*. Raises Refusal STATUS as `ready`, but not where it is stuck, for a reason."""
    if thing.life.reason and thing.life.status is not Status.DELETING:
        return thing
    return ready(thing)


def within(draft: Draft, scope: Scope, quota: str, number: int, why: Why, kind: str, name: str = "") -> None:
    """Raise Refusal *why* if *number* is above the *quota* of *scope*, if it has one of that name."""
    limit = draft.account(scope).quota(quota)
    if limit is not None and number > limit:
        raise Refusal(why, kind, name)


def group(draft: Draft, scope: Scope, name: str) -> str:
    """Return the group's *name*. Raises Refusal NOT_FOUND, of kind `group`, where groups must exist."""
    groups = draft.account(scope).groups
    if groups is not None and name not in groups:
        raise Refusal(Why.NOT_FOUND, "group", name)
    return name


def tags(draft: Draft, scope: Scope, wanted: Mapping[str, str], kind: str, name: str = "") -> dict[str, str]:
    """Return the tags *wanted* for one thing. Raises Refusal QUOTA_TAGS if they are too many."""
    if len(wanted) > draft.account(scope).tags:
        raise Refusal(Why.QUOTA_TAGS, kind, name)
    return dict(wanted)


def repeated(names: Iterable[str]) -> str | None:
    """Return the first of *names* that was there before, None if they differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def changed(thing: T, changes: Mapping[str, Any]) -> bool:
    """Return whether *changes* say of any field something that *thing* does not."""
    return any(getattr(thing, key) != value for key, value in changes.items())
