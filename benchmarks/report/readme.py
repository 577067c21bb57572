"""The README's part of the last whole run: one table and one plot, between two markers.

Owns which figures those are, and where they stand. Must not know how they came about. `rewrite` makes it
anew; a test compares the two.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Column, Report
from benchmarks.report import document, markdown, words

ROOT = Path(__file__).parent.parent.parent
README, RESULTS = ROOT / "README.md", ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOT = "replay"


class Line(NamedTuple):
    """A line of the table: what it says, and which figure that is."""

    says: str
    measurement: str
    labels: tuple[str, ...]
    column: str


LINES = (
    Line("pipeline in memory, one core: IMIX, PacketLength 128", "pipeline", ("IMIX", "128"), "mirrorplane"),
    Line("... 1514-byte frames, PacketLength 1500", "pipeline", ("1514", "1500"), "mirrorplane"),
    Line("... of what memcpy of the same bytes does", "pipeline", ("1514", "1500"), "share of it"),
    Line("... time a packet with 1,000 rules, times that with 10", "rules", ("1,000",), "times that of 10"),
    Line(
        "... with 1,000 sessions, a source each, times that with 10",
        "sessions",
        ("a source each, one filter of 10 rules", "1,000"),
        "times that of 10",
    ),
)


def part(report: Report) -> str:
    """Return what stands between the markers."""
    folder = RESULTS.relative_to(ROOT)
    rows = [(line.says, _told(report, line)) for line in LINES]
    lines = [
        f"Measured on {words.machine(report.machine)}; {words.pairs(report.pairs)}.",
        "",
        *markdown.grid(("", "figure"), [row for row in rows if row[1] != words.NOTHING]),
        "",
        f"![file to file]({folder / markdown.picture(PLOT)})",
        "",
        f"[All of it]({folder / document.PAGE}), with every sample in [JSON]({folder / document.JSON}).",
    ]
    return "\n".join(lines)


def _told(report: Report, line: Line) -> str:
    measurement = report.find(line.measurement)
    figure = measurement.figure(line.labels, line.column) if measurement else None
    if measurement is None or figure is None:
        return words.NOTHING
    column = next(each for each in measurement.columns if each.name == line.column)
    return _with_unit(words.figure(figure), column)


def _with_unit(told: str, column: Column) -> str:
    return f"{told} {column.unit}".rstrip()


def placed(text: str, between: str) -> str:
    """Return *text* with *between* between the markers. Raises ValueError where they are missing."""
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError(f"there is no {BEGIN} with an {END} behind it")
    return f"{before}{BEGIN}\n{between}\n{END}{after}"


def rewrite() -> None:
    """Make the README's part anew. Raises OSError, ValueError."""
    report = document.load(RESULTS / document.JSON)
    README.write_text(placed(README.read_text(), part(report)))
