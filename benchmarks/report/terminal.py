"""A report on a terminal, a table as soon as it is there.

Owns that rendering. Must not know what was measured. A unit in brackets is no markup.
"""

import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.figures import Measurement, Report
from benchmarks.report import words

WIDTH = 200
"""Columns of text where there is no terminal."""


def console() -> Console:
    """Return where to write to."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def head(report: Report, to: Console) -> None:
    """Write what was measured on, and with what."""
    for line in (words.machine(report.machine), words.versions(report.versions), words.pairs(report.pairs)):
        to.print(escape(line))


def show(measurement: Measurement, to: Console) -> None:
    """Write a measurement."""
    table = Table(title=escape(measurement.title), title_justify="left")
    for label in measurement.labels:
        table.add_column(escape(label), no_wrap=True)
    for column in measurement.columns:
        table.add_column(escape(column.title))
    for row in measurement.rows:
        figures = (words.figure(row.figures.get(column.name)) for column in measurement.columns)
        table.add_row(*map(escape, (*row.labels, *figures)))
    if measurement.rows:
        to.print(table)
    for line in (*words.targets(measurement), *words.left_out(measurement)):
        to.print(escape(line))


def whole(report: Report, to: Console) -> None:
    """Write all of a report."""
    head(report, to)
    for measurement in report.measurements:
        show(measurement, to)
