"""`python -m benchmarks [NAME ...]`: one report of all measurements, or of those named."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine, measure
from benchmarks.figures import LeftOut, Measurement, Report
from benchmarks.files import cores, memory, replay
from benchmarks.files.spent import FailedProgramError
from benchmarks.live import rings, rounds
from benchmarks.measure import Options
from benchmarks.pipeline import scaling, sizes
from benchmarks.report import document, readme, terminal
from benchmarks.server import api
from mirrorplane.cli.outcome import FailedError, exit_codes
from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.lab.namespaces import LabError

ALL: dict[str, Callable[[Options], list[Measurement]]] = {
    sizes.NAME: sizes.sizes,
    scaling.RULES: scaling.by_rules,
    scaling.SESSIONS: scaling.by_sessions,
    replay.NAME: replay.compare,
    replay.LARGE: replay.compare_large,
    cores.NAME: cores.by_workers,
    memory.NAME: memory.sizes,
    "live": rounds.compare,
    rings.NAME: rings.compare,
    api.NAME: api.measure,
}
QUICK = Options(pairs=1, seconds=0.3, quick=True)


def main() -> None:
    """Do what the command line says."""
    asked = _asked()
    with exit_codes():
        if asked.render is not None:
            _render(asked.render)
        elif asked.readme:
            readme.rewrite()
        else:
            _measure(asked.names or list(ALL), _options(asked), asked.into)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="write report.json, report.md and plots there"
    )
    parser.add_argument("--pairs", type=_positive, help=f"how often each is measured ({measure.PAIRS})")
    parser.add_argument("--seconds", type=float, help=f"of a live flood ({Options().seconds})")
    parser.add_argument("--quick", action="store_true", help="to see that it works: a pair, little work")
    other = parser.add_argument_group("without measuring")
    other.add_argument("--render", type=Path, metavar="REPORT.json", help="render it again, beside it")
    other.add_argument(
        "--readme", action="store_true", help="rewrite the README's part from the last whole run"
    )
    asked = parser.parse_args()
    for name in asked.names:
        if name not in ALL:
            parser.error(f"no measurement is called {name}; there are: {', '.join(ALL)}")
    return asked


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _options(asked: argparse.Namespace) -> Options:
    default = QUICK if asked.quick else Options()
    return Options(asked.pairs or default.pairs, asked.seconds or default.seconds, asked.quick)


def _measure(names: list[str], options: Options, into: Path | None) -> None:
    """Measure, show each measurement as it comes, and keep what there is, also of what is interrupted.

    Raises FailedError at the end if one failed.
    """
    failed = []
    to = terminal.console()
    report = Report(
        made=time.strftime("%Y-%m-%d"),
        machine=machine.machine(),
        versions=machine.versions(),
        pairs=options.pairs,
        quick=options.quick,
        measurements=(),
    )
    terminal.head(report, to)
    for name in names:
        measure.say(f"{name} ...")
        try:
            found = tuple(ALL[name](options))
        except (FailedError, FailedProgramError, LabError, RefusedError, OSError) as error:
            failed.append(name)
            found = (_failed(name, error),)
        for measurement in found:
            terminal.show(measurement, to)
        report = report.model_copy(update={"measurements": report.measurements + found})
        if into is not None:
            document.write(report, into)
    if failed:
        raise FailedError(f"{', '.join(failed)}: failed, and left out")


def _failed(name: str, error: Exception) -> Measurement:
    """Return what is left of a measurement that failed; the others go on."""
    why = LeftOut(what=name, why=f"it failed: {error}")
    return Measurement(name=name, title=name, labels=(), columns=(), rows=(), left_out=(why,))


def _render(path: Path) -> None:
    report = document.load(path)
    document.render(report, path.parent)
    terminal.whole(report, terminal.console())


if __name__ == "__main__":
    main()
