"""The targets of a live engine: their next hops, and a transmit ring on each device that leads to one.

Owns keeping the templates in step with routes and neighbours. Must not know sources, batches or counters.
"""

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from mirrorplane.counters import Reason
from mirrorplane.forward.afpacket import TransmitRing
from mirrorplane.forward.nexthop import NextHop, NextHops, Unreachable
from mirrorplane.forward.sink import ForwardError
from mirrorplane.plan import Plan, templates
from mirrorplane.plan.compile import Route
from mirrorplane.plan.templates import Outer

Say = Callable[[str], None]
Address = IPv4Address | IPv6Address

LOOK_EVERY = 1.0
"""Seconds between two lookups of a target."""

FIRST_RETRY = 0.01
"""Seconds until a target that could not be reached is looked up again, twice as long each time: its neighbour
may answer any moment."""

FAILING_RETRY = 0.05
"""Seconds until the targets behind a ring that cannot send are looked up again."""


class Target:
    """One target: how it is reached, and when to look again."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.hop: NextHop | Unreachable = Unreachable(Reason.NO_ROUTE, "not looked up yet")
        self.due = 0.0
        self._delay = FIRST_RETRY
        self._told = False

    def look(self, lookup: NextHops) -> bool:
        """Look the target up; return whether the answer is another one."""
        hop = lookup.resolve(self.address)
        changed, self.hop = hop != self.hop, hop
        if isinstance(hop, NextHop):
            self._delay = FIRST_RETRY
            self.due = time.monotonic() + LOOK_EVERY
        else:
            self.due = time.monotonic() + self._delay
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


class Uplinks:
    """The ways out of a plan: its `templates`, and in `outlets` the place of each one's sink in `sinks`.

    To be made, used and closed by one thread, in the namespace that the mirrored packets leave by.
    """

    def __init__(self, say: Say, *, patient: bool = False) -> None:
        """Begin without a plan. *say* gets a line about a target that stays out of reach.

        *patient* is as in TransmitRing.
        """
        self._say = say
        self._patient = patient
        self._lookup = NextHops()
        self._routes: tuple[tuple[int, Route], ...] = ()
        self._targets: dict[Address, Target] = {}
        self._rings: dict[int, TransmitRing] = {}
        self._asked: set[tuple[Address, Address]] = set()
        self._hurried = 0.0
        self.templates = templates.empty(0)
        self.outlets = np.zeros(0, np.int32)

    @property
    def sinks(self) -> list[TransmitRing]:
        """The transmit rings, one a device."""
        return list(self._rings.values())

    def turn_to(self, plan: Plan) -> None:
        """Make the templates of *plan*. Targets that were there before stay reached; others are due now."""
        sessions = {name: row for row, name in enumerate(plan.sessions)}
        self._routes = tuple((sessions[route.session], route) for route in plan.routes)
        self.templates = templates.empty(len(plan.routes))
        self.outlets = np.zeros(len(plan.routes), np.int32)
        addresses = dict.fromkeys(route.destination for route in plan.routes)
        self._targets = {address: self._targets.get(address) or Target(address) for address in addresses}
        self._write()

    def look_again(self) -> bool:
        """Look up the target that is due first; return whether `sinks` changed.

        One a call, lest many targets hold up a round of the engine.
        """
        target = min(self._targets.values(), key=lambda target: target.due, default=None)
        if target is None or target.due > time.monotonic():
            return False
        before = self.sinks
        if target.look(self._lookup) or self._has_lost(target):
            self._open_rings()
            self._write()
        news = target.news()
        if news is not None:
            self._say(news)
        return self.sinks != before

    def hurry(self) -> bool:
        """Have the targets behind rings that cannot send looked up now; return whether there are any.

        Does nothing where that was done within FAILING_RETRY.
        """
        failing = [ifindex for ifindex, ring in self._rings.items() if ring.is_failing]
        now = time.monotonic()
        if not failing or now - self._hurried < FAILING_RETRY:
            return False
        self._hurried = now
        for ifindex in failing:
            self._rings[ifindex].is_failing = False  # until it fails again
        for target in self._targets.values():
            if isinstance(target.hop, NextHop) and target.hop.ifindex in failing:
                target.due = now
        return True

    def _has_lost(self, target: Target) -> bool:
        return isinstance(target.hop, NextHop) and not self._has_ring(target.hop)

    def settle(self, seconds: float) -> None:
        """Look every new target up, and again, at most so many seconds, until each is reached."""
        end = time.monotonic() + seconds
        while True:
            for _ in self._targets:
                self.look_again()
            if time.monotonic() >= end or all(target.is_reached for target in self._targets.values()):
                return
            time.sleep(FIRST_RETRY)

    def require(self) -> None:
        """Raise ForwardError for the first target that is not reached."""
        for target in self._targets.values():
            if isinstance(target.hop, Unreachable):
                raise ForwardError(f"target {target.address}: {target.hop.why}")

    def ways(self) -> dict[str, str]:
        """Return, for each target's address, the device that leads to it, or why none does, in words."""
        hops = {str(address): target.hop for address, target in self._targets.items()}
        return {
            address: hop.why if isinstance(hop, Unreachable) else f"by {hop.device}"
            for address, hop in hops.items()
        }

    def due(self) -> float:
        """Return when, in monotonic time, the next target is due."""
        return min((target.due for target in self._targets.values()), default=float("inf"))

    def close(self) -> None:
        """Close every ring and the netlink socket."""
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
        self._lookup.close()

    def _open_rings(self) -> None:
        """Open the rings that are missing on the way to targets.

        A ring that no target needs just now is closed only when another is opened: its target may come back.
        """
        targets = self._targets.values()
        reached = [(target, target.hop) for target in targets if isinstance(target.hop, NextHop)]
        lacking = {hop.ifindex for _, hop in reached if not self._has_ring(hop)}
        if not lacking:
            return
        for ifindex in set(self._rings) - ({hop.ifindex for _, hop in reached} - lacking):
            self._rings.pop(ifindex).close()
        for target, hop in sorted(reached, key=lambda pair: -pair[1].mtu):  # each device's largest MTU first
            try:
                if hop.ifindex not in self._rings:
                    self._rings[hop.ifindex] = TransmitRing(hop.device, hop.mtu, patient=self._patient)
            except ForwardError as error:
                target.give_up(str(error))

    def _has_ring(self, hop: NextHop) -> bool:
        ring = self._rings.get(hop.ifindex)
        return ring is not None and ring.takes(hop.mtu) and not ring.is_gone()

    def _write(self) -> None:
        """Write every template."""
        places = {ifindex: index for index, ifindex in enumerate(self._rings)}
        for row, (session, route) in enumerate(self._routes):
            hop = self._targets[route.destination].hop
            if isinstance(hop, Unreachable):
                self.templates.rows["reason"][row] = hop.reason
            else:
                self._write_one(row, session, route, hop, self._rings[hop.ifindex].mtu)
                self.outlets[row] = places[hop.ifindex]

    def _write_one(self, row: int, session: int, route: Route, hop: NextHop, room: int) -> None:
        source = route.source_address or hop.source_address
        if source is None:  # a device without an address of the target's family lends none
            self.templates.rows["reason"][row] = Reason.NO_ROUTE
            return
        if hop.is_here:
            self._warn_of_martians(source, route.destination)
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

    def _warn_of_martians(self, source: Address, target: Address) -> None:
        """Say once what looks like mirroring and is not: packets that go out and that nobody is given."""
        if (source, target) in self._asked:
            return
        self._asked.add((source, target))
        if self._lookup.is_martian(source, target):
            self._say(f"target {target}: is this host, and so is {source}: only a capture on lo sees packets")
