"""All things as they were at one moment.

Owns looking things up for those who only read. Must not know how things change. Immutable, and shared by
threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from mirrorplane.control.resources import Filter, Kind, Rule, Scope, Session, Target, Thing

Place = tuple[Kind, Scope | str]
"""Where a thing is listed: its kind, and its scope, or the id of a rule's filter."""


@dataclass(frozen=True)
class Snapshot:
    """Things by place and id, in the order of creation.

    `pending` are those that are not READY, `mirrored` the sessions that the engine is to run. `revision`
    differs between two snapshots if what the engine is to run does.
    """

    places: Mapping[Place, Mapping[str, Thing]]
    subscriptions: Mapping[Scope, float]
    pending: Mapping[str, Thing]
    mirrored: Mapping[str, Session]
    revision: int
    _lists: dict[Place, tuple[Thing, ...]] = field(default_factory=dict, compare=False, repr=False)

    def filters(self, scope: Scope) -> tuple[Filter, ...]:
        """Return the filters of *scope* in the order of creation."""
        return cast("tuple[Filter, ...]", self._list(("filter", scope)))

    def targets(self, scope: Scope) -> tuple[Target, ...]:
        """Return the named targets of *scope* in the order of creation."""
        return cast("tuple[Target, ...]", self._list(("target", scope)))

    def sessions(self, scope: Scope) -> tuple[Session, ...]:
        """Return the sessions of *scope* in the order of creation."""
        return cast("tuple[Session, ...]", self._list(("session", scope)))

    def rules(self, scope: Scope, filter_id: str) -> tuple[Rule, ...]:
        """Return the rules of a filter of *scope* in the order of creation; none if it has no such filter."""
        rules = cast("tuple[Rule, ...]", self._list(("rule", filter_id)))
        return rules if rules and rules[0].scope == scope else ()

    def find(self, scope: Scope, kind: Kind, name: str) -> Thing | None:
        """Return the filter, target or session of *scope* with the id *name*, None if there is none."""
        return self.places.get((kind, scope), {}).get(name)

    def subscribed(self, scope: Scope) -> bool:
        """Return whether *scope* has subscribed."""
        return scope in self.subscriptions

    def scopes(self) -> tuple[Scope, ...]:
        """Return the scopes that have something, in no order."""
        return tuple({owner for _, owner in self.places if isinstance(owner, Scope)})

    def _list(self, place: Place) -> tuple[Thing, ...]:
        if place not in self._lists:
            self._lists[place] = tuple(self.places.get(place, {}).values())
        return self._lists[place]
