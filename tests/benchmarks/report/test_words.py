"""Figures and targets as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure
from benchmarks.report import words
from tests.benchmarks.reports import MACHINE, TABLE


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (999.6, "1,000"),
        (1234567.0, "1,234,567"),
        (-0.5, "-0.500"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, said: str) -> None:
    assert words.number(value) == said


@given(st.floats(1e-6, 1e12))
def test_a_number_is_never_far_from_what_it_says(value: float) -> None:
    said = words.number(value)
    assert "e" not in said
    assert float(said.replace(",", "")) == pytest.approx(value, rel=5.1e-3)


def test_a_figure_says_its_range_where_it_has_one() -> None:
    assert words.figure(Figure(samples=(3, 1, 2))) == "2.00 (1.00 to 3.00)"
    assert words.figure(Figure(samples=(2,))) == "2.00"
    assert words.figure(None) == words.NOTHING


def test_each_target_says_whether_it_is_met() -> None:
    assert words.targets(TABLE) == [
        "us, 64: rate at least 1.50 Mpps: 2.00 (1.00 to 3.00), met",
        "us, 1,514: rate at most 12.0 Mpps: 12.3, missed",
        "them, 64: times ours at most 2.00: not measured",
    ]


def test_what_was_left_out_is_said_with_the_reason() -> None:
    assert words.left_out(TABLE) == ["left out: others (not installed)"]


def test_the_machine_is_a_line() -> None:
    assert words.machine(MACHINE) == (
        "4 x Some CPU (2 usable), caches L1d 48 KiB, L3 32 MiB, 8 GiB of memory, Linux 6.1, Python 3.11.7"
    )
    assert words.versions({"this": "1.2", "that": ""}) == "this 1.2, that not installed"
