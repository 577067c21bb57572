"""What a new plan changes.

Owns the comparison of two plans. Must not know who acts on it. `diff(plan, plan)` is empty.
"""

from typing import NamedTuple

from mirrorplane.plan.compile import Plan, Route


class Changes(NamedTuple):
    """Ids that came, went, or stayed but are sent differently."""

    added_sources: frozenset[str]
    removed_sources: frozenset[str]
    added_sessions: frozenset[str]
    removed_sessions: frozenset[str]
    changed_sessions: frozenset[str]

    @property
    def is_empty(self) -> bool:
        """Whether no source or session came, went or is sent elsewhere."""
        return not any(self)


def diff(old: Plan, new: Plan) -> Changes:
    """Return what *new* changes of *old*."""
    before, after = _routes_by_session(old), _routes_by_session(new)
    stayed = set(old.sessions) & set(new.sessions)
    return Changes(
        added_sources=frozenset(new.sources) - frozenset(old.sources),
        removed_sources=frozenset(old.sources) - frozenset(new.sources),
        added_sessions=frozenset(new.sessions) - frozenset(old.sessions),
        removed_sessions=frozenset(old.sessions) - frozenset(new.sessions),
        changed_sessions=frozenset(name for name in stayed if before.get(name) != after.get(name)),
    )


def _routes_by_session(plan: Plan) -> dict[str, set[Route]]:
    routes: dict[str, set[Route]] = {}
    for route in plan.routes:
        routes.setdefault(route.session, set()).add(route)
    return routes
