"""All things as they are now, in memory, and everything that is asked about them at once.

Owns the indices, the undoing of changes, and the publication of snapshots. Must not know why a thing is
changed, nor how it is kept. It belongs to one thread, the writer's; a snapshot is for all.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from mirrorplane.control.resources import Filter, Kind, Rule, Scope, Session, Status, Target, Thing
from mirrorplane.control.snapshot import Place, Snapshot

KINDS: dict[type, Kind] = {Filter: "filter", Rule: "rule", Target: "target", Session: "session"}


class By(Enum):
    """What things are found by, beside their ids; with each, what its value is."""

    FILTER = auto()
    """Sessions: the id of their filter."""
    SOURCE = auto()
    """Sessions: the id of a source."""
    SOURCE_IN_SCOPE = auto()
    """Sessions: scope and id of a source."""
    INSTANCE = auto()
    """Sessions and targets: the id of what they lead to."""
    GOAL = auto()
    """Sessions: scope and id of what they lead to; they weigh as many as their sources."""
    TARGET = auto()
    """Sessions: the id of the named target."""
    PRIORITY = auto()
    """Sessions that are not going: scope and priority. Rules that are not: filter, direction, priority."""
    VNI = auto()
    """Sessions: the VNI."""


class Change(NamedTuple):
    """What became of the thing `id`; None where there was, or is, none."""

    id: str
    before: Thing | None
    after: Thing | None


Key = tuple[By, Hashable]
Entry = Change | Scope
"""What can be undone: a change of a thing, or a subscription that was made."""


class State:
    """Every thing by id, and by what `By` lists."""

    def __init__(
        self, things: Iterable[Thing] = (), subscriptions: Mapping[Scope, float] | None = None
    ) -> None:
        """Begin with *things*, each kind in the order of creation."""
        self._things: dict[str, Thing] = {}
        self._places: dict[Place, dict[str, Thing]] = {}
        self._index: dict[Key, dict[str, int]] = {}
        self._pending: dict[str, Thing] = {}
        self._mirrored: dict[str, Session] = {}
        self._revision = 0
        self._journal: list[Entry] = []
        self._subscriptions = dict(subscriptions or {})
        self._stale: set[Place] = set()
        for thing in things:
            self._set(thing.id, thing)
        self._snapshot = Snapshot({}, {}, {}, {}, 0)
        self.publish()

    def get(self, name: str) -> Thing | None:
        """Return the thing with the id *name*, None if there is none."""
        return self._things.get(name)

    def found(self, by: By, value: Hashable) -> Iterator[Thing]:
        """Yield the things that have *value*, in the order in which they took it."""
        return (self._things[name] for name in self._index.get((by, value), ()))

    def tally(self, by: By, value: Hashable) -> int:
        """Return how many things have *value*."""
        return len(self._index.get((by, value), ()))

    def weight(self, by: By, value: Hashable) -> int:
        """Return how much the things that have *value* weigh together."""
        return sum(self._index.get((by, value), {}).values())

    def count(self, kind: Kind, owner: Scope | str) -> int:
        """Return how many of a kind *owner* has: a scope, or, of rules, the filter with that id."""
        return len(self._places.get((kind, owner), ()))

    def rules(self, name: str) -> Iterator[Rule]:
        """Yield the rules of the filter *name*, in the order of creation."""
        for thing in self._places.get(("rule", name), {}).values():
            if isinstance(thing, Rule):
                yield thing

    def subscribed(self, scope: Scope) -> bool:
        """Return whether *scope* has subscribed."""
        return scope in self._subscriptions

    def subscribe(self, scope: Scope, now: float) -> None:
        """Note that *scope* subscribed at *now*, seconds since the epoch."""
        self._subscriptions[scope] = now
        self._journal.append(scope)

    def put(self, thing: Thing) -> None:
        """Have *thing* in place of the one with its id, or as a new one."""
        self._journal.append(Change(thing.id, self._things.get(thing.id), thing))
        self._set(thing.id, thing)

    def remove(self, name: str) -> None:
        """Have no thing *name* any more."""
        self._journal.append(Change(name, self._things[name], None))
        self._set(name, None)

    def mark(self) -> int:
        """Return how much has been changed since the last `settle`, for `undo`."""
        return len(self._journal)

    def undo(self, mark: int = 0) -> None:
        """Take back what was changed since *mark* was taken; by default everything."""
        while len(self._journal) > mark:
            entry = self._journal.pop()
            if isinstance(entry, Scope):
                del self._subscriptions[entry]
                continue
            self._set(entry.id, entry.before)
            if entry.before is not None and entry.after is None:
                self._reorder(_place(entry.before))

    def changes(self) -> tuple[list[Change], dict[Scope, float]]:
        """Return what was changed since the last `settle`, each thing once, and who subscribed."""
        last: dict[str, Change] = {}
        for entry in self._journal:
            if isinstance(entry, Change):
                before = last[entry.id].before if entry.id in last else entry.before
                last[entry.id] = Change(entry.id, before, entry.after)
        subscribed = {
            entry: self._subscriptions[entry] for entry in self._journal if isinstance(entry, Scope)
        }
        return [change for change in last.values() if change.before is not change.after], subscribed

    def settle(self) -> Snapshot:
        """Make what was changed final; return it."""
        self._journal.clear()
        return self.publish()

    def publish(self) -> Snapshot:
        """Return all things as they are. What did not change is shared with the snapshot before."""
        places = dict(self._snapshot.places)
        for place in self._stale:
            places[place] = dict(self._places[place])
            if not places[place]:
                del places[place], self._places[place]
        has_sessions = any(kind == "session" for kind, _ in self._stale)
        self._stale.clear()
        self._snapshot = Snapshot(
            places,
            dict(self._subscriptions),
            dict(self._pending),
            dict(self._mirrored) if has_sessions else self._snapshot.mirrored,
            self._revision,
        )
        return self._snapshot

    def _set(self, name: str, thing: Thing | None) -> None:
        before = self._things.get(name)
        if before is not None and thing is None:
            del self._things[name]
            del self._places[_place(before)][name]
        elif thing is not None:
            self._things[name] = thing
            self._places.setdefault(_place(thing), {})[name] = thing
        self._stale.update(_place(each) for each in (before, thing) if each is not None)
        self._reindex(name, before, thing)
        self._note_pending(name, thing)
        self._note_mirrored(name, before, thing)

    def _reindex(self, name: str, before: Thing | None, after: Thing | None) -> None:
        old, new = dict(_keys(before)), dict(_keys(after))
        for key in old.keys() - new.keys():
            self._index[key].pop(name)
            if not self._index[key]:
                del self._index[key]
        for key, weight in new.items():
            self._index.setdefault(key, {})[name] = weight

    def _note_pending(self, name: str, thing: Thing | None) -> None:
        if thing is None or thing.life.status is Status.READY:
            self._pending.pop(name, None)
        else:
            self._pending[name] = thing

    def _note_mirrored(self, name: str, before: Thing | None, after: Thing | None) -> None:
        self._revision += _mirrored(before) != _mirrored(after)
        if isinstance(after, Session) and _mirrored(after) is not None:
            self._mirrored[name] = after
        else:
            self._mirrored.pop(name, None)

    def _reorder(self, place: Place) -> None:
        """Put the things of *place* in the order of creation again."""
        things = sorted(self._places[place].values(), key=lambda thing: thing.life.created)
        self._places[place] = {thing.id: thing for thing in things}


def _place(thing: Thing) -> Place:
    """Return where *thing* is listed: a rule with its filter's, others with their scope's."""
    return (KINDS[type(thing)], thing.filter if isinstance(thing, Rule) else thing.scope)


def _keys(thing: Thing | None) -> Iterator[tuple[Key, int]]:
    """Yield what *thing* is found by, and what it weighs there."""
    is_going = thing is not None and thing.life.status is Status.DELETING
    if isinstance(thing, Session):
        yield (By.FILTER, thing.filter), 1
        yield (By.INSTANCE, thing.instance), 1
        yield (By.GOAL, (thing.scope, thing.instance)), len(thing.sources)
        yield (By.VNI, thing.vni), 1
        for source in thing.sources:
            yield (By.SOURCE, source), 1
            yield (By.SOURCE_IN_SCOPE, (thing.scope, source)), 1
        if thing.target is not None:
            yield (By.TARGET, thing.target), 1
        if not is_going:
            yield (By.PRIORITY, (thing.scope, thing.priority)), 1
    elif isinstance(thing, Target):
        yield (By.INSTANCE, thing.instance), 1
    elif isinstance(thing, Rule) and not is_going:
        yield (By.PRIORITY, (thing.filter, thing.direction, thing.priority)), 1


def _mirrored(thing: Thing | None) -> Hashable:
    """Return what an engine has to know of *thing*, None for nothing."""
    if thing is None or thing.life.status is Status.DELETING:
        return None
    if isinstance(thing, Session) and thing.enabled and thing.sources:
        return (
            thing.priority,
            thing.vni,
            thing.packet_length,
            thing.filter,
            thing.instance,
            thing.sources,
        )
    if isinstance(thing, Rule):
        return (
            thing.direction,
            thing.priority,
            thing.action,
            thing.protocol,
            thing.source_cidr_block,
            thing.destination_cidr_block,
            thing.source_port_range,
            thing.destination_port_range,
        )
    return None
