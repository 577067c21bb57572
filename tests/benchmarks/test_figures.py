"""Figures: medians, ratios pair by pair, and that a report is the same after JSON."""

import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, Report, Target, over, row, scaled, share
from tests.benchmarks.reports import REPORT, TABLE, reports, samples


@given(st.lists(samples, min_size=1))
def test_a_figure_is_its_samples_median_and_range(values: list[float]) -> None:
    figure = Figure(samples=tuple(values))
    assert (figure.low, figure.median, figure.high) == (min(values), statistics.median(values), max(values))
    assert figure.low <= figure.median <= figure.high


def test_a_figure_has_samples_that_are_numbers() -> None:
    for values in ((), (math.nan,), (1.0, math.inf)):
        with pytest.raises(ValueError, match="samples"):
            Figure(samples=values)


@given(reports())
def test_a_report_is_the_same_after_json(report: Report) -> None:
    assert Report.parse(report.emit()) == report


def test_the_json_tells_the_median_to_whoever_reads_it() -> None:
    first = json.loads(REPORT.emit())["measurements"][0]["rows"][0]["figures"]["rate"]
    assert first == {"samples": [3.0, 1.0, 2.0], "median": 2.0, "low": 1.0, "high": 3.0}


def test_what_the_json_says_of_a_median_is_not_believed() -> None:
    changed = REPORT.emit().replace('"median": 2.0', '"median": 99.0')
    assert changed != REPORT.emit()
    assert Report.parse(changed) == REPORT


def test_ratios_are_of_pairs() -> None:
    assert over([6, 8], [2, 16]) == [3, 0.5]
    assert share([1, 3], [2, 4]) == [50, 75]
    assert scaled([1, 2], 10) == [10, 20]
    with pytest.raises(ValueError, match="shorter"):
        over([1, 2], [1])


def test_what_has_no_number_is_no_figure() -> None:
    assert all(math.isnan(each) for each in over([1, 1], [0, -1]))
    found = row(("a",), {"whole": [1, 2], "half": [1, math.nan], "none": None})
    assert list(found.figures) == ["whole"]


def test_figures_are_found_by_labels_and_column() -> None:
    found = TABLE.figure(("us", "64"), "rate")
    assert found is not None
    assert found.median == 2
    assert TABLE.figure(("them", "64"), "times ours") is None
    assert TABLE.figure(("nobody", "64"), "rate") is None
    assert REPORT.find("speed") is TABLE
    assert REPORT.find("another") is None


@given(samples, samples)
def test_a_target_is_met_up_to_its_bound(bound: float, value: float) -> None:
    figure = Figure(samples=(value,))
    most = Target(labels=("a",), column="b", at_most=bound)
    least = Target(labels=("a",), column="b", at_least=bound)
    assert most.is_met(figure) == (value <= bound)
    assert least.is_met(figure) == (value >= bound)
