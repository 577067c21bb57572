"""The ways out of a plan: a transmit ring on each device that leads to a target.

Owns which rings are open, and looking at targets little by little, between rounds. Must not know sources,
batches or counters.
"""

import time

from mirrorplane.engines.targets import Say, Target, Targets
from mirrorplane.forward.afpacket import TransmitRing
from mirrorplane.forward.nexthop import NextHop, Unreachable
from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import I32, U16
from mirrorplane.plan import Plan
from mirrorplane.plan.tables import Templates

FAILING_RETRY = 0.05
"""Seconds until the targets behind a ring that cannot send are looked up again."""


class Uplinks:
    """The ways out of a plan: its `templates`, and in `outlets` the place of each one's sink in `sinks`.

    To be made, used and closed by one thread, in the namespace that the mirrored packets leave by.
    """

    def __init__(self, say: Say, *, patient: bool = False) -> None:
        """Begin without a plan. *say* gets a line about a target that stays out of reach.

        *patient* is as in TransmitRing.
        """
        self._patient = patient
        self._targets = Targets(say)
        self._rings: dict[int, TransmitRing] = {}
        self._hurried = 0.0

    @property
    def sinks(self) -> list[TransmitRing]:
        """The transmit rings, one a device."""
        return list(self._rings.values())

    @property
    def templates(self) -> Templates:
        """The plan's templates, kept up to date: the same until `turn_to`, as are `outlets` and `slots`."""
        return self._targets.templates

    @property
    def outlets(self) -> I32:
        """For each template, the index of its sink."""
        return self._targets.outlets

    @property
    def slots(self) -> U16:
        """The plan's slots, of the backends that are reached."""
        return self._targets.slots

    def turn_to(self, plan: Plan) -> None:
        """Make the templates of *plan*. Targets that were there before stay reached; others are due now."""
        self._targets.turn_to(plan)
        self._write()

    def look_again(self) -> bool:
        """Look up the target that is due first; return whether `sinks` changed.

        One a call, lest many targets hold up a round of the engine.
        """
        target = min(self._targets, key=lambda target: target.due, default=None)
        if target is None or target.due > time.monotonic():
            return False
        before = self.sinks
        if self._targets.look(target) or self._has_lost(target):
            self._open_rings()
            self._write()
        self._targets.tell(target)
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
        for target in self._targets:
            if isinstance(target.hop, NextHop) and target.hop.ifindex in failing:
                target.due = now
        return True

    def settle(self, seconds: float) -> None:
        """Look every new target up, and again, at most so many seconds, until each is reached."""
        self._targets.settle(seconds, lambda: [self.look_again() for _ in self._targets])

    def require(self) -> None:
        """Raise ForwardError for the first target that is not reached."""
        for target in self._targets:
            if isinstance(target.hop, Unreachable):
                raise ForwardError(f"target {target.address}: {target.hop.why}")

    def ways(self) -> dict[str, str]:
        """Return, for each target's address, the device that leads to it, or why none does, in words."""
        return self._targets.ways()

    def due(self) -> float:
        """Return when, in monotonic time, the next target is due."""
        return self._targets.due()

    def close(self) -> None:
        """Close every ring and the netlink socket."""
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
        self._targets.close()

    def _open_rings(self) -> None:
        """Open the rings that are missing on the way to targets.

        A ring that no target needs just now is closed only when another is opened: its target may come back.
        """
        reached = [(target, target.hop) for target in self._targets if isinstance(target.hop, NextHop)]
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

    def _has_lost(self, target: Target) -> bool:
        return isinstance(target.hop, NextHop) and not self._has_ring(target.hop)

    def _write(self) -> None:
        """Write every template: rings that come and go change the places of others."""
        places = {ifindex: index for index, ifindex in enumerate(self._rings)}
        self._targets.write(self._targets, lambda hop: (places[hop.ifindex], self._rings[hop.ifindex].mtu))
