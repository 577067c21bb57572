"""File to file: `mirrorplane replay` against what else there is, and against reading and writing alone.

Owns these comparisons. Must not know command lines. On a million packets each time is net of start-up: less
that of the same command on one packet, the median of the same run. On ten million it is that of the whole
process.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.figures import (
    PERCENT,
    Column,
    LeftOut,
    Measurement,
    Plot,
    Row,
    Target,
    over,
    row,
    scaled,
    share,
)
from benchmarks.files import captures
from benchmarks.files.programs import (
    DOES,
    EDITCAP,
    LIMIT,
    OURS,
    OURS_ALONE,
    SCRIPTS,
    TCPDUMP,
    TCPREWRITE,
    Files,
    Program,
    blocks,
    programs,
)
from benchmarks.files.repeat import repeat
from benchmarks.files.spent import Spent, beyond, median, spent
from benchmarks.measure import Options
from benchmarks.traffic import Traffic, of_one_source, rules, traffic

NAME, LARGE = "replay", "replay-large"
PACKETS, FEW = 1_000_000, 20_000
N_LARGE, LARGER = 10, 10
"""Times that the records are repeated, and bytes of room for each of input: two files, and as much again."""

N_RULES, PACKET_LENGTH = 10, 128
MILLION, GIGA, NANO = 1e6, 1e9, 1e9
ROOM = 2 << 30
STARTS = 3
"""Runs on one packet beside each on all."""

START, WHOLE, CPU = "1 packet", "all packets", "CPU"
RATE, RATIO, CPU_RATIO = "rate", "mirrorplane's rate, times it", "its CPU time, times mirrorplane's"
SHARE = "share of read and write alone"
PEAK = "largest size"

ABOUT = (
    f"IMIX, {N_RULES} rules, PacketLength {PACKET_LENGTH}; input and output where no disk is behind them, if"
    " there is room. Not all do the same: tcprewrite, editcap and tcpdump neither decide nor wrap.",
    f"{TCPDUMP} copies whole packets: -s has no effect on what -r reads.",
    f"{LIMIT}: a process that reads the same input and writes as many bytes as mirrorplane, in large blocks.",
)

Sides = dict[tuple[str, str], Callable[[], Spent]]


class Bench:
    """A folder with input, configuration and rules, and the programs that there are."""

    def __init__(self, folder: Path, n_packets: int) -> None:
        by = rules(N_RULES)
        self.packets = traffic("IMIX", n_packets, of_one_source(by))
        self.many, self.one = folder / "many.pcap", folder / "one.pcap"
        self.files = Files(folder / "bench.yaml", folder / "rules", folder / "out.pcap", PACKET_LENGTH)
        captures.write_configuration(self.files.configuration, by, PACKET_LENGTH)
        captures.write_rules(self.files.rules, by)
        captures.write_pcap(self.many, self.packets)
        captures.write_pcap(self.one, first(self.packets, 1))
        self.programs, self.left_out = programs(self.files, folder)

    def run(self, command: list[str]) -> Spent:
        """Run a command into a file that is not there, or it would pay for emptying it."""
        self.files.output.unlink(missing_ok=True)
        return spent(command)

    def start(self, command: list[str]) -> Spent:
        """Run a command that has next to nothing to do a few times; return the median."""
        return median([self.run(command) for _ in range(STARTS)])

    def limit(self, path: Path) -> Program:
        """Return what reads *path* and writes as many bytes as we do of it."""
        self.run(self.programs[OURS].command(path))
        return Program(partial(blocks, self.files, path.stat().st_size, self.files.output.stat().st_size))


def first(packets: Traffic, count: int) -> Traffic:
    """Return the first *count* frames."""
    return Traffic(packets.data, packets.offsets[:count], packets.lengths[:count], packets.sources[:count])


def compare(options: Options) -> list[Measurement]:
    """Measure a million packets net of start-up."""
    n_packets = FEW if options.quick else PACKETS
    with captures.folder(ROOM) as folder:
        bench = Bench(folder, n_packets)
        every = {**bench.programs, LIMIT: bench.limit(bench.many)}
        counts = {name: max(n_packets // program.slow, 1) for name, program in every.items()}
        inputs = {count: _input(bench, folder, count) for count in set(counts.values())}
        sides: dict[str, Callable[[], Spent]] = {}
        for name, program in every.items():
            sides[f"{name} {START}"] = partial(bench.start, program.command(bench.one))
            sides[f"{name} {WHOLE}"] = partial(bench.run, program.command(inputs[counts[name]]))
        taken = measure.alternating(sides, options.pairs)
    return [_net(counts, taken, bench.left_out)]


def _input(bench: Bench, folder: Path, count: int) -> Path:
    """Return the file of the first *count* packets."""
    if count == bench.packets.lengths.size:
        return bench.many
    path = folder / f"{count}.pcap"
    captures.write_pcap(path, first(bench.packets, count))
    return path


def _net(counts: dict[str, int], taken: dict[str, list[Spent]], left_out: list[LeftOut]) -> Measurement:
    starts = {name: taken[f"{name} {START}"] for name in counts}
    wholes = {name: taken[f"{name} {WHOLE}"] for name in counts}
    compared = _compared(counts, {name: beyond(wholes[name], starts[name]) for name in counts})
    own = {name: {START: _seconds(starts[name]), WHOLE: _seconds(wholes[name])} for name in counts}
    rows = _rows(counts, own, compared)
    return _measurement(NAME, "File to file; CPU and rate net of start-up", COLUMNS, rows, left_out)


Figures = dict[str, dict[str, list[float] | None]]
"""By program, then by column."""


def _compared(counts: dict[str, int], taken: dict[str, list[Spent]]) -> Figures:
    """Return what each program's packets cost, and how ours compare: by rates, a second and a CPU-second."""
    rates = {name: _rates(counts[name], _seconds(times)) for name, times in taken.items()}
    by_cpu = {name: _rates(counts[name], [each.cpu for each in times]) for name, times in taken.items()}
    return {
        name: {
            CPU: scaled([each.cpu for each in taken[name]], NANO / counts[name]),
            RATE: rates[name],
            RATIO: None if name == OURS else over(rates[OURS], rates[name]),
            CPU_RATIO: None if name == OURS else over(by_cpu[OURS], by_cpu[name]),
            SHARE: share(rates[name], rates[LIMIT]),
        }
        for name in taken
    }


def _rows(counts: dict[str, int], *every: Mapping[str, Mapping[str, list[float] | None]]) -> list[Row]:
    return [
        row(
            (name, DOES[name], f"{count:,}"),
            {column: samples for figures in every for column, samples in figures[name].items()},
        )
        for name, count in counts.items()
    ]


def _seconds(times: Sequence[Spent]) -> list[float]:
    return [each.seconds for each in times]


def _rates(count: int, seconds: Sequence[float]) -> list[float]:
    return over([count / MILLION] * len(seconds), seconds)


_COMPARED = (
    Column(name=CPU, unit="ns a packet"),
    Column(name=RATE, unit="Mpps"),
    Column(name=RATIO),
    Column(name=CPU_RATIO),
    Column(name=SHARE, unit=PERCENT),
)

COLUMNS = (
    *(Column(name=name, unit="s") for name in (START, WHOLE)),
    *_COMPARED,
)


def _measurement(
    name: str, title: str, columns: tuple[Column, ...], rows: list[Row], left_out: list[LeftOut]
) -> Measurement:
    return Measurement(
        name=name,
        title=title,
        about=ABOUT,
        labels=("who", "does", "packets"),
        columns=columns,
        rows=tuple(rows),
        targets=tuple(
            Target(labels=each.labels, column=column, at_most=most, at_least=least)
            for each in rows
            for who, column, most, least in TARGETS[name]
            if each.labels[0] == who
        ),
        plots=(Plot(name=name, kind="bars", columns=(RATE,), ours=(OURS, OURS_ALONE), log=True),),
        left_out=tuple(left_out),
    )


TARGETS: dict[str, tuple[tuple[str, str, float | None, float | None], ...]] = {
    NAME: ((OURS, START, 1.0, None), (TCPREWRITE, RATIO, None, 3.0), (EDITCAP, RATIO, None, 1.5)),
    LARGE: ((TCPREWRITE, RATIO, None, 1.0), (EDITCAP, RATIO, None, 1.0)),
}
"""By measurement: whose figure of which column is to be at most, or at least, what."""

LARGE_TITLE = "File to file, whole processes"
LARGE_COLUMNS = (
    Column(name=WHOLE, unit="s"),
    Column(name=PEAK, unit="MB"),
    *_COMPARED,
)


def compare_large(options: Options) -> list[Measurement]:
    """Measure whole processes on ten million packets, where those have room in memory."""
    n_packets = FEW if options.quick else PACKETS
    with captures.folder(ROOM) as folder:
        bench = Bench(folder, n_packets)
        room = bench.many.stat().st_size * (N_LARGE + LARGER)
        if captures.in_memory() < room:
            why = LeftOut(what=LARGE, why=f"{room / GIGA:.0f} GB in {captures.MEMORY} are wanted")
            return [_measurement(LARGE, LARGE_TITLE, LARGE_COLUMNS, [], [why])]
        taken = _large(bench, folder, options.pairs)
    slow = [
        LeftOut(what=name, why="too slow for so many packets") for name in SCRIPTS if name in bench.programs
    ]
    counts = dict.fromkeys(taken, n_packets * N_LARGE)
    own = {
        name: {WHOLE: _seconds(times), PEAK: scaled([each.peak for each in times], 1 / MILLION)}
        for name, times in taken.items()
    }
    rows = _rows(counts, own, _compared(counts, taken))
    return [_measurement(LARGE, LARGE_TITLE, LARGE_COLUMNS, rows, [*bench.left_out, *slow])]


def _large(bench: Bench, folder: Path, pairs: int) -> dict[str, list[Spent]]:
    large = folder / "large.pcap"
    with large.open("wb") as file:
        repeat(bench.many, N_LARGE, file)
    every = {name: program for name, program in bench.programs.items() if name not in SCRIPTS}
    every[LIMIT] = bench.limit(large)
    sides = {name: partial(bench.run, program.command(large)) for name, program in every.items()}
    return measure.alternating(sides, pairs)
