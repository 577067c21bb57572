"""A report's pictures.

Owns what a plot looks like, and the only import of matplotlib. Must not know what was measured. A bar or a
point is a median, the line through it the range of the samples.
"""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from benchmarks.figures import Column, Figure, Measurement, Plot, Report, Row
from benchmarks.report import words
from benchmarks.report.markdown import picture

WIDTH, HEIGHT, MOST_WIDTH, PER_BAR = 7.0, 4.2, 16.0, 0.22
"""Inches."""

DOTS = 110
"""An inch."""

LEGEND = 2
"""Columns of it."""

OURS, OTHERS = "C0", "0.7"

HEADROOM = 0.12
"""Of the height, above the highest bar, for what is written there."""

GROUP = 0.8
"""Of the room between two groups of bars."""


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw every plot for which there are figures into *folder*; return the files."""
    made = []
    for measurement in report.measurements:
        for plot in measurement.drawn:
            path = folder / picture(plot.name)
            _draw(measurement, plot, path)
            made.append(path)
    return made


def _draw(measurement: Measurement, plot: Plot, path: Path) -> None:
    columns = [column for column in measurement.columns if column.name in plot.columns]
    bars = len(measurement.rows) * len(columns) if plot.kind == "bars" else 0
    canvas = Canvas(figsize=(min(max(WIDTH, bars * PER_BAR), MOST_WIDTH), HEIGHT), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots()
    (_bars if plot.kind == "bars" else _lines)(axes, measurement, columns, plot)
    _bounds(axes, measurement, columns)
    axes.set_title(measurement.title, fontsize="medium")
    axes.set_ylabel(_title(columns))
    axes.grid(axis="y", alpha=0.3)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        canvas.legend(loc="outside lower center", ncols=LEGEND, fontsize="small")
    canvas.savefig(path, dpi=DOTS)


def _title(columns: Sequence[Column]) -> str:
    units = ", ".join(dict.fromkeys(column.unit for column in columns if column.unit))
    return columns[0].title if len(columns) == 1 else units


def _ranges(figures: Sequence[Figure]) -> list[list[float]]:
    """Return how far the samples go below, and above, each median."""
    below = [figure.median - figure.low for figure in figures]
    return [below, [figure.high - figure.median for figure in figures]]


def _bars(axes: Axes, measurement: Measurement, columns: Sequence[Column], plot: Plot) -> None:
    width = GROUP / len(columns)
    for at, column in enumerate(columns):
        found = [
            (place, row, row.figures[column.name])
            for place, row in enumerate(measurement.rows)
            if column.name in row.figures
        ]
        bars = axes.bar(
            [place + (at - (len(columns) - 1) / 2) * width for place, _, _ in found],
            [figure.median for _, _, figure in found],
            width,
            yerr=_ranges([figure for _, _, figure in found]),
            color=[_colour(row, plot) or f"C{at}" for _, row, _ in found],
            label=column.name,
            capsize=2,
            ecolor="0.3",
        )
        if len(columns) == 1:
            axes.margins(y=HEADROOM)
            axes.bar_label(bars, [words.number(figure.median) for _, _, figure in found], fontsize="small")
    told = _labels_that_tell(measurement)
    axes.set_xticks(range(len(measurement.rows)), [_name(row.labels[:told]) for row in measurement.rows])
    axes.set_xlabel(", ".join(measurement.labels[:told]))
    axes.tick_params(axis="x", labelrotation=35, labelsize="small")
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right")
    if plot.log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _name(labels: Sequence[str]) -> str:
    """Return labels as one, without those that say nothing."""
    return ", ".join(label for label in labels if label != words.NOTHING)


def _colour(row: Row, plot: Plot) -> str | None:
    """Return the colour of a row's bars where rows are told apart."""
    if not plot.ours:
        return None
    return OURS if row.labels[0] in plot.ours else OTHERS


def _labels_that_tell(measurement: Measurement) -> int:
    """Return how many labels, from the left, tell the rows apart."""
    every = [row.labels for row in measurement.rows]
    counts = range(1, len(measurement.labels))
    apart = (count for count in counts if len({labels[:count] for labels in every}) == len(every))
    return next(apart, len(measurement.labels))


def _lines(axes: Axes, measurement: Measurement, columns: Sequence[Column], plot: Plot) -> None:
    along = measurement.labels.index(plot.along)
    axes.set_xscale("log")
    for column in columns:
        for name, rows in _series(measurement, along).items():
            found = [
                (_number(row.labels[along]), row.figures[column.name])
                for row in rows
                if column.name in row.figures
            ]
            axes.errorbar(
                [place for place, _ in found],
                [figure.median for _, figure in found],
                yerr=_ranges([figure for _, figure in found]),
                label=", ".join(filter(None, (name, column.name if len(columns) > 1 else ""))),
                marker="o",
                capsize=2,
            )
    ticks = sorted({_number(row.labels[along]) for row in measurement.rows})
    axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel(plot.along)
    axes.set_ylim(bottom=0)


def _series(measurement: Measurement, along: int) -> dict[str, list[Row]]:
    """Return the rows by their labels without the one that they lie along."""
    found: dict[str, list[Row]] = {}
    for row in measurement.rows:
        found.setdefault(", ".join(row.labels[:along] + row.labels[along + 1 :]), []).append(row)
    return found


def _number(label: str) -> float:
    return float(label.replace(",", ""))


def _bounds(axes: Axes, measurement: Measurement, columns: Sequence[Column]) -> None:
    """Draw the targets of what is drawn."""
    names = {column.name for column in columns}
    limits = {
        limit
        for target in measurement.targets
        for limit in (target.at_most, target.at_least)
        if limit is not None and target.column in names
    }
    for limit in limits:
        axes.axhline(limit, linestyle="--", color="0.4", linewidth=1)
