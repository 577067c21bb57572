"""A report as a page of Markdown, which shows the plots that lie beside it.

Owns the page. Must not know what was measured, nor how a plot is made.
"""

from collections.abc import Iterable, Iterator

from benchmarks.figures import Measurement, Report
from benchmarks.report import words

COMMAND = "uv run python -m benchmarks"


def page(report: Report) -> str:
    """Return the page."""
    return "\n".join(_lines(report)).rstrip() + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# Measurements"
    yield ""
    yield f"Made by `{COMMAND}` on {report.made}; {words.pairs(report.pairs)}, ratios pair by pair."
    if report.quick:
        yield ""
        yield "**A quick run, to see that it all works: the figures are not to be relied on.**"
    yield ""
    yield f"* {words.machine(report.machine)}"
    yield f"* {words.versions(report.versions)}"
    for measurement in report.measurements:
        yield ""
        yield from _measurement(measurement)


def _measurement(measurement: Measurement) -> Iterator[str]:
    yield f"## {measurement.title}"
    yield ""
    for line in measurement.about:
        yield line
        yield ""
    if measurement.rows:
        yield from table(measurement)
        yield ""
    for plot in measurement.drawn:
        yield f"![{measurement.title}]({picture(plot.name)})"
        yield ""
    for heading, lines in (
        ("Targets", words.targets(measurement)),
        ("", words.left_out(measurement)),
    ):
        if lines and heading:
            yield f"{heading}:"
            yield ""
        yield from (f"* {cell(line)}" for line in lines)
        if lines:
            yield ""


def picture(name: str) -> str:
    """Return the name of a plot's file."""
    return f"{name}.png"


def table(measurement: Measurement) -> list[str]:
    """Return a measurement's table."""
    columns = measurement.columns
    rows = (
        (*row.labels, *(words.figure(row.figures.get(column.name)) for column in columns))
        for row in measurement.rows
    )
    return grid((*measurement.labels, *(column.title for column in columns)), rows)


def grid(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table."""
    heads = [cell(title) for title in titles]
    return [_line(heads), "|" + "---|" * len(heads), *(_line(map(cell, row)) for row in rows)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    r"""Return *text* such that Markdown takes it for text: no column, no markup, one line.

    A backslash before punctuation is how CommonMark (section 2.4) writes the sign itself.
    """
    kept = "".join(f"\\{sign}" if sign in "\\|*_`<>[]" else sign for sign in text)
    return " ".join(kept.split())
