"""Sessions and rules -> what an engine is told.

Owns the one order that all scopes' sessions have for an engine, and the model's words for what the APIs
allow beyond it. Must not know engines or life. A session that cannot be run is left out, with a line why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from mirrorplane import model
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.resources import Direction, Rule, Session, Status, Thing
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.model.references import Things, problems
from mirrorplane.model.scalars import port_range

PROTOCOLS: Mapping[str, tuple[str, ...]] = {"TCP+UDP+ICMP": ("TCP", "UDP", "ICMP")}
"""What stands for several protocols of the model."""


class Planned(NamedTuple):
    """What an engine is told, and why which sessions are not in it."""

    configuration: model.Configuration
    left_out: dict[str, str]


@dataclass
class _Known:
    """What was made before, with what it was made of: most things stay between two plans."""

    sessions: dict[str, tuple[Session, int, model.Session]] = field(default_factory=dict)
    filters: dict[str, tuple[Mapping[str, Thing], model.Filter]] = field(default_factory=dict)


class Planner:
    """Makes configurations of snapshots. The one of an unchanged thing is the same object again."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._known = _Known()

    def plan(self, snapshot: Snapshot) -> Planned:
        """Return what to tell an engine.

        Sessions have the priorities that they were given; of those that have the same, in different scopes,
        the older one goes first, and the others move up.
        """
        left_out: dict[str, str] = {}
        ordered = sorted(
            snapshot.mirrored.values(), key=lambda session: (session.priority, session.life.created)
        )
        for session in ordered[model.MAX_SESSION_PRIORITY :]:
            left_out[session.id] = f"more than {model.MAX_SESSION_PRIORITY} sessions are enabled"
        del ordered[model.MAX_SESSION_PRIORITY :]
        filters = self._filters(ordered, snapshot, left_out)
        sessions = self._sessions(ordered, left_out)
        self._leave_out(sessions, filters, left_out)
        configuration = self._inventory.configuration.model_copy(
            update={"filters": MappingProxyType(filters), "sessions": MappingProxyType(sessions)}
        )
        return Planned(configuration, left_out)

    def _filters(
        self, sessions: Sequence[Session], snapshot: Snapshot, left_out: dict[str, str]
    ) -> dict[str, model.Filter]:
        """Return the filters of *sessions*; note those whose filter cannot be had."""
        known, self._known.filters = self._known.filters, {}
        wrong: dict[str, str] = {}
        for name in dict.fromkeys(session.filter for session in sessions):
            rules = snapshot.places.get(("rule", name), {})
            try:
                old = known.get(name)
                made = old[1] if old is not None and old[0] is rules else _filter(name, rules.values())
                self._known.filters[name] = rules, made
            except ValueError as error:
                wrong[name] = _line(error)
        left_out.update((each.id, wrong[each.filter]) for each in sessions if each.filter in wrong)
        return {name: made for name, (_, made) in self._known.filters.items()}

    def _sessions(self, ordered: Sequence[Session], left_out: dict[str, str]) -> dict[str, model.Session]:
        known, self._known.sessions = self._known.sessions, {}
        priorities = spread([session.priority for session in ordered], model.MAX_SESSION_PRIORITY)
        for session, priority in zip(ordered, priorities, strict=True):
            old = known.get(session.id)
            try:
                is_same = old is not None and old[0] is session and old[1] == priority
                made = old[2] if old is not None and is_same else _session(session, priority)
                self._known.sessions[session.id] = session, priority, made
            except ValueError as error:
                left_out.setdefault(session.id, _line(error))
        return {name: made for name, (_, _, made) in self._known.sessions.items() if name not in left_out}

    def _leave_out(
        self,
        sessions: dict[str, model.Session],
        filters: Mapping[str, model.Filter],
        left_out: dict[str, str],
    ) -> None:
        """Take out what does not fit together with the inventory, or cannot be mirrored on a live host."""
        inventory = self._inventory
        things = Things(inventory.interfaces, inventory.load_balancers, filters, sessions)
        for problem in problems(things, inventory.configuration.api):
            section, name = problem.path[0], str(problem.path[1])
            if section == "sessions":
                left_out.setdefault(name, problem.text)
        for session in sessions.values():
            for source in session.sources:
                interface = inventory.interface(source)
                if interface is not None and interface.device is None:
                    left_out.setdefault(session.id, f"interface {source} has no device to mirror")
        for name in left_out:
            sessions.pop(name, None)


def spread(priorities: Sequence[int], highest: int) -> list[int]:
    """Return ascending *priorities* from 1 to *highest* as near as possible, but each different.

    There must be no more of them than *highest*.
    """
    spaced: list[int] = []
    for priority in priorities:
        spaced.append(max(priority, spaced[-1] + 1 if spaced else 1))
    room = range(highest - len(spaced) + 1, highest + 1)
    return [min(priority, limit) for priority, limit in zip(spaced, room, strict=True)]


def _session(session: Session, priority: int) -> model.Session:
    """Return the model's word for *session*; a packet length beyond what it knows means the whole packet."""
    return model.Session(
        id=session.id,
        priority=priority,
        sources=session.sources,
        target=session.instance,
        filter=session.filter,
        packet_length=min(session.packet_length, model.MAX_PACKET_LENGTH),
        virtual_network_id=session.vni,
        enabled=True,
    )


def _filter(name: str, rules: Iterable[Thing]) -> model.Filter:
    """Return the model's word for a filter. Raises ValueError, also of pydantic's."""
    here = [rule for rule in rules if isinstance(rule, Rule) and rule.life.status is not Status.DELETING]
    return model.Filter(id=name, ingress=tuple(_rules(here, "ingress")), egress=tuple(_rules(here, "egress")))


def _rules(rules: Iterable[Rule], direction: Direction) -> Iterator[model.Rule]:
    here = sorted((rule for rule in rules if rule.direction == direction), key=lambda rule: rule.priority)
    single = [
        (rule, protocol) for rule in here for protocol in PROTOCOLS.get(rule.protocol, (rule.protocol,))
    ]
    priorities = spread([rule.priority for rule, _ in single], model.MAX_RULE_PRIORITY)
    for (rule, protocol), priority in zip(single, priorities, strict=True):
        yield model.Rule(
            priority=priority,
            action=rule.action,
            protocol=protocol,  # type: ignore[arg-type] # pydantic checks it
            source_cidr_block=ip_network(rule.source_cidr_block, strict=False),
            destination_cidr_block=ip_network(rule.destination_cidr_block, strict=False),
            source_port_range=port_range(rule.source_port_range),
            destination_port_range=port_range(rule.destination_port_range),
        )


def _line(error: ValueError) -> str:
    """Return what *error* says, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(str(detail.get("ctx", {}).get("error", detail["msg"])) for detail in error.errors())
    return " ".join(str(error).split())
