"""How much memory mirroring takes: the largest resident size of a process.

Owns these figures. Must not know what the memory is for. It does not vary as times do: each is of one run.
"""

import sys
from pathlib import Path

from benchmarks.figures import Column, LeftOut, Measurement, Row, Target, row
from benchmarks.files import captures, repeat
from benchmarks.files.programs import replay
from benchmarks.files.replay import FEW, PACKETS, ROOM, Bench
from benchmarks.files.spent import Spent, spent
from benchmarks.live import largest
from benchmarks.live.network import missing
from benchmarks.measure import Options

NAME = "memory"
LARGE, LARGE_QUICK = 10_000_000_000, 100_000_000
"""Bytes of the large capture."""

STANDARD = Path("-")
SIZE, LASTED = "largest size", "took"
MOST = 300.0
MEGA, GIGA = 1e6, 1e9

FILE, PIPE = "replay, a capture of", "replay, the same through a pipe,"
LIVE = "run, userspace engine, one source, after a flood"


def sizes(options: Options) -> list[Measurement]:
    """Measure all of them that can be."""
    large = LARGE_QUICK if options.quick else LARGE
    rows, left_out = [], []
    with captures.folder(ROOM) as folder:
        bench = Bench(folder, FEW if options.quick else PACKETS)
        rows.append(_row(named(FILE, bench.many.stat().st_size), bench.run(replay(bench.files, bench.many))))
        files = bench.files._replace(output=STANDARD)
        times = -(-large // bench.many.stat().st_size)
        feed = [sys.executable, "-I", "-S", repeat.__file__, str(bench.many), str(times)]
        rows.append(_row(named(PIPE, large), spent(replay(files, STANDARD), feed)))
        if captures.place(large + ROOM) is None:
            why = "there is no room for it"
            left_out.append(LeftOut(what=named(FILE, large), why=why))
        else:
            with captures.folder(large + ROOM) as other:
                path = other / "large.pcap"
                with path.open("wb") as file:
                    repeat.repeat(bench.many, times, file)
                rows.append(_row(named(FILE, large), spent(replay(files, path))))
    why_not = missing()
    if why_not is None:
        rows.append(row((LIVE,), {SIZE: [largest.after_a_flood() / MEGA]}))
    else:
        left_out.append(LeftOut(what=LIVE, why=why_not))
    return [_measurement(rows, left_out)]


def named(what: str, size: int) -> str:
    """Return what was replayed, and its size in bytes."""
    return f"{what} {size / GIGA:.2g} GB"


def _row(name: str, found: Spent) -> Row:
    return row((name,), {SIZE: [found.peak / MEGA], LASTED: [found.seconds]})


def _measurement(rows: list[Row], left_out: list[LeftOut]) -> Measurement:
    return Measurement(
        name=NAME,
        title="Memory: the largest resident size",
        about=("One run each. The large capture is a million packets' records over and over.",),
        labels=("what",),
        columns=(Column(name=SIZE, unit="MB"), Column(name=LASTED, unit="s")),
        rows=tuple(rows),
        targets=tuple(Target(labels=each.labels, column=SIZE, at_most=MOST) for each in rows),
        left_out=tuple(left_out),
    )
