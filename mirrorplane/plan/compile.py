"""A configuration -> a plan.

Owns the order of sources, sessions, rules and templates, and the tables that follow from it. Must not know
who runs a plan. Pure: the same configuration gives the same plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrorplane.batch import EGRESS, INGRESS, UNKNOWN
from mirrorplane.counters import Counters, Reason, counters
from mirrorplane.model import Configuration, Interface, Rule, Session
from mirrorplane.plan import tables
from mirrorplane.plan.balance import SLOTS, spread
from mirrorplane.plan.classifier import Classifier, Shortcut, classifier, parts
from mirrorplane.plan.listing import LARGE
from mirrorplane.plan.tables import NONE, VERSIONS, Tables
from mirrorplane.plan.templates import Address

_LOW_64 = (1 << 64) - 1
_ALSO = {"arp": tables.ALSO_ARP, "dhcp": tables.ALSO_DHCP, "non-ip": tables.ALSO_NON_IP}
ANY_ADDRESS = (0, 0)
NO_PORTS = (1, 0)
"""A range of ports that none lies in."""


class PlanError(ValueError):
    """A configuration that is valid but cannot be run as asked: one line that says why."""


class RuleKey(NamedTuple):
    """Which rule a counter belongs to."""

    filter: str
    direction: str
    priority: int


class Route(NamedTuple):
    """Who a template is for. What is None is known only to a host: the outgoing device has it."""

    source: str
    session: str
    backend: str
    source_mac: bytes | None
    source_address: Address | None
    destination_mac: bytes | None
    destination: Address
    port: int
    vni: int
    mtu: int | None
    packet_length: int


class Balancer(NamedTuple):
    """Whose SLOTS slots these are: the backends, and the template of the first; the others' rows follow.

    Several routes may lead by the same slots: their templates for a backend can be sent, or not, together.
    """

    template: int
    backends: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What an engine runs: the tables, and the ids that their rows stand for.

    A row of `routes` is a row of templates, which an engine makes, because only it knows next hops. Of the
    tables' slots the first SLOTS are those of the first of `balancers`, and so on.
    """

    sources: tuple[str, ...]
    sessions: tuple[str, ...]
    rules: tuple[RuleKey, ...]
    routes: tuple[Route, ...]
    balancers: tuple[Balancer, ...]
    tables: Tables

    def counters(self) -> Counters:
        """Return zeroed counters of this plan's size."""
        return counters(len(self.sources), len(self.sessions), len(self.rules))


def compile_plan(
    configuration: Configuration,
    sources: Sequence[str] | None = None,
    fallback: int = UNKNOWN,
    host_ends: Iterable[str] = (),
    *,
    shared_wire: bool = False,
    lists_from: int = LARGE,
) -> Plan:
    """Compile *configuration* for *sources* (default: every interface that is a source of a session).

    *fallback* is the direction of packets that nothing else decides; *host_ends* are the sources whose
    device is the host's end, where the configuration does not say so itself. On a *shared_wire* a source may
    see what is sent for another one (its device carries the uplink's traffic): that is own output too. From
    so many bytes of tries on as *lists_from* says few rules are looked up in lists instead.
    """
    if sources is None:
        used = {source for session in configuration.sessions.values() for source in session.sources}
        sources = [name for name in configuration.interfaces if name in used]
    compiler = _Compiler(configuration, tuple(sources), fallback, frozenset(host_ends))
    plan = compiler.plan()
    if plan.tables.nodes.nbytes < lists_from:
        plan.tables.shortcuts["groups"] = 0
    if shared_wire:
        _share_output(plan.tables.sources)
    return plan


class _Compiler:
    """One compilation: rows collected in the order in which they will lie."""

    def __init__(
        self, configuration: Configuration, sources: tuple[str, ...], fallback: int, host_ends: frozenset[str]
    ) -> None:
        self.configuration = configuration
        self.sources = sources
        self.fallback = fallback
        self.host_ends = host_ends
        self.parts = parts()
        self.routes: list[Route] = []
        self.decisions: list[tuple[int, int, int]] = []
        self.classifiers: list[tuple[int, ...]] = []
        self.shortcuts: list[Shortcut] = []
        self.addresses: list[tuple[int, int, int]] = []
        self.tunnels: list[tuple[int, ...]] = []
        self.rules = {key: row for row, key in enumerate(_rule_keys(configuration))}
        self.balancers: list[Balancer] = []
        self._slots: dict[tuple[tuple[str, ...], bool], int] = {}
        self._classified: dict[tuple[Any, ...], tuple[Classifier, Shortcut]] = {}
        by_priority = sorted(configuration.sessions.values(), key=lambda session: session.priority)
        self._sessions_of: dict[str, list[Session]] = {source: [] for source in sources}
        for session in by_priority:
            for source in self._sessions_of.keys() & set(session.sources):
                self._sessions_of[source].append(session)

    def plan(self) -> Plan:
        """Compile every source, and put the rows together."""
        rows = [self._source(self.configuration.interfaces[source]) for source in self.sources]
        compiled = Tables(
            sources=_table(tables.SOURCE, rows),
            addresses=_table(tables.ADDRESS, self.addresses),
            tunnels=_table(tables.TUNNEL, self.tunnels),
            nodes=self.parts.tries.nodes,
            bitmaps=self.parts.tries.bitmaps,
            classifiers=_table(tables.CLASSIFIER, self.classifiers),
            decisions=_table(tables.DECISION, self.decisions),
            slots=np.concatenate(
                [np.zeros(0, np.uint16), *(spread(each.backends) for each in self.balancers)]
            ),
            shortcuts=_table(tables.SHORTCUT, self.shortcuts),
            lists=self.parts.lists.words,
            crossed=self.parts.crossings.crossed,
        )
        return Plan(
            sources=self.sources,
            sessions=tuple(self.configuration.sessions),
            rules=tuple(self.rules),
            routes=tuple(self.routes),
            balancers=tuple(self.balancers),
            tables=compiled,
        )

    def _source(self, interface: Interface) -> tuple[int, ...]:
        sessions = self._sessions_of[interface.id]
        enabled = [session for session in sessions if session.enabled]
        targets = {session.id: self._target(interface, session) for session in enabled}
        for direction, version in product((INGRESS, EGRESS), VERSIONS):
            self._classify(enabled, targets, direction, version)
        template, slots = targets[enabled[0].id] if enabled else (NONE, NONE)
        turned = interface.side == "host" or (interface.side is None and interface.id in self.host_ends)
        return (
            int.from_bytes(interface.mac or b"", "big"),
            turned,
            self.fallback,
            sum(_ALSO[what] for what in interface.also_mirror),
            template,
            slots,
            Reason.DISABLED if sessions and not enabled else Reason.NO_RULE,
            *self._own_addresses(interface),
            *self._own_output(interface, sessions),
        )

    def _target(self, interface: Interface, session: Session) -> tuple[int, int]:
        """Return (first template, first slot or NONE) of a session for a source; add its routes."""
        first = len(self.routes)
        backends = self.configuration.backends(session)
        self.routes += [_route(interface, session, backend) for backend in backends]
        names = tuple(backend.id for backend in backends)
        if len(names) == 1:
            return first, NONE
        # Whoever has no address of its own may be lent none where others can send: its flows move alone.
        key = names, self.routes[first].source_address is None
        if key not in self._slots:
            self._slots[key] = len(self.balancers) * SLOTS
            self.balancers.append(Balancer(first, names))
        return first, self._slots[key]

    def _classify(
        self, sessions: list[Session], targets: dict[str, tuple[int, int]], direction: int, version: int
    ) -> None:
        """Add the classifier of a source's rules, by session, then rule priority, and their decisions."""
        first = len(self.decisions)
        rules: list[Rule] = []
        for session in sessions:
            chosen = [rule for rule in self._rules_of(session, direction) if rule.version == version]
            rules += chosen
            self.decisions += [
                self._decision(session, rule, direction, targets[session.id]) for rule in chosen
            ]
        key = (direction, version, *(session.filter for session in sessions))
        if key not in self._classified:
            self._classified[key] = classifier(rules, self.parts)
        row, shortcut = self._classified[key]
        self.classifiers.append((*row, first))
        self.shortcuts.append(shortcut)

    def _rules_of(self, session: Session, direction: int) -> tuple[Rule, ...]:
        chosen = self.configuration.filters[session.filter]
        return chosen.ingress if direction == INGRESS else chosen.egress

    def _decision(
        self, session: Session, rule: Rule, direction: int, target: tuple[int, int]
    ) -> tuple[int, int, int]:
        name = "ingress" if direction == INGRESS else "egress"
        template, slots = target if rule.action == "accept" else (NONE, NONE)
        return template, slots, self.rules[RuleKey(session.filter, name, rule.priority)]

    def _own_addresses(self, interface: Interface) -> tuple[int, int]:
        first = len(self.addresses)
        self.addresses += [(*_halves(address), address.version) for address in interface.addresses]
        return first, len(self.addresses)

    def _own_output(self, interface: Interface, sessions: list[Session]) -> tuple[int, int, int, int]:
        """Return (lowest port, highest port, first tunnel, last tunnel) of what a source's sessions send."""
        first = len(self.tunnels)
        for session in sessions:
            for backend in self.configuration.backends(session):
                target = backend.addresses[0]
                own = [
                    _halves(address) for address in interface.addresses if address.version == target.version
                ]
                self.tunnels += [
                    (*source, *_halves(target), session.vxlan_port, _vni(session), target.version)
                    for source in own
                    or [ANY_ADDRESS]  # copies then leave from an address that a device lends
                ]
        ports = [session.vxlan_port for session in sessions]
        low, high = (min(ports), max(ports)) if ports else NO_PORTS
        return low, high, first, len(self.tunnels)


def _share_output(sources: NDArray[np.void]) -> None:
    """Have each source take what is sent for any of them for own output."""
    sending = sources[sources["low_port"] <= sources["high_port"]]
    if sending.size:
        for low, high in (("low_port", "high_port"), ("first_tunnel", "last_tunnel")):
            sources[low], sources[high] = sending[low].min(), sending[high].max()


def _rule_keys(configuration: Configuration) -> Iterable[RuleKey]:
    for chosen in configuration.filters.values():
        yield from (RuleKey(chosen.id, "ingress", rule.priority) for rule in chosen.ingress)
        yield from (RuleKey(chosen.id, "egress", rule.priority) for rule in chosen.egress)


def _route(interface: Interface, session: Session, backend: Interface) -> Route:
    destination = backend.addresses[0]
    same_family = (address for address in interface.addresses if address.version == destination.version)
    return Route(
        source=interface.id,
        session=session.id,
        backend=backend.id,
        source_mac=interface.mac,
        source_address=next(same_family, None),
        destination_mac=backend.mac,
        destination=destination,
        port=session.vxlan_port,
        vni=_vni(session),
        mtu=backend.mtu,
        packet_length=session.packet_length,
    )


def _vni(session: Session) -> int:
    if session.virtual_network_id is None:
        raise PlanError(f"session {session.id} has no virtual_network_id; draw one before compiling")
    return session.virtual_network_id


def _halves(address: Address) -> tuple[int, int]:
    return int(address) >> 64, int(address) & _LOW_64


def _table(dtype: np.dtype[Any], rows: Iterable[tuple[int, ...]]) -> NDArray[np.void]:
    return np.array(list(rows), dtype)
