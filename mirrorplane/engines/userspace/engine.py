"""Live devices through the mirror, round by round, in one thread.

Owns the order of a round and what a reload keeps. Must not know rings, routes or how a packet is chosen.
"""

import time
from dataclasses import replace
from select import POLLIN, poll
from typing import Self

from mirrorplane.capture.afpacket import BLOCKS
from mirrorplane.capture.device import Device, Side
from mirrorplane.engines.live import Rounds
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.report import Report
from mirrorplane.engines.sources import as_found, side
from mirrorplane.engines.targets import Say
from mirrorplane.engines.userspace.ledger import Ledger
from mirrorplane.engines.userspace.preparation import (
    Preparation,
    Prepared,
    Read,
    Tell,
    prepare,
)
from mirrorplane.engines.userspace.taps import Tap, close_others
from mirrorplane.engines.userspace.uplinks import Uplinks
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes, compile_plan, diff

MILLISECONDS = 1000

LAST_BATCHES = 2 * BLOCKS
"""Batches that a ring holds at most: a block of the smallest packets is two."""


class Userspace(Rounds):
    """The userspace engine: mirrors whenever `poll` is called, from its making until `close`.

    It belongs to the thread that makes it, and mirrored packets leave by that thread's network namespace.
    """

    def __init__(self, configuration: Configuration, say: Say) -> None:
        """Open every source and look up every target; *say* gets a line about whatever goes wrong later.

        Raises as `reload` does.
        """
        self._say = say
        self._configuration = configuration
        self._taps: dict[str, Tap] = {}
        self._devices: dict[str, Device] = {}
        self._preparation: Preparation | None = None
        self._next: tuple[Read, Tell] | None = None
        self._pipelines: dict[str, Pipeline] = {}
        self._waiting = poll()
        self._look_at = 0.0
        self._plan = compile_plan(configuration, ())
        self._ledger = Ledger(self._plan)
        self._uplinks = Uplinks(say)
        try:
            self.reload(configuration)
            self._uplinks.settle(0)
            self._connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def reload(self, configuration: Configuration) -> Changes:
        """Run *configuration* from now on, between two batches; return what that changes, the rest goes on.

        Raises CaptureError, which names the interface, for a new source that cannot be mirrored, and
        PlanError; then everything is as it was. A source that went away stays one, and a target may be out
        of reach. Nothing is mirrored until it is done: `reload_soon` is for those who cannot wait.
        """
        while self._preparation is not None:
            self._preparation.wait()
            self._take_over(self._preparation)
        return self._turn_to(prepare(configuration, self._taps))

    def reload_soon(self, read: Read, tell: Tell) -> None:
        """As `reload` of what *read* returns, while `poll` goes on mirroring.

        *read* is called by another thread, and *tell*, with what the reload changed or what it or *read*
        raised, by `poll`. Of several that are asked for while one is under way the last one follows it.
        """
        if self._preparation is not None:
            self._next = read, tell
        else:
            self._preparation = Preparation(read, self._taps, tell)

    def settle(self, seconds: float) -> None:
        """Look every target up, and again, at most so many seconds, until each is reached."""
        self._uplinks.settle(seconds)
        self._connect()

    def poll(self, timeout: float) -> int:
        """Mirror a batch of each source, or wait for one up to *timeout* seconds; return its packets."""
        n_packets = sum(self._mirror(pipeline) for pipeline in self._pipelines.values())
        if self._preparation is not None:
            self._take_over(self._preparation)
        if self._uplinks.hurry():
            self._look_at = 0.0
        if time.monotonic() >= self._look_at:
            self._look_around()
        if not n_packets:
            self._wait(min(timeout, self._look_at - time.monotonic()))
        return n_packets

    def counters(self) -> Report:
        """Return everything counted since the start, by id."""
        self._count_drops()
        return self._ledger.report()

    def sides(self) -> dict[str, Side]:
        """Return which end of the wire each source is: as the configuration or else the device says."""
        interfaces = self._configuration.interfaces
        return {name: side(interfaces[name], device) for name, device in self._devices.items()}

    def targets(self) -> dict[str, str]:
        """Return how each target is reached now, in words, by its address."""
        return self._uplinks.ways()

    def close(self) -> None:
        """Give back every ring: nothing of ours is on the host any more. `counters` goes on answering."""
        if self._preparation is not None:
            self._preparation.abandon()
            self._preparation = self._next = None
        self._count_drops()
        self._pipelines.clear()
        for tap in self._taps.values():
            tap.close()
        self._uplinks.close()

    def _take_over(self, preparation: Preparation) -> None:
        """Carry out the change that is prepared, if it is, and have the next one prepared."""
        outcome = preparation.outcome()
        if outcome is None:
            return
        self._preparation = None
        result = outcome if isinstance(outcome, Exception) else self._turn_to(outcome)
        if self._next is not None:
            following, self._next = self._next, None
            self.reload_soon(*following)
        preparation.tell(result)

    def _turn_to(self, prepared: Prepared) -> Changes:
        """Change to what is prepared; return what that changes."""
        self._count_drops()
        close_others(self._taps, prepared.taps)
        changes = diff(self._plan, prepared.plan)
        self._configuration, self._taps, self._devices, self._plan = prepared
        self._ledger.turn_to(self._plan)
        self._uplinks.turn_to(self._plan)
        self._connect()
        for tap in self._taps.values():
            tap.look_soon()
        self._look_at = 0.0
        return changes

    def _connect(self) -> None:
        """Join every open ring to the plan, and to the slots, templates and sinks that go with targets."""
        plan = replace(self._plan, tables=self._plan.tables._replace(slots=self._uplinks.slots))
        self._waiting = poll()
        self._pipelines = {}
        for row, (name, tap) in enumerate(self._taps.items()):
            if tap.ring is not None:
                tap.ring.source = row
                self._waiting.register(tap.ring, POLLIN)
                self._pipelines[name] = Pipeline(
                    plan,
                    tap.ring,
                    self._uplinks.templates,
                    self._uplinks.sinks,
                    self._uplinks.outlets,
                    self._ledger.counters,
                )

    def _mirror(self, pipeline: Pipeline) -> int:
        n_packets = pipeline.fill()
        if n_packets:
            pipeline.mirror()
            pipeline.forward(wait=False)
            pipeline.flush()
        return n_packets

    def _drain(self, name: str) -> None:
        """Mirror what a source's ring still holds, not what goes on coming."""
        for _ in range(LAST_BATCHES):
            if not self._mirror(self._pipelines[name]):
                return

    def _wait(self, timeout: float) -> None:
        """Wait for packets; an error that a ring reports has its source looked at."""
        for _, event in self._waiting.poll(max(timeout, 0) * MILLISECONDS):
            if event & ~POLLIN:
                self._look_at = 0.0
                for tap in self._taps.values():
                    tap.look_soon()

    def _look_around(self) -> None:
        """See what became of sources and targets, as far as it is time to."""
        self._count_drops()
        changed = self._uplinks.look_again()
        for name, tap in self._taps.items():
            if tap.has_gone():
                self._drain(name)
                tap.lose(self._say)
                changed = True
        for name, tap in self._taps.items():
            if tap.has_come():
                changed |= self._resume(name, tap)
        if changed:
            self._connect()
        self._look_at = min([self._uplinks.due(), *(tap.due for tap in self._taps.values())])

    def _resume(self, name: str, tap: Tap) -> bool:
        """Open the ring of a source whose device has come back; return whether it is open.

        Another device of that name may be another end of the wire: then the plan has to be another one first.
        """
        interface, known = self._configuration.interfaces[name], self._devices[name]
        if tap.device.side == known.side and as_found(interface, tap.device) == as_found(interface, known):
            return tap.resume(self._say)
        if self._preparation is None:
            configuration = self._configuration
            self.reload_soon(lambda: configuration, _raise)
        return False

    def _count_drops(self) -> None:
        for row, tap in enumerate(self._taps.values()):
            drops = tap.ring.drops() if tap.ring is not None else 0
            if drops:
                self._ledger.drop(row, drops)


def _raise(outcome: Changes | Exception) -> None:
    """Let nothing pass silently that should have gone well."""
    if isinstance(outcome, Exception):
        raise outcome
