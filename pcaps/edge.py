"""Makes the captures of edge cases, and what is expected of them: `python pcaps/edge.py`.

Owns which cases there are, and which file each is written to. Must not know mirrorplane. The packets and
their verdicts stand in `edge_headers.py` and `edge_verdicts.py`; here are those whose point is the file's own
format.
"""

from json import dumps
from pathlib import Path
from struct import pack

from edge_headers import EXTENSIONS, LIES, RUNTS, SNAPPED, STACKS
from edge_packets import Expected, sent, tally, udp
from edge_verdicts import ALSO_MIRRORED, DIRECTIONS, LENGTHS, RULES, UNWANTED
from formats import (
    BEGIN,
    CUSTOM,
    INBOUND,
    NAMES,
    OUTBOUND,
    SECOND,
    STATISTICS,
    Order,
    Record,
    block,
    enhanced,
    interface,
    obsolete,
    pcap,
    pcapng,
    section,
    simple,
    spaced,
)
from yaml import BaseLoader, load

HERE = Path(__file__).parent
EXAMPLE_ENTERPRISE = 32473
"""RFC 5612: the enterprise number of documentation."""

FLOW = [sent(udp(100 + number), "tms-all", 50 + 28 + 100 + number) for number in range(6)]
"""Six datagrams that are all mirrored whole, told apart by their lengths."""

WAYS = (INBOUND, OUTBOUND, INBOUND, INBOUND, OUTBOUND, INBOUND)
TURNED = {INBOUND: "tms-out", OUTBOUND: "tms-in"}
TURNED_FLOW = [case._replace(verdict=TURNED[way]) for case, way in zip(FLOW, WAYS, strict=True)]
"""The same at the host's end of the link, where directions are turned round."""


def records(cases: list[Expected]) -> list[Record]:
    """Return the cases' frames, a millisecond apart."""
    return spaced(case.record for case in cases)


def interfaces() -> bytes:
    """One little-endian section: three interfaces, every kind of packet block, and blocks to skip.

    The first counts microseconds, the second nanoseconds, the third 1024ths of a second from an hour earlier
    on. The simple block has no time, and the blocks to skip are of no use to a mirror.
    """
    order: Order = "<"
    one, two, three, four, five, six = (case.record for case in FLOW)
    hour = 3600
    return b"".join((
        section(order),
        interface(order, snaplen=65535),
        interface(order, resolution=9),
        interface(order, resolution=0x80 | 10, offset=BEGIN // SECOND - hour),
        block(order, NAMES, bytes.fromhex("00000000")),
        enhanced(order, one, BEGIN // 1000),
        enhanced(order, two, BEGIN + SECOND // 10, number=1),
        simple(order, three),
        block(order, 0x7FFF_FFFF, b"nobody knows this kind of block"),
        enhanced(order, four, hour * 1024 + 512, number=2),
        block(order, CUSTOM, pack("<I", EXAMPLE_ENTERPRISE) + b"custom"),
        obsolete(order, five, BEGIN // 1000 + 600_000),
        obsolete(order, six, BEGIN + 700_000_000, number=1, drops=3),
        block(order, STATISTICS, bytes(12)),
    ))  # fmt: skip


def endians() -> bytes:
    """A big-endian section in milliseconds and a little-endian one in nanoseconds, each with directions."""
    milliseconds, nanoseconds = BEGIN // 1_000_000, BEGIN + SECOND
    flow = [Record(case.record.frame, direction=way) for case, way in zip(FLOW, WAYS, strict=True)]
    first = (enhanced(">", record, milliseconds + number) for number, record in enumerate(flow[:3]))
    second = (enhanced("<", record, nanoseconds + number) for number, record in enumerate(flow[3:]))
    return b"".join((
        section(">"), interface(">", resolution=3), *first,
        section("<"), interface("<", resolution=9), *second,
    ))  # fmt: skip


CASES: dict[str, tuple[bytes, list[Expected]]] = {
    "also-mirror.pcap": (pcap(records(ALSO_MIRRORED)), ALSO_MIRRORED),
    "big-endian.pcap": (pcap(records(FLOW), ">"), FLOW),
    "directions.pcap": (pcap(records(DIRECTIONS)), DIRECTIONS),
    "endians.pcapng": (endians(), TURNED_FLOW),
    "extensions.pcap": (pcap(records(EXTENSIONS)), EXTENSIONS),
    "interfaces.pcapng": (interfaces(), FLOW),
    "lengths.pcap": (pcap(records(LENGTHS)), LENGTHS),
    "lies.pcap": (pcap(records(LIES)), LIES),
    "nanoseconds.pcap": (pcap(spaced((case.record for case in FLOW), gap=1), nanoseconds=True), FLOW),
    "rules.pcap": (pcap(records(RULES)), RULES),
    "runts.pcapng": (pcapng(records(RUNTS)), RUNTS),
    "snaplen.pcap": (pcap(records(SNAPPED), snaplen=96), SNAPPED),
    "stacks.pcap": (pcap(records(STACKS)), STACKS),
    "unwanted.pcap": (pcap(records(UNWANTED)), UNWANTED),
}

if __name__ == "__main__":
    for name, (octets, cases) in CASES.items():
        (HERE / name).write_bytes(octets)
        expected = (HERE / name).with_suffix(".json")
        config = load(expected.with_suffix(".yaml").read_bytes(), BaseLoader)  # noqa: S506 - makes only text
        expected.write_text(dumps(tally(cases, config["sessions"]), indent=2) + "\n", encoding="utf-8")
