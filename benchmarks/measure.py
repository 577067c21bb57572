"""Alternating pairs and medians.

Owns how a figure comes about. Must not know what is measured.
"""

import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PAIRS = 5

WIDTH = 150
"""Columns of text where there is no terminal."""


class Figure(NamedTuple):
    """A median and the range that it lies in."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def figure(samples: list[float]) -> Figure:
    """Return the figure of *samples*."""
    return Figure(statistics.median(samples), min(samples), max(samples))


def seconds(work: Callable[[], object]) -> float:
    """Return how long *work* takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternating(sides: Mapping[str, Callable[[], float]], pairs: int = PAIRS) -> dict[str, list[float]]:
    """Measure the sides in turn, *pairs* times each, so that a drift of the machine meets them alike.

    A first turn is not counted: it compiles, fills caches and starts clocks up.
    """
    for measure in sides.values():
        measure()
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, measure in sides.items():
            samples[name].append(measure())
    return samples


def ratio(one: list[float], other: list[float]) -> Figure:
    """Return the figure of *one* / *other*, pair by pair."""
    return figure([a / b for a, b in zip(one, other, strict=True)])


def machine() -> str:
    """Return what this machine is, in a line."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in info.read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.machine()
    return f"{len(names)} x {processor}, Linux {platform.release()}, Python {sys.version.split()[0]}"


def show(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; a unit in brackets is no markup."""
    table = Table(*map(escape, columns), title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(escape, row))
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
