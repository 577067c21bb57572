"""The README's part of the last whole run: one table and one plot, between two markers.

Owns which figures those are, and where they stand. Must not know how they came about. `rewrite` makes it
anew; a test compares the two.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Column, Report
from benchmarks.files import cores, memory, replay
from benchmarks.files.programs import DPKT, EDITCAP, OURS, SCAPY, TCPREWRITE, C
from benchmarks.live import results, rings
from benchmarks.live.mirrors import HANDED_OVER, INLINE, USERSPACE
from benchmarks.pipeline import scaling, sizes
from benchmarks.report import document, markdown, words
from benchmarks.server import api

ROOT = Path(__file__).parent.parent.parent
README, RESULTS = ROOT / "README.md", ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOT = replay.NAME
FULL_FLOOD, TCP = f"{results.NAME}-1514", f"{results.NAME}-tcp"


class Line(NamedTuple):
    """A line of the table: what it says, and which figure that is."""

    says: str
    measurement: str
    labels: tuple[str, ...]
    column: str


MANY = "1,000"
PLAIN = (INLINE, "128", "1", "1")

LINES = (
    Line(
        "pipeline in memory, one core, 10 rules: IMIX, PacketLength 128",
        sizes.NAME,
        ("IMIX", "128"),
        sizes.RATE,
    ),
    Line("… 1514-byte frames, PacketLength 1500", sizes.NAME, sizes.FULL_SIZE, sizes.RATE),
    Line("… of the rate of memcpy of the same bytes", sizes.NAME, sizes.FULL_SIZE, sizes.SHARE),
    Line("… 1,000 rules: time a packet, times that with 10", scaling.RULES, (MANY,), scaling.AGAIN),
    *(
        Line(
            f"… 1,000 sessions, {shape}: time a packet, times that with 10",
            scaling.SESSIONS,
            (shape, MANY),
            scaling.AGAIN,
        )
        for shape in scaling.SHAPES
    ),
    Line("`replay`, a million packets, net of start-up", replay.NAME, (OURS,), replay.RATE),
    *(
        Line(f"… times as fast as {peer}", replay.NAME, (peer,), replay.RATIO)
        for peer in (TCPREWRITE, EDITCAP, C, DPKT, SCAPY)
    ),
    Line("… of the rate of reading and writing the same bytes", replay.NAME, (OURS,), replay.SHARE),
    Line("`replay`, a file of one packet", replay.NAME, (OURS,), replay.START),
    Line("`replay`, two workers: times as fast as one", cores.NAME, ("2",), cores.AGAIN),
    Line("`replay`, 10 GB: memory", memory.NAME, (memory.named(memory.PIPE, memory.LARGE),), memory.SIZE),
    Line(
        "live, 1514-byte frames at PacketLength 128: mirrored in a CPU-second, kernel engine",
        FULL_FLOOD,
        PLAIN,
        results.PER_CPU,
    ),
    Line("… times what `tc mirred` into a VXLAN device does", FULL_FLOOD, PLAIN, results.TO_TC),
    Line("… of what a bare clone and transmit allow", FULL_FLOOD, PLAIN, results.TO_CLONE),
    *(
        Line(f"… {MANY} {what}: CPU time, times that with 10", results.MANY, ("1514", *many), results.AGAIN)
        for what, many in (("rules", (INLINE, "128", MANY, "1")), ("sessions", (INLINE, "128", MANY, MANY)))
    ),
    *(
        Line(f"live, flat-out TCP: source kept, {mirror}", TCP, (mirror,), results.KEPT)
        for mirror in (INLINE, HANDED_OVER, USERSPACE)
    ),
    Line("live, userspace engine, ring to ring, 64-byte packets, one worker", rings.NAME, ("1",), rings.RATE),
    Line("… two workers: times as fast", rings.NAME, ("2",), rings.AGAIN),
    Line("`serve`: durable creates a second over HTTP, 16 clients", api.NAME, (api.CREATES,), api.FIGURE),
    Line("`serve`: seconds to list 10,000 sessions by pages of 100", api.NAME, (api.LISTED,), api.FIGURE),
    *(
        Line(
            f"`serve`: from a session's create to its first packet, {engine} engine",
            api.FIRST,
            (engine,),
            api.WAIT,
        )
        for engine in ("kernel", "userspace")
    ),
)


def part(report: Report) -> str:
    """Return what stands between the markers."""
    folder = RESULTS.relative_to(ROOT)
    rows = [(line.says, _told(report, line)) for line in LINES]
    lines = [
        f"Measured on {words.machine(report.machine)}; {words.pairs(report.pairs)}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {says} | {told} |" for says, told in rows if told != words.NOTHING),
        "",
        f"![file to file]({folder / markdown.picture(PLOT)})",
        "",
        f"[All of it]({folder / document.PAGE}), with every sample in [JSON]({folder / document.JSON}).",
    ]
    return "\n".join(lines)


def _told(report: Report, line: Line) -> str:
    measurement = report.find(line.measurement)
    figure = measurement.figure(line.labels, line.column) if measurement else None
    if measurement is None or figure is None:
        return words.NOTHING
    column = next(each for each in measurement.columns if each.name == line.column)
    return _with_unit(words.figure(figure), column)


def _with_unit(told: str, column: Column) -> str:
    return f"{told} {column.unit}".rstrip()


def placed(text: str, between: str) -> str:
    """Return *text* with *between* between the markers. Raises ValueError where they are missing."""
    before, found_begin, rest = text.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise ValueError(f"there is no {BEGIN} with an {END} behind it")
    return f"{before}{BEGIN}\n{between}\n{END}{after}"


def rewrite() -> None:
    """Make the README's part anew. Raises OSError, ValueError."""
    report = document.load(RESULTS / document.JSON)
    README.write_text(placed(README.read_text(), part(report)))
