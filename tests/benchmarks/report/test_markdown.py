"""The page: every figure, target and reason is on it, and text stays text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Measurement, Report
from benchmarks.report import markdown, words
from tests.benchmarks.reports import REPORT, TABLE, measurements, reports

COLUMN = re.compile(r"(?<!\\)(?:\\\\)*\|")
"""A bar that divides two cells: no backslash takes that from it."""


def test_the_page() -> None:
    page = markdown.page(REPORT)
    assert page.startswith("# Measurements\n")
    assert "2026-01-02" in page
    assert "that not installed" in page
    assert "## How fast\n\nFirst line.\n\nSecond line.\n" in page
    assert "| us | 64 | 2.00 (1.00 to 3.00) | 1.00 |\n| them | 64 | 0.500 (0.250 to 1,234) | - |" in page
    assert "![How fast](speed-bars.png)" in page
    assert "* us, 1,514: rate at most 12.0 Mpps: 12.3, missed" in page
    assert "* left out: others (not installed)" in page


def test_a_quick_run_says_so() -> None:
    assert "not to be relied on" not in markdown.page(REPORT)
    assert "not to be relied on" in markdown.page(REPORT.model_copy(update={"quick": True}))


def test_what_was_not_measured_has_no_empty_table() -> None:
    nothing = markdown.page(REPORT).partition("## Nothing")[2]
    assert "| who" not in nothing
    assert "![" not in nothing
    assert "left out: others" in nothing


@given(measurements())
def test_a_table_has_the_cells_that_it_should_whatever_they_say(measurement: Measurement) -> None:
    lines = markdown.table(measurement)
    assert len(lines) == 2 + len(measurement.rows)
    width = len(measurement.labels) + len(measurement.columns)
    assert {len(COLUMN.findall(line)) for line in lines} == {width + 1}
    for row, line in zip(measurement.rows, lines[2:], strict=True):
        for figure in row.figures.values():
            assert f"| {words.figure(figure)} |" in line


@given(reports())
def test_every_title_is_a_heading(report: Report) -> None:
    headings = [line for line in markdown.page(report).splitlines() if line.startswith("## ")]
    assert len(headings) >= len(report.measurements)


@given(st.text())
def test_a_cell_is_one_line_without_markup(text: str) -> None:
    cell = markdown.cell(text)
    assert len(cell.splitlines()) <= 1
    assert re.sub(r"\\([\\|*_`<>\[\]])", r"\1", cell) == " ".join(text.split())


def test_a_table_of_a_measurement_is_a_grid() -> None:
    assert markdown.table(TABLE)[:2] == ["| who | size | rate \\[Mpps\\] | times ours |", "|---|---|---|---|"]
