"""No figure is kept by hand: the README and the page are made from the last whole run's JSON."""

import re

import pytest

from benchmarks.figures import Report
from benchmarks.report import document, markdown, readme


@pytest.fixture(scope="module")
def last() -> Report:
    return document.load(readme.RESULTS / document.JSON)


def test_the_json_is_as_it_was_written(last: Report) -> None:
    assert (readme.RESULTS / document.JSON).read_text() == last.emit()


def test_the_page_is_made_of_it(last: Report) -> None:
    assert (readme.RESULTS / document.PAGE).read_text() == markdown.page(last)


def test_the_readme_is_made_of_it(last: Report) -> None:
    text = readme.README.read_text()
    assert readme.placed(text, readme.part(last)) == text


def test_the_pictures_are_there(last: Report) -> None:
    shown = set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", markdown.page(last)))
    assert shown == {path.name for path in readme.RESULTS.glob("*.png")}
    assert markdown.picture(readme.PLOT) in shown


def test_it_was_a_whole_run(last: Report) -> None:
    assert not last.quick


def test_every_line_of_the_readme_was_measured_or_left_out(last: Report) -> None:
    for line in readme.LINES:
        measurement = last.find(line.measurement)
        assert measurement is not None, line
        assert measurement.figure(line.labels, line.column) or measurement.left_out, line


def test_what_is_between_the_markers_is_replaced() -> None:
    text = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter"
    once = readme.placed(text, "new")
    assert once == f"before\n{readme.BEGIN}\nnew\n{readme.END}\nafter"
    assert readme.placed(once, "new") == once


@pytest.mark.parametrize("text", ["", readme.BEGIN, readme.END, f"{readme.END}{readme.BEGIN}"])
def test_markers_that_are_missing_are_complained_of(text: str) -> None:
    with pytest.raises(ValueError, match="measured"):
        readme.placed(text, "new")
