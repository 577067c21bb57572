"""The targets of a plan: how each is reached, and what the plan's templates and slots say because of it.

Owns what every live engine does about its targets: when each is looked up, what is said about one that stays
out of reach, the outer headers, and which backends get a load balancer's flows. Must not know sources, nor
by what means copies leave: an engine says where a next hop leads to.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from mirrorplane.counters import Reason
from mirrorplane.forward.nexthop import NextHop, NextHops, Unreachable
from mirrorplane.jit import U16
from mirrorplane.plan import Plan, templates
from mirrorplane.plan.balance import SLOTS, spread
from mirrorplane.plan.compile import Balancer, Route
from mirrorplane.plan.tables import Templates
from mirrorplane.plan.templates import Outer

Say = Callable[[str], None]
Address = IPv4Address | IPv6Address

LOOK_EVERY = 1.0
"""Seconds between two lookups of a target."""

FIRST_RETRY = 0.01
"""Seconds until a target that could not be reached is looked up again, twice as long each time: its neighbour
may answer any moment."""

Exit = Callable[[NextHop], tuple[int, int]]
"""By which outlet of the engine's a next hop leaves, and the longest IP packet, in bytes, that fits there."""


class Target:
    """One target: how it is reached, and when to look again."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.hop: NextHop | Unreachable = Unreachable(Reason.NO_ROUTE, "not looked up yet")
        self.due = 0.0
        self._delay = FIRST_RETRY
        self._told = False

    def look(self, lookup: NextHops) -> bool:
        """Look the target up; return whether the answer is another one.

        A look before it is due that finds nothing new changes nothing: the next one stays due when it was.
        """
        hop = lookup.resolve(self.address)
        changed, self.hop = hop != self.hop, hop
        now = time.monotonic()
        if isinstance(hop, NextHop):
            self._delay = FIRST_RETRY
            self.due = now + LOOK_EVERY
        elif changed or now >= self.due:
            self.due = now + self._delay
            self._delay = min(2 * self._delay, LOOK_EVERY)
        return changed

    @property
    def is_reached(self) -> bool:
        """Whether packets can be sent there now."""
        return isinstance(self.hop, NextHop)

    def give_up(self, why: str) -> None:
        """Take it for unreachable until the next look: its device cannot be sent by."""
        self.hop = Unreachable(Reason.SEND_FAILED, why)
        self._delay = LOOK_EVERY

    def news(self) -> str | None:
        """Return a line about a target that stays out of reach, once, and one when it is reached again."""
        if isinstance(self.hop, NextHop):
            was_told, self._told = self._told, False
            return f"target {self.address}: reached by {self.hop.device}" if was_told else None
        if self._told or self._delay < LOOK_EVERY:
            return None
        self._told = True
        return f"target {self.address}: {self.hop.why}; looking again every {LOOK_EVERY:g} s"


class Shares:
    """The slots of a plan's load balancers, given to the backends that can be reached.

    `slots` is one array for the whole of a plan, as `Tables.slots`.
    """

    def __init__(self, slots: U16, balancers: Sequence[Balancer]) -> None:
        """Begin with *slots*, in which every backend is healthy, as a plan has them."""
        self.slots = slots.copy()
        self._balancers = balancers
        self._healthy = [(True,) * len(balancer.backends) for balancer in balancers]

    def adapt(self, by: Templates) -> None:
        """Give the slots to the backends whose templates in *by* can be sent.

        With none that can, all have theirs: their templates say why nothing is sent.
        """
        reached = by.rows["reason"] == Reason.MIRRORED
        for row, (first, backends) in enumerate(self._balancers):
            healthy = tuple(reached[first : first + len(backends)].tolist())
            if not any(healthy):
                healthy = (True,) * len(backends)
            if healthy != self._healthy[row]:
                self.slots[row * SLOTS : (row + 1) * SLOTS] = spread(backends, healthy)
                self._healthy[row] = healthy


class Targets:
    """The targets of a plan, its `templates`, the outlet of each template in `outlets`, and its `slots`.

    To be made, used and closed by one thread, in the namespace that the mirrored packets leave by. The three
    are the same arrays until `turn_to`; else only `write` changes what is in them. An outlet is 0 where the
    target is out of reach.
    """

    def __init__(self, say: Say) -> None:
        """Begin without a plan. *say* gets a line about a target that stays out of reach."""
        self._say = say
        self._lookup = NextHops()
        self._rows: dict[Address, list[int]] = {}
        self._routes: tuple[tuple[int, Route], ...] = ()
        self._targets: dict[Address, Target] = {}
        self._shares = Shares(np.zeros(0, np.uint16), ())
        self._asked: set[tuple[Address, Address]] = set()
        self.templates = templates.empty(0)
        self.outlets = np.zeros(0, np.int32)

    @property
    def slots(self) -> U16:
        """The plan's slots, as `Tables.slots`, of the backends that can be reached."""
        return self._shares.slots

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def turn_to(self, plan: Plan) -> None:
        """Begin empty templates for *plan*, to be written. A target that was there before stays as it is."""
        sessions = {name: row for row, name in enumerate(plan.sessions)}
        self._routes = tuple((sessions[route.session], route) for route in plan.routes)
        self._rows = {}
        for row, route in enumerate(plan.routes):
            self._rows.setdefault(route.destination, []).append(row)
        self._targets = {address: self._targets.get(address) or Target(address) for address in self._rows}
        self._shares = Shares(plan.tables.slots, plan.balancers)
        self.templates = templates.empty(len(plan.routes))
        self.outlets = np.zeros(len(plan.routes), np.int32)

    def look(self, target: Target) -> bool:
        """Look *target* up; return whether the answer is another one."""
        return target.look(self._lookup)

    def tell(self, target: Target) -> None:
        """Say what is new of *target*, if that is worth a line."""
        news = target.news()
        if news is not None:
            self._say(news)

    def write(self, targets: Iterable[Target], leave: Exit) -> None:
        """Write the templates of *targets* and their outlets, and share the flows of load balancers out.

        *leave* is asked about next hops that are reached.
        """
        for target in targets:
            for row in self._rows[target.address]:
                self.templates.rows["reason"][row], self.outlets[row] = self._write(row, target.hop, leave)
        self._shares.adapt(self.templates)

    def settle(self, seconds: float, look: Callable[[], object]) -> None:
        """Call *look*, and again, at most so many seconds, until each target is reached."""
        end = time.monotonic() + seconds
        while True:
            look()
            if time.monotonic() >= end or all(target.is_reached for target in self):
                return
            time.sleep(FIRST_RETRY)

    def ways(self) -> dict[str, str]:
        """Return, for each target's address, the device that leads to it, or why none does, in words."""
        hops = {str(target.address): target.hop for target in self}
        return {
            address: hop.why if isinstance(hop, Unreachable) else f"by {hop.device}"
            for address, hop in hops.items()
        }

    def due(self) -> float:
        """Return when, in monotonic time, the next target is due."""
        return min((target.due for target in self), default=float("inf"))

    def close(self) -> None:
        """Close the netlink socket."""
        self._lookup.close()

    def _write(self, row: int, hop: NextHop | Unreachable, leave: Exit) -> tuple[Reason, int]:
        """Write the header of one template, if it has one now; return its reason and its outlet."""
        if isinstance(hop, Unreachable):
            return hop.reason, 0
        session, route = self._routes[row]
        source = route.source_address or hop.source_address
        if source is None:  # a device without an address of the target's family lends none
            return Reason.NO_ROUTE, 0
        if hop.is_here:
            self._warn_of_martians(source, route.destination)
        outlet, room = leave(hop)
        outer = Outer(
            source_mac=hop.source_mac,
            destination_mac=hop.destination_mac,
            source=source,
            destination=route.destination,
            port=route.port,
            vni=route.vni,
            mtu=min(route.mtu or hop.mtu, hop.mtu, room),
            packet_length=route.packet_length,
            session=session,
        )
        templates.fill(self.templates, row, outer)
        return Reason.MIRRORED, outlet

    def _warn_of_martians(self, source: Address, target: Address) -> None:
        """Say once what looks like mirroring and is not: packets that go out and that nobody is given."""
        if (source, target) in self._asked:
            return
        self._asked.add((source, target))
        if self._lookup.is_martian(source, target):
            self._say(f"target {target}: is this host, and so is {source}: only a capture on lo sees packets")
