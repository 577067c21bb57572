"""Live devices through the mirror, round by round, in one thread.

Owns the order of a round and what a reload keeps. Must not know rings, routes or how a packet is chosen.
"""

import time
from collections.abc import Callable
from select import POLLIN, poll
from threading import Event
from types import MappingProxyType
from typing import Self

from mirrorplane.capture.device import Side
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.report import Report
from mirrorplane.engines.userspace.ledger import Ledger
from mirrorplane.engines.userspace.taps import Tap, close_others, open_taps
from mirrorplane.engines.userspace.uplinks import Say, Uplinks
from mirrorplane.model import Configuration, Interface
from mirrorplane.plan import Changes, Plan, compile_plan, diff

IDLE = 0.1
"""Seconds that `run` waits for packets before it looks whether to stop."""

SETTLE = 0.2
"""Seconds that `run` gives neighbours to answer before it is ready."""

MILLISECONDS = 1000


class Userspace:
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
        of reach.
        """
        taps = open_taps(_sources(configuration), self._taps)
        try:
            plan = _compile(configuration, taps)
        except BaseException:
            close_others(taps, self._taps)
            raise
        self._count_drops()
        close_others(self._taps, taps)
        changes = diff(self._plan, plan)
        self._configuration, self._taps, self._plan = configuration, taps, plan
        self._ledger.turn_to(plan)
        self._uplinks.turn_to(plan)
        self._connect()
        self._look_at = 0.0
        return changes

    def run(
        self, stop: Event, ready: Callable[[], None] | None = None, between: Callable[[], None] | None = None
    ) -> None:
        """Mirror until *stop* is set; call *ready* when all sources are mirrored, *between* after rounds."""
        self._uplinks.settle(SETTLE)
        self._connect()
        if ready is not None:
            ready()
        while not stop.is_set():
            self.poll(IDLE)
            if between is not None:
                between()

    def poll(self, timeout: float) -> int:
        """Mirror a batch of each source, or wait for one up to *timeout* seconds; return its packets."""
        n_packets = sum(self._mirror(pipeline) for pipeline in self._pipelines.values())
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
        return {name: _side(self._configuration.interfaces[name], tap) for name, tap in self._taps.items()}

    def targets(self) -> dict[str, str]:
        """Return how each target is reached now, in words, by its address."""
        return self._uplinks.ways()

    def close(self) -> None:
        """Give back every ring: nothing of ours is on the host any more. `counters` goes on answering."""
        self._count_drops()
        self._pipelines.clear()
        for tap in self._taps.values():
            tap.close()
        self._uplinks.close()

    def _connect(self) -> None:
        """Join every open ring to the plan, the templates and the sinks of the moment."""
        self._waiting = poll()
        self._pipelines = {}
        for row, (name, tap) in enumerate(self._taps.items()):
            if tap.ring is not None:
                tap.ring.source = row
                self._waiting.register(tap.ring, POLLIN)
                self._pipelines[name] = Pipeline(
                    self._plan,
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
        """Mirror what a source's ring still holds."""
        while self._mirror(self._pipelines[name]):
            pass

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
        if [tap for tap in self._taps.values() if tap.is_back(self._say)]:
            self.reload(self._configuration)  # another device of that name may be another end of the wire
        elif changed:
            self._connect()
        self._look_at = min([self._uplinks.due(), *(tap.due for tap in self._taps.values())])

    def _count_drops(self) -> None:
        for row, tap in enumerate(self._taps.values()):
            drops = tap.ring.drops() if tap.ring is not None else 0
            if drops:
                self._ledger.drop(row, drops)


def _sources(configuration: Configuration) -> dict[str, Interface]:
    used = {source for session in configuration.sessions.values() for source in session.sources}
    return {name: interface for name, interface in configuration.interfaces.items() if name in used}


def _compile(configuration: Configuration, taps: dict[str, Tap]) -> Plan:
    """Return the plan for the devices that were found, in the order of *taps*."""
    interfaces = configuration.interfaces
    found = {name: _as_found(interfaces[name], tap) for name, tap in taps.items()}
    known = configuration.model_copy(update={"interfaces": MappingProxyType({**interfaces, **found})})
    host_ends = [name for name, tap in taps.items() if tap.device.side == "host"]
    return compile_plan(known, tuple(taps), host_ends=host_ends, shared_wire=True)


def _as_found(interface: Interface, tap: Tap) -> Interface:
    """Return *interface*, with its device's addresses if it says none; a host end's are not the ENI's.

    Those that are good on one link only are no addresses to send mirrored packets from.
    """
    if interface.addresses or _side(interface, tap) == "host":
        return interface
    addresses = tuple(address for address in tap.device.addresses if not address.is_link_local)
    return interface.model_copy(update={"addresses": addresses})


def _side(interface: Interface, tap: Tap) -> Side:
    return interface.side or tap.device.side
