"""The userspace engine from ring to ring: how fast it works off what is there, by workers.

Owns the measurement. Must not know what an engine does. The engine is stopped (SIGSTOP), as many packets as
its receive rings hold are sent past it, and it goes on: nobody else uses the CPUs then, and the time is from
there to the arrival of the last copy at the sensor, whose device drops and counts them.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.figures import Column, LeftOut, Measurement, Row, over, row, scaled
from benchmarks.live.load import Flood
from benchmarks.live.mirrors import USERSPACE, Wanted, configuration, engine
from benchmarks.live.network import Network, missing, network
from benchmarks.measure import Options
from benchmarks.traffic import UDP
from mirrorplane.cli.outcome import FailedError

NAME = "rings"
SIZE, MOST_WORKERS = 64, 2
MILLION = 1e6
WANTED = Wanted(UDP, packet_length=128, rules=10)

AT_ONCE = 60_000
"""Frames that the ring of one worker holds, 160 bytes each, also where flows are not shared out evenly."""

LOOK = 0.001
"""Seconds between two looks whether all copies have arrived."""

PATIENCE = 5.0
TRIES = 3


class Drained(NamedTuple):
    """What came of it: copies a second, and seconds of the engine's CPU time a copy."""

    rate: float
    cost: float


RATE, CPU, AGAIN = "rate", "CPU a packet", "times 1 worker's"


def compare(options: Options) -> list[Measurement]:
    """Measure one worker and, where there is a second CPU, two."""
    why = missing()
    if why is not None:
        return [_measurement([], LeftOut(what=NAME, why=why))]
    with network() as built:
        numbers = range(1, min(len(measure.cpus()), MOST_WORKERS) + 1)
        sides = {str(number): partial(drained, built, number) for number in numbers}
        samples = measure.alternating(sides, options.pairs)
    return [_measurement([_row(name, found, samples["1"]) for name, found in samples.items()])]


def _row(name: str, found: "list[Drained]", single: "list[Drained]") -> Row:
    rates = [each.rate for each in found]
    figures = {
        RATE: scaled(rates, 1 / MILLION),
        CPU: scaled([each.cost for each in found], MILLION),
        AGAIN: over(rates, [each.rate for each in single]),
    }
    return row((name,), figures)


def _measurement(rows: list[Row], *left_out: LeftOut) -> Measurement:
    return Measurement(
        name=NAME,
        title="Live: the userspace engine from ring to ring",
        about=(
            f"{SIZE}-byte packets, PacketLength {WANTED.packet_length}, {WANTED.rules} rules: what its rings"
            " hold, worked off from a standstill.",
        ),
        labels=("workers",),
        columns=(Column(name=RATE, unit="Mpps"), Column(name=CPU, unit="us"), Column(name=AGAIN)),
        rows=tuple(rows),
        left_out=left_out,
    )


def drained(built: Network, workers: int) -> Drained:
    """Do as `drained_once`, again where copies are missing: on a busy machine the rings may be full."""
    for _ in range(TRIES - 1):
        with suppress(FailedError):
            return drained_once(built, workers)
    return drained_once(built, workers)


def drained_once(built: Network, workers: int) -> Drained:
    """Send past an engine with so many workers while it is stopped, and have it work that off."""
    count = AT_ONCE * workers
    said = f"userspace: {{workers: {workers}}}\n"
    with engine("userspace", built.host, said + configuration(USERSPACE, WANTED, 0)) as running:
        running.send_signal(signal.SIGSTOP)
        try:
            flood(built, count)
            spent, before = cpu_time(running.pid), built.sensor_port.count().received
        finally:
            running.send_signal(signal.SIGCONT)
        lasted = until_arrived(built, before + count)
        return Drained(count / lasted, (cpu_time(running.pid) - spent) / count)


def flood(built: Network, count: int) -> None:
    """Send so many frames from a thread of its own, which will be bound to a CPU."""
    cpu = min(os.sched_getaffinity(0))
    with closing(Flood(built, SIZE, cpu)) as frames, ThreadPoolExecutor(1) as thread:
        thread.submit(frames.send, count).result()


def until_arrived(built: Network, count: int) -> float:
    """Return the seconds until the sensor's device has counted so many packets."""
    began = time.perf_counter()
    while (arrived := built.sensor_port.count().received) < count:
        if time.perf_counter() - began > PATIENCE:
            raise FailedError(f"{count - arrived} copies did not arrive")
        time.sleep(LOOK)
    return time.perf_counter() - began


def cpu_time(pid: int) -> float:
    """Return the seconds that all threads of a process have been at work (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
