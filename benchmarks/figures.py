"""What was measured, as data: the one form that every measurement has and every rendering reads.

Owns the report's shape and the arithmetic on samples. Must not know how a figure came about, or what it will
look like.

A `Measurement` is a table of `Figure`s: a row is told by its labels, a column by its name and unit. Every
sample is kept, one a pair; ratios and shares are made pair by pair (`over`), so that a drift of the machine
meets both sides alike.
"""

import statistics
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, computed_field

PERCENT = "%"


class Data(BaseModel):
    """Something of a report, which does not change."""

    model_config = ConfigDict(frozen=True)


class Figure(Data):
    """A figure in its column's unit: a sample a pair, which the median stands for."""

    samples: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]

    @computed_field  # type: ignore[prop-decorator] # pydantic's own way to write it
    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.samples)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def low(self) -> float:
        """The smallest sample."""
        return min(self.samples)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def high(self) -> float:
        """The largest sample."""
        return max(self.samples)


class Column(Data):
    """A kind of figure; a unit of "" is a plain number."""

    name: str
    unit: str = ""

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


class Row(Data):
    """What the figures of a row are of, and the figures by their columns' names; one may be missing."""

    labels: tuple[str, ...]
    figures: dict[str, Figure]


class Target(Data):
    """A bound that a figure is to keep."""

    labels: tuple[str, ...]
    column: str
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, figure: Figure) -> bool:
        """Return whether a figure's median keeps it."""
        return not (
            (self.at_most is not None and figure.median > self.at_most)
            or (self.at_least is not None and figure.median < self.at_least)
        )


class Plot(Data):
    """Which columns are drawn, and how.

    Bars: a group a row, a bar a column; where rows whose first label is one of *ours* stand among others,
    they are told apart. Lines: along the numbers of the label *along*, a line for each combination of the
    other labels and column.
    """

    name: str
    kind: Literal["bars", "lines"]
    columns: tuple[str, ...]
    along: str = ""
    ours: tuple[str, ...] = ()
    log: bool = False


class LeftOut(Data):
    """What was not measured, and why."""

    what: str
    why: str


class Measurement(Data):
    """One table: what it is about, its figures, its bounds, its pictures, and what is not in it."""

    name: str
    title: str
    about: tuple[str, ...] = ()
    labels: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    targets: tuple[Target, ...] = ()
    plots: tuple[Plot, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def drawn(self) -> tuple[Plot, ...]:
        """The plots that there is something to draw for."""
        return self.plots if self.rows else ()

    def figure(self, labels: tuple[str, ...], column: str) -> Figure | None:
        """Return a figure of the first row whose labels begin with *labels*, None where there is none."""
        rows = (row for row in self.rows if row.labels[: len(labels)] == labels)
        return next((row.figures.get(column) for row in rows), None)


class Machine(Data):
    """What it was measured on; sizes in bytes, caches by their names as one core sees them."""

    processor: str
    cores: int
    usable: int
    memory: int
    caches: dict[str, int]
    kernel: str
    python: str


class Report(Data):
    """A run: where and when, with what, and what came of it. `versions` has "" for what is not installed."""

    made: str
    machine: Machine
    versions: dict[str, str]
    pairs: int
    quick: bool = False
    measurements: tuple[Measurement, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the report that `emit` wrote. Raises ValueError."""
        return cls.model_validate_json(text)

    def emit(self) -> str:
        """Return it as JSON."""
        return self.model_dump_json(indent=1) + "\n"

    def find(self, name: str) -> Measurement | None:
        """Return the measurement *name*, None if it is not in this run."""
        return next((each for each in self.measurements if each.name == name), None)


def row(labels: Iterable[str], figures: Mapping[str, Iterable[float] | None]) -> Row:
    """Return a row of samples; what is not a number throughout is left out of it."""
    kept = {name: tuple(samples) for name, samples in figures.items() if samples is not None}
    return Row(
        labels=tuple(labels),
        figures={
            name: Figure(samples=samples) for name, samples in kept.items() if all(map(isfinite, samples))
        },
    )


def over(one: Iterable[float], other: Iterable[float]) -> list[float]:
    """Return *one* / *other*, pair by pair; what is divided by nothing, or less, is no number."""
    return [a / b if b > 0 else float("nan") for a, b in zip(one, other, strict=True)]


def scaled(samples: Iterable[float], factor: float) -> list[float]:
    """Return the samples in another unit."""
    return [sample * factor for sample in samples]


def share(part: Iterable[float], whole: Iterable[float]) -> list[float]:
    """Return *part* in per cent of *whole*, pair by pair."""
    return scaled(over(part, whole), 100)
