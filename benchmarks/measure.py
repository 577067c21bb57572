"""Alternating pairs.

Owns how samples come about. Must not know what is measured.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

PAIRS = 5

Sample = TypeVar("Sample")


class Options(NamedTuple):
    """How often, and how long a flood lasts in seconds; `quick` is to see that it works, not for figures."""

    pairs: int = PAIRS
    seconds: float = 1.5
    quick: bool = False


def seconds(work: Callable[[], object]) -> float:
    """Return how long *work* takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of *work*, which is this thread's: whoever else uses its CPU does not count."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def alternating(
    sides: Mapping[str, Callable[[], Sample]], pairs: int, say: Callable[[str], None] | None = None
) -> dict[str, list[Sample]]:
    """Measure the sides in turn, *pairs* times each, so that a drift of the machine meets them alike.

    Every other turn goes the other way about. A first turn is not counted: it compiles, fills caches and
    starts clocks up. *say* is told before each turn.
    """
    for measure in sides.values():
        measure()
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(pairs):
        if say is not None:
            say(f"pair {turn + 1} of {pairs}")
        for name in names if turn % 2 == 0 else names[::-1]:
            samples[name].append(sides[name]())
    return samples


def say(line: str) -> None:
    """Tell whoever waits what is going on."""
    print(line, file=sys.stderr, flush=True)


def cpus() -> list[int]:
    """Return the CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))
