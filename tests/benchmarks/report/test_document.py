"""A report as a folder, with pictures, and rendered again from its JSON."""

from pathlib import Path

from matplotlib.image import imread

from benchmarks.report import document, markdown
from tests.benchmarks.reports import REPORT

PLOTS = [plot.name for measurement in REPORT.measurements for plot in measurement.drawn]


def test_the_folder_has_the_report_the_page_and_its_pictures(tmp_path: Path) -> None:
    document.write(REPORT, tmp_path / "made")
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {document.JSON, document.PAGE, *(markdown.picture(name) for name in PLOTS)}
    assert document.load(tmp_path / "made" / document.JSON) == REPORT
    assert (tmp_path / "made" / document.PAGE).read_text() == markdown.page(REPORT)


def test_a_picture_shows_something(tmp_path: Path) -> None:
    document.write(REPORT, tmp_path)
    for name in PLOTS:
        pixels = imread(tmp_path / markdown.picture(name))
        assert pixels.shape[0] > 100
        assert len({pixel.tobytes() for pixel in pixels.reshape(-1, pixels.shape[2])}) > 2


def test_it_can_be_rendered_again(tmp_path: Path) -> None:
    document.write(REPORT, tmp_path)
    for path in tmp_path.iterdir():
        if path.name != document.JSON:
            path.unlink()
    document.render(document.load(tmp_path / document.JSON), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 + len(PLOTS)
