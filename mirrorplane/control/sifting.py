"""Which sessions an engine refuses, where it only says that it refuses a configuration.

Owns the search. Must not know engines. Sessions that did not change go on meanwhile; one that did, and is
refused, goes on as it was before where that is possible.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from mirrorplane.control.engine import EngineRefusal
from mirrorplane.model import Configuration, Filter, Session

Apply = Callable[[Configuration], None]


class Sifted(NamedTuple):
    """Why which of the wanted sessions are not in force; `stuck` says why nothing could be changed at all."""

    refused: dict[str, str]
    stuck: str | None = None


def sift(
    apply: Apply,
    before: Configuration,
    wanted: Configuration,
    oldest_first: Sequence[str],
    known: Mapping[str, str],
) -> Sifted:
    """Bring as much of *wanted* into force, with *apply*, as is not refused; *before* is in force.

    *oldest_first* are the ids of the wanted sessions by the time of their last change: a late one is left out
    rather than an early one. *known* are those that need not be tried, because they were refused before, and
    why.
    """
    held = [name for name in known if name in before.sessions]
    tried = [name for name in oldest_first if name not in known]
    goal = _join(_join(_emptied(wanted), wanted, tried), before, held)
    try:
        apply(goal)
    except EngineRefusal as refusal:
        found = _search(apply, before, goal, tried, str(refusal))
        return found._replace(refused={**known, **found.refused})
    return Sifted(dict(known))


def _search(
    apply: Apply, before: Configuration, goal: Configuration, oldest_first: Sequence[str], why: str
) -> Sifted:
    """Bring as much of *goal*, which was refused with *why*, into force as is not."""
    changed = [name for name in oldest_first if differs(name, before, goal)]
    unchanged = [name for name in goal.sessions if name not in set(changed)]
    nothing = _emptied(goal)
    safe = _join(nothing, goal, unchanged)
    as_before = _join(safe, before, [name for name in changed if name in before.sessions])
    for first, rest in ((as_before, changed), (safe, changed), (nothing, list(goal.sessions))):
        try:
            apply(first)
        except EngineRefusal as refusal:
            why = str(refusal)
        else:
            search = _Search(apply, goal, first)
            search.split(rest, why)
            return Sifted(search.refused)
    return Sifted(dict.fromkeys(oldest_first, why), why)


class _Search:
    """What was found so far."""

    def __init__(self, apply: Apply, goal: Configuration, in_force: Configuration) -> None:
        self._apply, self._goal, self._in_force = apply, goal, in_force
        self.refused: dict[str, str] = {}

    def split(self, names: Sequence[str], why: str) -> None:
        """Add those of *names* that can be; together they were refused with *why*."""
        if len(names) == 1:
            self.refused[names[0]] = why
        elif names:
            middle = len(names) // 2
            self._add(names[:middle])
            self._add(names[middle:])

    def _add(self, names: Sequence[str]) -> None:
        more = _join(self._in_force, self._goal, names)
        try:
            self._apply(more)
        except EngineRefusal as refusal:
            self.split(names, str(refusal))
        else:
            self._in_force = more


def differs(name: str, one: Configuration, other: Configuration) -> bool:
    """Return whether the session *name* of *other*, or its filter, is not as in *one*."""
    session = other.sessions[name]
    known = one.filters.get(session.filter)
    return one.sessions.get(name) != session or known != other.filters[session.filter]


def is_same(one: Configuration, other: Configuration) -> bool:
    """Return whether two configurations have the same things of every kind."""
    return _parts(one) == _parts(other)


def _parts(configuration: Configuration) -> tuple[dict[str, Any], ...]:
    return (
        dict(configuration.sessions),
        dict(configuration.filters),
        dict(configuration.interfaces),
        dict(configuration.load_balancers),
    )


def _emptied(configuration: Configuration) -> Configuration:
    return configuration.model_copy(
        update={"sessions": MappingProxyType({}), "filters": MappingProxyType({})}
    )


def _join(to: Configuration, other: Configuration, names: Iterable[str]) -> Configuration:
    """Return *to* with the sessions *names* as *other* has them, and their filters."""
    sessions: dict[str, Session] = {name: other.sessions[name] for name in names}
    filters: dict[str, Filter] = {
        session.filter: other.filters[session.filter] for session in sessions.values()
    }
    return to.model_copy(
        update={
            "sessions": MappingProxyType({**to.sessions, **sessions}),
            "filters": MappingProxyType({**to.filters, **filters}),
        }
    )
