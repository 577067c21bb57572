"""Live devices through the mirror: rounds of one worker here, those of others beside.

Owns the order of what happens between rounds and what a reload keeps. Must not know rings, routes, threads or
how a packet is chosen.
"""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from mirrorplane.capture.device import Device, Side
from mirrorplane.engines.live import Rounds
from mirrorplane.engines.report import Report
from mirrorplane.engines.sources import as_found, side
from mirrorplane.engines.targets import Say
from mirrorplane.engines.userspace.crew import Crew
from mirrorplane.engines.userspace.ledger import Ledger
from mirrorplane.engines.userspace.preparation import (
    Preparation,
    Prepared,
    Read,
    Tell,
    prepare,
)
from mirrorplane.engines.userspace.taps import LAST_BLOCK, Tap, close_others
from mirrorplane.engines.userspace.uplinks import Uplinks
from mirrorplane.forward.watch import Watch
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes, compile_plan, diff

REST = 0.02
"""Seconds between two lookups of all targets because something in the network changed, at least."""

REST_FACTOR = 4
"""... and so many times as long as the lookups took: on a busy host neighbours change all the time."""


class Userspace(Rounds):
    """The userspace engine: mirrors whenever `poll` is called, from its making until `close`.

    Of several workers the first does so; the others are at it all the time. It belongs to the thread that
    makes it, and mirrored packets leave by that thread's network namespace.
    """

    def __init__(self, configuration: Configuration, say: Say, workers: int | None = None) -> None:
        """Open every source and look up every target; *say* gets a line about whatever goes wrong later.

        *workers* share the sources, or else as many as the configuration says; that stays so until `close`.
        Raises as `reload` does, and ForwardError where the network cannot be watched.
        """
        self._say = say
        self._fixed = workers is not None
        self._n_workers = workers or configuration.userspace.workers
        self._configuration = configuration
        self._taps: dict[str, Tap] = {}
        self._devices: dict[str, Device] = {}
        self._programs: dict[str, bytes | None] = {}
        self._widened: dict[str, float] = {}
        self._preparation: Preparation | None = None
        self._next: tuple[Read, Tell] | None = None
        self._look_at = self._rests_until = 0.0
        self._is_stirred = False
        self._plan = compile_plan(configuration, ())
        self._ledger = Ledger(self._plan, self._n_workers)
        with ExitStack() as undo:
            self._watch = Watch()
            undo.callback(self._watch.close)
            self._uplinks = Uplinks(say, self._n_workers)
            undo.callback(self._uplinks.close)
            self._crew = Crew(self._n_workers, [self._watch])
            undo.callback(self.close)
            self.reload(configuration)
            self.settle(0)
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def reload(self, configuration: Configuration) -> Changes:
        """Run *configuration* from now on, between two batches; return what that changes, the rest goes on.

        Raises CaptureError, which names the interface, for a new source that cannot be mirrored, and
        PlanError; then everything is as it was. A source that went away stays one, and a target may be out
        of reach. Nothing is mirrored while it is prepared: `reload_soon` is for those who cannot wait.
        """
        while self._preparation is not None:
            self._preparation.wait()
            self._take_over(self._preparation)
            self._go_on()
        prepared = prepare(configuration, self._taps, self._n_workers)
        try:
            while not self._is_wide(prepared):
                self._go_on()
            return self._turn_to(prepared)
        except BaseException:
            close_others(prepared.taps, self._taps)
            raise

    def reload_soon(self, read: Read, tell: Tell) -> None:
        """As `reload` of what *read* returns, while `poll` goes on mirroring.

        *read* is called by another thread, and *tell*, with what the reload changed or what it or *read*
        raised, by `poll`. Of several that are asked for while one is under way the last one follows it.
        """
        if self._preparation is not None:
            self._next = read, tell
        else:
            self._preparation = Preparation(read, self._taps, tell, self._n_workers, self._crew.cpus)

    def settle(self, seconds: float) -> None:
        """Look every target up, and again, at most so many seconds, until each is reached."""
        with self._crew.paused():
            self._uplinks.settle(seconds)
            self._connect()

    def poll(self, timeout: float) -> int:
        """Mirror a batch of each source, or wait for one up to *timeout* seconds; return its packets.

        Of several workers that is the first one's share. Raises what has ended another one's thread.
        """
        self._crew.check()
        n_packets = self._crew.round()
        if self._preparation is not None:
            self._take_over(self._preparation)
        self._listen()
        if time.monotonic() >= self._look_at:
            self._look_around()
        if not n_packets:
            self._crew.wait(max(min(timeout, self._look_at - time.monotonic()), 0))
        return n_packets

    def counters(self) -> Report:
        """Return everything counted since the start, by id."""
        with self._crew.paused():
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
        self._crew.close()
        self._count_drops()
        for tap in self._taps.values():
            tap.close()
        self._uplinks.close()
        self._watch.close()

    def _take_over(self, preparation: Preparation) -> None:
        """Carry out the change that is prepared, if it is, and have the next one prepared."""
        outcome = preparation.outcome()
        if outcome is None or (isinstance(outcome, Prepared) and not self._is_wide(outcome)):
            return
        result = outcome if isinstance(outcome, Exception) else self._turn_to(outcome)
        self._preparation = None
        if self._next is not None:
            following, self._next = self._next, None
            self.reload_soon(*following)
        preparation.tell(result)

    def _go_on(self) -> None:
        """Mirror, or wait for something to mirror, while a change has to wait."""
        if not self._crew.round():
            self._crew.wait(LAST_BLOCK)

    def _is_wide(self, prepared: Prepared) -> bool:
        """Have the rings whose programs *prepared* changes admit everything; return whether all soon hold it.

        Of a packet that no session wants yet, only the headers were admitted.
        """
        for name, program in prepared.programs.items():
            is_kept = self._taps.get(name) is prepared.taps[name]
            if is_kept and name not in self._widened and self._programs[name] not in {None, program}:
                self._taps[name].admit(None)
                self._widened[name] = time.monotonic() + LAST_BLOCK
        return time.monotonic() >= max(self._widened.values(), default=0.0)

    def _turn_to(self, prepared: Prepared) -> Changes:
        """Change to what is prepared; return what that changes."""
        before, changes = self._taps, diff(self._plan, prepared.plan)
        others = {
            name
            for name, tap in prepared.taps.items()
            if before.get(name) is not tap or self._programs[name] != prepared.programs[name]
        }
        with self._crew.paused():
            self._crew.drain(others | (before.keys() - prepared.taps.keys()))
            self._count_drops()
            self._configuration, self._taps, self._devices, self._programs, self._plan = prepared
            self._ledger.turn_to(self._plan)
            self._uplinks.turn_to(self._plan)
            self._connect()
            self._widened = {}
            self._admit(others)
        close_others(before, self._taps)
        self._keep_to_cpus()
        self._look_soon()
        return changes

    def _keep_to_cpus(self) -> None:
        said = self._configuration.userspace
        self._crew.keep_to(said.cpus, self._say)
        if said.workers != self._n_workers and not self._fixed:
            self._say(f"userspace: {self._n_workers} workers until the next start, not {said.workers}")

    def _connect(self) -> None:
        """Join every open ring to the plan, and to the slots, templates and sinks that go with targets."""
        plan = replace(self._plan, tables=self._plan.tables._replace(slots=self._uplinks.slots))
        for row, tap in enumerate(self._taps.values()):
            for ring in tap.rings:
                ring.source = row
        for worker, counters in zip(self._crew.workers, self._ledger.counters, strict=True):
            rings = {name: tap.rings[worker.number] for name, tap in self._taps.items() if tap.rings}
            worker.turn_to(plan, rings, self._uplinks, counters)

    def _admit(self, sources: Iterable[str]) -> None:
        """Have the rings of *sources* take in what the plan, or the one that is about to follow, may want."""
        for name in sources:
            self._taps[name].admit(None if name in self._widened else self._programs[name])

    def _listen(self) -> None:
        """Have what has changed looked at soon: what rings report, and what the network does."""
        if self._crew.is_alarmed:
            self._crew.is_alarmed = False
            self._look_soon()
        if self._uplinks.hurry():
            self._look_at = 0.0
        self._is_stirred |= self._watch.changed()
        if self._is_stirred:
            self._stir()

    def _look_soon(self) -> None:
        for tap in self._taps.values():
            tap.look_soon()
        self._look_at = 0.0

    def _stir(self) -> None:
        """Have all targets and sources looked at, unless that was done just now."""
        now = time.monotonic()
        if now < self._rests_until:
            self._look_at = min(self._look_at, self._rests_until)
            return
        self._is_stirred = False
        self._rests_until = now + REST
        self._uplinks.stir()
        self._look_soon()

    def _look_around(self) -> None:
        """See what became of sources and targets, as far as it is time to."""
        began = time.monotonic()
        self._count_drops()
        has_news = self._uplinks.look_again()
        gone = {name for name, tap in self._taps.items() if tap.has_gone()}
        back = {name for name, tap in self._taps.items() if tap.has_come() and self._resume(name, tap)}
        if has_news or gone or back:
            with self._crew.paused():
                self._follow(gone, has_other_rings=bool(gone or back), has_news=has_news)
            self._admit(back)
        self._look_at = min([self._uplinks.due(), *(tap.due for tap in self._taps.values())])
        self._rests_until += REST_FACTOR * (time.monotonic() - began)

    def _follow(self, gone: set[str], *, has_other_rings: bool, has_news: bool) -> None:
        """Let go of the sources that are gone, and connect what is there now."""
        self._crew.drain(gone)
        for name in gone:
            self._taps[name].lose(self._say)
        if (has_news and self._uplinks.adapt()) or has_other_rings:
            self._connect()

    def _resume(self, name: str, tap: Tap) -> bool:
        """Open the rings of a source whose device has come back; return whether they are open.

        Another device of that name may be another end of the wire: then the plan has to be another one first.
        """
        interface, known = self._configuration.interfaces[name], self._devices[name]
        if tap.device.side == known.side and as_found(interface, tap.device) == as_found(interface, known):
            return tap.resume(self._n_workers, self._say)
        if self._preparation is None:
            configuration = self._configuration
            self.reload_soon(lambda: configuration, _raise)
        return False

    def _count_drops(self) -> None:
        for row, tap in enumerate(self._taps.values()):
            drops = tap.drops()
            if drops:
                self._ledger.drop(row, drops)


def _raise(outcome: Changes | Exception) -> None:
    """Let nothing pass silently that should have gone well."""
    if isinstance(outcome, Exception):
        raise outcome
