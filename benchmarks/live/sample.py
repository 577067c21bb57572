"""One live measurement: a mirror put to work, a load, what both cost, the mirror taken away.

Owns what is taken down of it. Must not know what is compared with what.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from math import ceil
from typing import NamedTuple

from benchmarks.live.load import Flood, Listener, Transfer
from benchmarks.live.mirrors import Wanted, at_work
from benchmarks.live.network import Instant, Network
from benchmarks.measure import Options
from benchmarks.traffic import TCP, UDP

SIZES = (64, 1514)
"""Bytes of a flood's frames, FCS not counted."""

COUNT, FEW = 2_000_000, 100_000
"""Frames of 64 bytes that are counted through, and how many where it has to be quick."""

WARMING = 0.2
"""Seconds of a flood that are not measured: caches fill, clocks start up."""

FULL, HALF, COUNTED = "TCP", "TCP at half the rate", "counted"
"""Loads; the others are floods, by their frames' size."""


class Case(NamedTuple):
    """What is measured; all but the first two are engines' only, and 0 for who has no such choice."""

    load: str
    mirror: str
    packet_length: int = 0
    rules: int = 0
    sessions: int = 0


class Window(NamedTuple):
    """What happened while the load lasted.

    `busy` is of the CPU that sends, `others` of all others, `stolen` of both, all in seconds; `carried` are
    packets over the guest's link, either way, `arrived` copies at the sensor, as its device counts them.
    """

    seconds: float
    busy: float
    others: float
    stolen: float
    carried: int
    arrived: int


class Life(NamedTuple):
    """What was counted from before the mirror was put to work until after it was taken away.

    `seen`, `mirrored` and `reasons` are the mirror's own counts, None where it has none.
    """

    carried: int
    arrived: int
    seen: int | None
    mirrored: int | None
    reasons: dict[str, int]


class Sample(NamedTuple):
    """A measurement. `work` is what the source got done in the window: frames, of TCP payload bytes."""

    case: Case
    window: Window
    work: int
    rate: float
    """Frames a second; of TCP bits a second, as iperf3 counted them."""
    retransmits: int
    life: Life


class Bench:
    """The network with its loads.

    Of the CPUs that this process may use, the first one sends, the last one takes what is handed over.
    """

    def __init__(self, network: Network, options: Options) -> None:
        self.network, self._options = network, options
        cpus = sorted(os.sched_getaffinity(0))
        self.sender, self.other = cpus[0], cpus[-1]
        self.floods = {str(size): Flood(network, size, self.sender) for size in SIZES}

    def sample(self, case: Case, rate: float | None = None) -> Sample:
        """Measure *case*, TCP flat out or at *rate* bits a second. Raises LabError or FailedError."""
        protocol = TCP if case.load in (FULL, HALF) else UDP
        wanted = Wanted(protocol, case.packet_length, case.rules, case.sessions)
        load = self._transfer if protocol == TCP else self._flood
        before = self.network.look()
        with at_work(case.mirror, self.network, wanted, self.other) as account:
            window, work, speed, again = load(case, rate)
            self.network.settle()
        after = self.network.look()
        carried, arrived = after.carried - before.carried, after.arrived - before.arrived
        seen, mirrored, reasons = None, None, {}
        if account.report is not None:
            (source,) = account.report["sources"].values()
            seen, mirrored, reasons = source["seen"], source["mirrored"], source["not_mirrored"]
        return Sample(case, window, work, speed, again, Life(carried, arrived, seen, mirrored, reasons))

    def _flood(self, case: Case, _rate: float | None) -> tuple[Window, int, float, int]:
        """Flood for the time given, warmed up, or with the count of frames given and no others."""

        def flood() -> Window:
            if case.load == COUNTED:
                return self._watched(
                    lambda: self.floods[str(SIZES[0])].send(FEW if self._options.quick else COUNT)
                )
            self.floods[case.load].last(WARMING)
            time.sleep(WARMING)
            return self._watched(lambda: self.floods[case.load].last(self._options.seconds))

        with ThreadPoolExecutor(1) as thread:  # it will be bound to a CPU
            window = thread.submit(flood).result()
        return window, window.carried, window.carried / window.seconds, 0

    def _transfer(self, _case: Case, rate: float | None) -> tuple[Window, int, float, int]:
        done: list[Transfer] = []
        with closing(Listener(self.network, self.sender)) as listener:
            seconds = max(1, ceil(self._options.seconds))  # iperf3 takes whole ones
            window = self._watched(lambda: done.append(listener.transfer(seconds, rate)))
        return window, done[0].payload, done[0].rate, done[0].retransmits

    def _watched(self, load: Callable[[], None]) -> Window:
        """Return what happened during *load*."""
        before = self.network.look()
        load()
        return self._window(before, self.network.look())

    def _window(self, before: Instant, after: Instant) -> Window:
        (was, was_stolen), (now, stolen) = before.processors, after.processors
        busy = {cpu: now[cpu] - was[cpu] for cpu in was}
        sender = busy.pop(self.sender)
        return Window(
            seconds=after.at - before.at,
            busy=sender,
            others=sum(busy.values()),
            stolen=sum(stolen.values()) - sum(was_stolen.values()),
            carried=after.carried - before.carried,
            arrived=after.arrived - before.arrived,
        )


@contextmanager
def bench(network: Network, options: Options) -> Iterator[Bench]:
    """Have the loads ready while the block runs."""
    with ExitStack() as stack:
        made = Bench(network, options)
        for flood in made.floods.values():
            stack.callback(flood.close)
        yield made
