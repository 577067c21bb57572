"""The command: a report of what is asked for, rendered again without measuring."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.figures import LeftOut, Measurement, Report
from benchmarks.measure import Options
from benchmarks.report import document, markdown
from mirrorplane.cli.outcome import FailedError
from tests.benchmarks.reports import TABLE

COMMAND = [sys.executable, "-m", "benchmarks"]
ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder of a quick run of what is cheap, and what it said."""
    folder = tmp_path_factory.mktemp("made")
    done = run("pipeline", "rules", "--quick", "--into", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_quick_run_measures_what_is_asked_for(made: tuple[Path, str]) -> None:
    report = document.load(made[0] / document.JSON)
    assert report.quick
    assert [each.name for each in report.measurements] == ["pipeline", "rules"]
    for measurement in report.measurements:
        for row in measurement.rows:
            assert set(row.figures) == {column.name for column in measurement.columns}
            assert all(figure.low > 0 for figure in row.figures.values())
            assert all(len(figure.samples) == report.pairs for figure in row.figures.values())


def test_a_target_is_of_something_that_is_measured(made: tuple[Path, str]) -> None:
    report = document.load(made[0] / document.JSON)
    targets = [(each, target) for each in report.measurements for target in each.targets]
    assert targets
    assert all(each.figure(target.labels, target.column) for each, target in targets)


def test_it_is_shown_and_written(made: tuple[Path, str]) -> None:
    folder, said = made
    report = document.load(folder / document.JSON)
    assert (folder / document.PAGE).read_text() == markdown.page(report)
    for measurement in report.measurements:
        assert measurement.title in said
        assert all((folder / markdown.picture(plot.name)).exists() for plot in measurement.drawn)


def test_it_is_rendered_again_without_measuring(made: tuple[Path, str], tmp_path: Path) -> None:
    report = document.load(made[0] / document.JSON)
    changed = report.model_copy(update={"made": "1999-12-31"})
    (tmp_path / document.JSON).write_text(changed.emit())
    done = run("--render", str(tmp_path / document.JSON))
    assert done.returncode == 0, done.stderr
    assert "1999-12-31" in (tmp_path / document.PAGE).read_text()
    assert Report.parse((tmp_path / document.JSON).read_text()) == changed
    assert report.measurements[0].title in done.stdout


def test_one_that_fails_is_left_out_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_options: Options) -> list[Measurement]:
        raise FailedError("no luck")

    monkeypatch.setitem(command.ALL, "rules", fail)
    monkeypatch.setitem(command.ALL, "pipeline", lambda _options: [TABLE])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "rules", "pipeline", "--into", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    failed, measured = document.load(tmp_path / document.JSON).measurements
    assert failed.left_out == (LeftOut(what="rules", why="it failed: no luck"),)
    assert measured == TABLE


def test_names_that_are_unknown_are_refused() -> None:
    done = run("nonsense")
    assert done.returncode == 2
    assert "no measurement is called nonsense" in done.stderr
