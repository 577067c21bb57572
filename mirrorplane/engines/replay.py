"""Capture files through the mirror.

Owns replaying: at once, or paced as recorded. Must not know what the files are, or where the copies go.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mirrorplane.batch import FILE_ROWS
from mirrorplane.capture.source import Source
from mirrorplane.counters import Counters
from mirrorplane.engines.pipeline import Outlet, Pipeline
from mirrorplane.forward.sink import Sink
from mirrorplane.jit import I32, I64
from mirrorplane.model import DEFAULT_MTU
from mirrorplane.plan import Plan, PlanError, templates
from mirrorplane.plan.compile import Route
from mirrorplane.plan.tables import Templates
from mirrorplane.plan.templates import Outer
from mirrorplane.wire.ethernet import UNKNOWN_MAC

NANOSECONDS = 1_000_000_000
LONGEST_NAP = 0.2
"""Seconds: how late an interruption is noticed while nothing is due."""


class Way(NamedTuple):
    """How copies leave: the templates, the sinks, and for each template the index of its sink."""

    templates: Templates
    sinks: Sequence[Sink]
    outlets: I32


def file_templates(plan: Plan) -> Templates:
    """Return the templates of a replay into a file: MACs that the configuration does not name are zeros.

    Raises PlanError for a source without an address of its target's family: there is no device to lend one.
    """
    filled = templates.empty(len(plan.routes))
    rows = {name: row for row, name in enumerate(plan.sessions)}
    for row, route in enumerate(plan.routes):
        templates.fill(filled, row, _outer(route, rows[route.session]))
    return filled


def into(sink: Sink, by: Templates) -> Way:
    """Return the way on which everything leaves by one sink."""
    return Way(by, [sink], np.zeros(by.rows.size, np.int32))


def _outer(route: Route, session: int) -> Outer:
    if route.source_address is None:
        family = f"IPv{route.destination.version}"
        raise PlanError(
            f"interface {route.source} has no {family} address to send session {route.session} from"
            f" (its target {route.backend} is {route.destination})"
        )
    return Outer(
        source_mac=route.source_mac or UNKNOWN_MAC,
        destination_mac=route.destination_mac or UNKNOWN_MAC,
        source=route.source_address,
        destination=route.destination,
        port=route.port,
        vni=route.vni,
        mtu=route.mtu or DEFAULT_MTU,
        packet_length=route.packet_length,
        session=session,
    )


class Replay:
    """A capture through a plan, as fast as it goes or *speed* times as recorded.

    `run` goes through it once.
    """

    def __init__(self, plan: Plan, capture: Source, way: Way, speed: float | None = None) -> None:
        self.counters: Counters = plan.counters()
        self._pipeline = Pipeline(
            plan, capture, way.templates, way.sinks, way.outlets, self.counters, rows=FILE_ROWS
        )
        self._clock = _Clock(speed) if speed is not None else None

    def run(self, progress: Callable[[int], None] | None = None) -> None:
        """Mirror everything; *progress* is called after each batch with the packets it had.

        Raises CaptureError and ForwardError as the ports do; what came before them has been sent.
        """
        while n_packets := self._pipeline.fill():
            self._pipeline.mirror()
            if self._clock is None:
                self._pipeline.forward(wait=True)
                self._pipeline.flush()
            else:
                self._forward_in_time(self._clock)
            if progress is not None:
                progress(n_packets)

    def _forward_in_time(self, clock: "_Clock") -> None:
        """Send each copy when it is due; where a file's times go back, no earlier than those before it."""
        frames, left = self._pipeline.frames, []
        for outlet in self._pipeline.outlets:
            rows = outlet.copies.frame[: int(outlet.copies.count[0])]
            left.append(_Due(outlet, np.maximum.accumulate(frames.time[rows])))
        try:
            while left := [due for due in left if due.next < due.times.size]:
                now = clock.wait_for(min(int(due.times[due.next]) for due in left))
                for due in left:
                    self._send_due(due, now)
        except BaseException:  # an interruption too, which mostly finds us waiting
            for due in left:
                self._pipeline.abandon(due.outlet, due.next)
            raise

    def _send_due(self, due: "_Due", now: int) -> None:
        first, due.next = due.next, int(np.searchsorted(due.times, now, side="right"))
        self._pipeline.send_now(due.outlet, first, due.next)


@dataclass
class _Due:
    """The copies of one outlet, the times at which they are due, and the first that has not been sent."""

    outlet: Outlet
    times: I64
    next: int = 0


class _Clock:
    """The time in the file that corresponds to now."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._started: float | None = None
        self._first = 0

    def wait_for(self, due: int) -> int:
        """Sleep until the packet recorded at *due* (ns) is to be sent.

        Return the time in the file that it is then.
        """
        if self._started is None:
            self._started, self._first = time.monotonic(), due
        while (ahead := due - self._now()) > 0:
            time.sleep(min(ahead / NANOSECONDS / self._speed, LONGEST_NAP))
        return max(due, self._now())

    def _now(self) -> int:
        elapsed = time.monotonic() - (self._started or 0.0)
        return self._first + int(elapsed * self._speed * NANOSECONDS)
