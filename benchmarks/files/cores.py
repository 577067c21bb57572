"""`mirrorplane replay` by number of workers.

Owns that comparison. Must not know how work is shared out. Whether there is such a choice is asked of the
program itself.
"""

from functools import partial

from benchmarks import measure
from benchmarks.figures import Column, LeftOut, Measurement, Plot, Row, over, row
from benchmarks.files import captures
from benchmarks.files.programs import WORKERS, has_workers, replay
from benchmarks.files.repeat import repeat
from benchmarks.files.replay import FEW, MILLION, N_RULES, PACKET_LENGTH, PACKETS, ROOM, Bench
from benchmarks.files.spent import Spent, beyond
from benchmarks.measure import Options

NAME = "cores"
MANY_TIMES = 4
"""Times that the records are repeated: one worker is to be at work for some tenths of a second."""

RATE, AGAIN, CPU = "rate, net of start-up", "times one worker's", "CPU, net of start-up"
COLUMNS = (
    Column(name=RATE, unit="Mpps"),
    Column(name=AGAIN),
    Column(name=CPU, unit="s"),
)


def by_workers(options: Options) -> list[Measurement]:
    """Measure it where `replay` can be told how many."""
    if not has_workers():
        return [_measurement([], LeftOut(what=NAME, why=f"this replay has no {WORKERS}"))]
    numbers = range(1, len(measure.cpus()) + 1)
    n_packets = FEW if options.quick else PACKETS
    with captures.folder(ROOM * MANY_TIMES) as folder:
        bench = Bench(folder, n_packets)
        large = folder / "large.pcap"
        with large.open("wb") as file:
            repeat(bench.many, MANY_TIMES, file)
        sides = {
            f"{number} {path.stem}": partial(run, replay(bench.files, path, WORKERS, str(number)))
            for number in numbers
            for path, run in ((bench.one, bench.start), (large, bench.run))
        }
        taken = measure.alternating(sides, options.pairs)
    nets = {
        number: beyond(taken[f"{number} {large.stem}"], taken[f"{number} {bench.one.stem}"])
        for number in numbers
    }
    return [_measurement([_row(number, n_packets * MANY_TIMES, nets) for number in numbers])]


def _row(number: int, count: int, nets: dict[int, list[Spent]]) -> Row:
    seconds = {each: [spent.seconds for spent in found] for each, found in nets.items()}
    figures = {
        RATE: over([count / MILLION] * len(seconds[number]), seconds[number]),
        AGAIN: over(seconds[1], seconds[number]),
        CPU: [spent.cpu for spent in nets[number]],
    }
    return row((str(number),), figures)


def _measurement(rows: list[Row], *left_out: LeftOut) -> Measurement:
    return Measurement(
        name=NAME,
        title="File to file by number of workers",
        about=(
            f"IMIX, {N_RULES} rules, PacketLength {PACKET_LENGTH}, {PACKETS * MANY_TIMES:,} packets; input"
            " and output where no disk is behind them, if there is room.",
        ),
        labels=("workers",),
        columns=COLUMNS,
        rows=tuple(rows),
        plots=(Plot(name=NAME, kind="lines", columns=(AGAIN,), along="workers"),),
        left_out=left_out,
    )
