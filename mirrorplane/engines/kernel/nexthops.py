"""The ways that the programs send copies by: templates and outgoing devices, kept in step with the network.

Owns when targets are looked up: at once when the namespace's links, neighbours, addresses or routes change,
and else as `Target` says. Must not know maps or programs: an engine writes there what is kept here.

On a busy host neighbours change all the time. So changes are taken together: after every target was looked
up because of one, the next has to wait REST, or as many times as long as the lookups took as makes them a
small part of the time.
"""

import time

from mirrorplane.engines.targets import Say, Targets
from mirrorplane.forward.nexthop import NextHop
from mirrorplane.forward.watch import Watch
from mirrorplane.jit import I32, U16
from mirrorplane.plan import Plan
from mirrorplane.plan.tables import Templates

REST = 0.02
"""Seconds between two lookups of all targets because of changes, at least."""

REST_FACTOR = 4
"""... and so many times as long as the lookups took."""


class Ways:
    """The ways out of a plan: its `templates`, and in `outlets` the index of each one's outgoing device.

    To be made, used and closed by one thread, in the namespace that the mirrored packets leave by. `turn_to`
    replaces the arrays, `look` changes what is in them.
    """

    def __init__(self, say: Say) -> None:
        """Begin to watch, without a plan. *say* gets a line about a target that stays out of reach.

        Raises ForwardError where the network cannot be watched.
        """
        self._watch = Watch()
        try:
            self._targets = Targets(say)
        except BaseException:
            self._watch.close()
            raise
        self._is_stirred = False
        self._rests_until = 0.0

    @property
    def templates(self) -> Templates:
        """The plan's templates; one that nothing can be sent by now says why in its `reason`."""
        return self._targets.templates

    @property
    def outlets(self) -> I32:
        """For each template, the index of the device to send by; 0 where there is none."""
        return self._targets.outlets

    @property
    def slots(self) -> U16:
        """The plan's slots, as `Tables.slots`, of the backends that can be reached."""
        return self._targets.slots

    def turn_to(self, plan: Plan) -> None:
        """Make the templates of *plan*. Targets that were there before stay reached; others are due now."""
        self._targets.turn_to(plan)
        self._targets.write(self._targets, _leave)

    def look(self) -> bool:
        """Look up the targets that are due, or all where something changed.

        Return whether templates, outlets or slots may be others now. Waits for nothing but the kernel's
        answers. Reads what `fileno` announces, whatever it then does.
        """
        self._is_stirred |= self._watch.changed()  # before: what changes during the lookups is not missed
        now = time.monotonic()
        looks_at_all = self._is_stirred and now >= self._rests_until
        changed = []
        for target in self._targets:
            if looks_at_all or target.due <= now:
                changed += [target] if self._targets.look(target) else []
                self._targets.tell(target)
        if looks_at_all:
            self._is_stirred = False
            end = time.monotonic()
            self._rests_until = end + max(REST, REST_FACTOR * (end - now))
        if changed:
            self._targets.write(changed, _leave)
        return bool(changed)

    def due(self) -> float:
        """Return when, in monotonic time, to `look` again, if nothing changes before."""
        due = self._targets.due()
        return min(due, self._rests_until) if self._is_stirred else due

    def fileno(self) -> int:
        """Return a descriptor that is readable (POLLIN) when there is reason to `look`."""
        return self._watch.fileno()

    def settle(self, seconds: float) -> None:
        """Look every new target up, and again, at most so many seconds, until each is reached."""
        self._targets.settle(seconds, self.look)

    def ways(self) -> dict[str, str]:
        """Return, for each target's address, the device that leads to it, or why none does, in words."""
        return self._targets.ways()

    def close(self) -> None:
        """Close both netlink sockets."""
        self._watch.close()
        self._targets.close()


def _leave(hop: NextHop) -> tuple[int, int]:
    return hop.ifindex, hop.mtu
