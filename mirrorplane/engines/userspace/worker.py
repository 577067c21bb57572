"""One worker: its share of every source's packets through the stages, and out by rings of its own.

Owns a round, and waiting for the next one. Must not know how packets are shared out, who else works, or why
anything changes.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from select import POLLIN, poll
from typing import Protocol

from mirrorplane.capture.afpacket import BLOCKS, ReceiveRing
from mirrorplane.counters import Counters
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.userspace.uplinks import Uplinks
from mirrorplane.plan import Plan

MILLISECONDS = 1000

LAST_BATCHES = 2 * BLOCKS
"""Batches that a ring holds at most: a block of the smallest packets is two."""


class Readable(Protocol):
    """What has a descriptor that becomes readable."""

    def fileno(self) -> int:
        """Return the descriptor."""


class Worker:
    """Mirrors what its rings receive; `number` says which of each device's transmit rings are its own.

    `wake` may be called by any thread, and `wait` while others change the worker; everything else by one
    thread at a time.
    """

    def __init__(self, number: int, alarm: Callable[[], None], news: Iterable[Readable] = ()) -> None:
        """Begin without sources. *alarm* is called when a ring reports an error; *news* ends waiting too."""
        self.number = number
        self._alarm, self._news = alarm, tuple(news)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._pipelines: dict[str, Pipeline] = {}
        self._rings: dict[int, ReceiveRing] = {}
        self._troubled: set[int] = set()
        self._waiting = self._listen()

    def turn_to(
        self, plan: Plan, rings: Mapping[str, ReceiveRing], uplinks: Uplinks, counters: Counters
    ) -> None:
        """Join *rings*, by source, to the plan, and to the templates and sinks that go with targets."""
        sinks = uplinks.sinks_of(self.number)
        self._pipelines = {
            name: Pipeline(plan, ring, uplinks.templates, sinks, uplinks.outlets, counters, offloads=True)
            for name, ring in rings.items()
        }
        self._rings = {ring.fileno(): ring for ring in rings.values()}
        self._waiting = self._listen()
        self.wake()

    def round(self) -> int:
        """Mirror a batch of each source; return its packets."""
        if self._troubled:
            self._calm()
        return sum(_mirror(pipeline) for pipeline in self._pipelines.values())

    def drain(self, sources: Iterable[str]) -> None:
        """Mirror what the rings of *sources* still hold, not what goes on coming."""
        for pipeline in [self._pipelines[name] for name in sources if name in self._pipelines]:
            for _ in range(LAST_BATCHES):
                if not _mirror(pipeline):
                    break

    def wait(self, seconds: float | None) -> None:
        """Wait for packets, news, a `wake`, or so many seconds; None: however long it takes."""
        for descriptor, event in self._waiting.poll(None if seconds is None else seconds * MILLISECONDS):
            if descriptor == self._bell:
                os.eventfd_read(self._bell)
            elif event & ~POLLIN and descriptor in self._rings:
                self._troubled.add(descriptor)
                self._alarm()

    def wake(self) -> None:
        """End the `wait` that is going on, or else the next one."""
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Let go of all rings, which stay open, and of what `wait` needs: the worker is of no more use."""
        self._pipelines, self._rings = {}, {}
        os.close(self._bell)

    def _listen(self) -> poll:
        """Return what is waited for from now on; a `wait` that is going on has another one."""
        waiting = poll()
        for descriptor in (self._bell, *(each.fileno() for each in self._news), *self._rings):
            waiting.register(descriptor, POLLIN)
        return waiting

    def _calm(self) -> None:
        """Clear what rings have reported: until then they would go on ending every `wait`."""
        while self._troubled:
            ring = self._rings.get(self._troubled.pop())
            if ring is not None:
                ring.is_gone()


def _mirror(pipeline: Pipeline) -> int:
    """Mirror a batch; return its packets."""
    n_packets = pipeline.fill()
    if n_packets:
        pipeline.mirror()
        pipeline.forward(wait=False)
        pipeline.flush()
    return n_packets
