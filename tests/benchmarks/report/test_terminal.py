"""Tables on a terminal."""

from io import StringIO

from hypothesis import given
from rich.console import Console

from benchmarks.figures import Report
from benchmarks.report import terminal, words
from tests.benchmarks.reports import REPORT, reports


def shown(report: Report) -> str:
    output = StringIO()
    terminal.whole(report, Console(file=output, width=4000))
    return output.getvalue()


def test_everything_is_shown() -> None:
    text = shown(REPORT)
    for expected in (
        "4 x Some CPU",
        "this 1.2, that not installed",
        "of 3 alternating runs",
        "How fast",
        "rate [Mpps]",
        "2.00 (1.00 to 3.00)",
        "rate at least 1.50 Mpps: 2.00 (1.00 to 3.00), met",
        "left out: others (not installed)",
    ):
        assert expected in text


@given(reports())
def test_every_figure_is_shown_whatever_it_is_called(report: Report) -> None:
    text = shown(report)
    for measurement in report.measurements:
        for row in measurement.rows:
            assert all(words.figure(figure) in text for figure in row.figures.values())
