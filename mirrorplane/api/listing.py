"""What there is, for who runs the server: all accounts' things, with what the engine counts of them.

Owns the rows that the command line shows. Must not know how they are asked for, nor any dialect.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mirrorplane.control.inventory import Inventory
from mirrorplane.control.resources import Filter, Scope, Session, Target
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.engines.report import Report

Row = dict[str, Any]

LOOK = 0.5
"""Seconds between the two looks at the counters that rates are made of."""

NOTHING: Report = {"sources": {}, "sessions": {}, "filters": {}}
"""What is counted without an engine."""


class Looks(NamedTuple):
    """Two looks at the counters, `seconds` apart."""

    before: Report
    after: Report
    seconds: float


class Listing:
    """Answers by what the three functions return when it is asked."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        inventory: Callable[[], Inventory],
        counters: Callable[[], Report],
    ) -> None:
        self._snapshot, self._inventory, self._counters = snapshot, inventory, counters

    def rows(self, what: str) -> list[Row]:
        """Return the rows of *what*, a name of LISTS; it takes LOOK seconds. Raises KeyError for others."""
        make = LISTS[what]
        started, before = time.monotonic(), self._counters()
        time.sleep(LOOK)
        looks = Looks(before, self._counters(), time.monotonic() - started)
        return list(make(self._snapshot(), self._inventory(), looks))


def _sessions(snapshot: Snapshot, _inventory: Inventory, looks: Looks) -> Iterator[Row]:
    for session in _all(snapshot, snapshot.sessions):
        yield {
            **_common(session),
            "priority": session.priority,
            "enabled": session.enabled,
            "virtual_network_id": session.vni,
            "packet_length": session.packet_length,
            "filter": session.filter,
            "target": session.target or session.instance,
            "sources": list(session.sources),
            **_mirrored([session.id], looks),
        }


def _filters(snapshot: Snapshot, _inventory: Inventory, looks: Looks) -> Iterator[Row]:
    users = _by(snapshot, lambda session: session.filter)
    for chosen in _all(snapshot, snapshot.filters):
        sessions = users.get(chosen.id, [])
        rules = len(snapshot.rules(chosen.scope, chosen.id))
        yield {**_common(chosen), "rules": rules, "sessions": sessions, **_mirrored(sessions, looks)}


def _targets(snapshot: Snapshot, _inventory: Inventory, looks: Looks) -> Iterator[Row]:
    users = _by(snapshot, lambda session: session.target)
    for target in _all(snapshot, snapshot.targets):
        sessions = users.get(target.id, [])
        about = {"kind": target.kind, "instance": target.instance}
        yield {**_common(target), **about, "sessions": sessions, **_mirrored(sessions, looks)}


def _interfaces(snapshot: Snapshot, inventory: Inventory, looks: Looks) -> Iterator[Row]:
    sources, instances = _sources(snapshot), _by(snapshot, lambda session: session.instance)
    for interface in inventory.interfaces.values():
        ways = inventory.ways_to(interface.id)
        yield {
            "id": interface.id,
            "device": interface.device or "",
            "netns": interface.netns or "",
            "addresses": list(map(str, interface.addresses)),
            "source_of": sources.get(interface.id, []),
            "target_of": [session for way in ways for session in instances.get(way, [])],
            **_seen(interface.id, looks),
        }


LISTS: Mapping[str, Callable[[Snapshot, Inventory, Looks], Iterator[Row]]] = {
    "sessions": _sessions,
    "filters": _filters,
    "targets": _targets,
    "enis": _interfaces,
}


def _all(snapshot: Snapshot, of: Callable[[Scope], tuple[Any, ...]]) -> list[Any]:
    """Return things of all scopes in the order of creation."""
    return sorted(
        (thing for scope in snapshot.scopes() for thing in of(scope)), key=lambda thing: thing.life.created
    )


def _by(snapshot: Snapshot, key: Callable[[Session], str | None]) -> dict[str | None, list[str]]:
    """Return the ids of sessions by what *key* returns of them."""
    found: dict[str | None, list[str]] = {}
    for session in _all(snapshot, snapshot.sessions):
        found.setdefault(key(session), []).append(session.id)
    return found


def _sources(snapshot: Snapshot) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for session in _all(snapshot, snapshot.sessions):
        for source in session.sources:
            found.setdefault(source, []).append(session.id)
    return found


def _common(thing: Filter | Target | Session) -> Row:
    return {
        "id": thing.id,
        "name": thing.name,
        "dialect": thing.scope.dialect,
        "account": thing.scope.account,
        "region": thing.scope.region,
        "status": thing.life.status.value,
        "reason": thing.life.reason,
    }


def _mirrored(sessions: Iterable[str], looks: Looks) -> Row:
    """Return what *sessions* mirrored, in all; bytes are outer IP's."""
    packets, packet_rate = _counted(sessions, "mirrored_packets", looks)
    octets, octet_rate = _counted(sessions, "mirrored_bytes", looks)
    return {
        "mirrored_packets": packets,
        "mirrored_bytes": octets,
        "packets_per_second": round(packet_rate, 1),
        "bits_per_second": round(8 * octet_rate),
    }


def _counted(sessions: Iterable[str], what: str, looks: Looks) -> tuple[int, float]:
    """Return the sum, and by how much it grew a second."""
    before, after = (
        sum(report["sessions"].get(name, {}).get(what, 0) for name in sessions)
        for report in (looks.before, looks.after)
    )
    return after, (after - before) / looks.seconds


def _seen(name: str, looks: Looks) -> Row:
    nothing = {"seen": 0, "mirrored": 0}
    before, after = (report["sources"].get(name, nothing) for report in (looks.before, looks.after))
    grown = after["seen"] - before["seen"]
    return {
        "seen_packets": after["seen"],
        "mirrored_packets": after["mirrored"],
        "packets_per_second": round(grown / looks.seconds, 1),
    }
