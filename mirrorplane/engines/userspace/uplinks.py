"""The ways out of a plan: a transmit ring for each worker on each device that leads to a target.

Owns which rings are open, and looking at targets little by little, between rounds. Must not know sources,
batches or counters.
"""

import time
from contextlib import ExitStack

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
    """The ways out of a plan: its `templates`, and in `outlets` where each one's is among a worker's sinks.

    To be made, changed and closed by one thread, in the namespace that the mirrored packets leave by. While
    it changes anything (`turn_to`, `settle`, `adapt`, `close`), nobody else may use what it gives out.
    """

    def __init__(self, say: Say, workers: int = 1, *, patient: bool = False) -> None:
        """Begin without a plan. *say* gets a line about a target that stays out of reach.

        *patient* is as in TransmitRing.
        """
        self._workers, self._patient = workers, patient
        self._targets = Targets(say)
        self._rings: dict[int, tuple[TransmitRing, ...]] = {}
        self._early: list[Target] = []
        self._hurried = 0.0

    @property
    def sinks(self) -> list[TransmitRing]:
        """The first worker's transmit rings, one a device."""
        return self.sinks_of(0)

    def sinks_of(self, worker: int) -> list[TransmitRing]:
        """Return a worker's transmit rings, one a device."""
        return [rings[worker] for rings in self._rings.values()]

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
        self._early = []
        self._write()

    def look_again(self) -> bool:
        """Look up the target that is due first, or one that `stir` asks for; return whether to `adapt`.

        One a call, lest many targets hold up a round of the engine. Changes nothing that is in use.
        """
        target = self._next()
        if target is None:
            return False
        if self._targets.look(target) or self._has_lost(target):
            return True
        self._targets.tell(target)
        return False

    def adapt(self) -> bool:
        """Follow what was found about targets; return whether sinks are others now."""
        before = self.sinks
        self._open_rings()
        self._write()
        for target in self._targets:
            self._targets.tell(target)
        return self.sinks != before

    def stir(self) -> None:
        """Have every target looked up soon: something has changed that may concern any."""
        self._early = list(self._targets)

    def hurry(self) -> bool:
        """Have the targets behind rings that cannot send looked up now; return whether there are any.

        Does nothing where that was done within FAILING_RETRY.
        """
        now = time.monotonic()
        if now - self._hurried < FAILING_RETRY:
            return False
        failing = {
            ifindex for ifindex, rings in self._rings.items() if any(ring.is_failing for ring in rings)
        }
        if not failing:
            return False
        self._hurried = now
        for ifindex in failing:
            for ring in self._rings[ifindex]:
                ring.is_failing = False  # until it fails again
        for target in self._targets:
            if isinstance(target.hop, NextHop) and target.hop.ifindex in failing:
                target.due = now
        return True

    def settle(self, seconds: float) -> None:
        """Look every new target up, and again, at most so many seconds, until each is reached."""
        self._targets.settle(seconds, self._look_at_all)

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
        return 0.0 if self._early else self._targets.due()

    def close(self) -> None:
        """Close every ring and the netlink socket."""
        for rings in self._rings.values():
            _close(rings)
        self._rings.clear()
        self._targets.close()

    def _look_at_all(self) -> None:
        looks = [self.look_again() for _ in self._targets]
        if any(looks):
            self.adapt()

    def _next(self) -> Target | None:
        """Return the target to be looked up next, if one is now."""
        target = min(self._targets, key=lambda target: target.due, default=None)
        if target is not None and target.due <= time.monotonic():
            return target
        return self._early.pop() if self._early else None

    def _open_rings(self) -> None:
        """Open the rings that are missing on the way to targets.

        Rings that no target needs just now are closed only when others are opened: its target may come back.
        """
        reached = [(target, target.hop) for target in self._targets if isinstance(target.hop, NextHop)]
        lacking = {hop.ifindex for _, hop in reached if not self._has_rings(hop)}
        if not lacking:
            return
        for ifindex in set(self._rings) - ({hop.ifindex for _, hop in reached} - lacking):
            _close(self._rings.pop(ifindex))
        for target, hop in sorted(reached, key=lambda pair: -pair[1].mtu):  # each device's largest MTU first
            try:
                if hop.ifindex not in self._rings:
                    self._rings[hop.ifindex] = self._opened(hop)
            except ForwardError as error:
                target.give_up(str(error))

    def _opened(self, hop: NextHop) -> tuple[TransmitRing, ...]:
        """Return a ring for each worker on the device that *hop* leaves by; or open none, and raise."""
        with ExitStack() as undo:
            rings = []
            for _ in range(self._workers):
                rings.append(TransmitRing(hop.device, hop.mtu, patient=self._patient))
                undo.callback(rings[-1].close)
            undo.pop_all()
        return tuple(rings)

    def _has_rings(self, hop: NextHop) -> bool:
        rings = self._rings.get(hop.ifindex, ())
        return bool(rings) and all(ring.takes(hop.mtu) and not ring.is_gone() for ring in rings)

    def _has_lost(self, target: Target) -> bool:
        return isinstance(target.hop, NextHop) and not self._has_rings(target.hop)

    def _write(self) -> None:
        """Write every template: rings that come and go change the places of others."""
        places = {ifindex: index for index, ifindex in enumerate(self._rings)}
        self._targets.write(self._targets, lambda hop: (places[hop.ifindex], self._rings[hop.ifindex][0].mtu))


def _close(rings: tuple[TransmitRing, ...]) -> None:
    for ring in rings:
        ring.close()
