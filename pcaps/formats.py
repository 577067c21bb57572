"""Capture files, written by hand: pcap and pcapng, also as no tool writes them.

Owns the bytes of files, records and blocks. Must not know what is in a frame. It writes what it is told,
whether or not that makes sense, and no comments or names of machines: a file made here says nothing of where
it was made.

pcap: draft-ietf-opsawg-pcap. pcapng: draft-ietf-opsawg-pcapng, section numbers below.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from struct import pack
from typing import Literal

Order = Literal["<", ">"]
"""As `struct` has it: of a little-endian or a big-endian machine."""

ETHERNET = 1
SNAPLEN = 262_144
SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
"""When the made captures begin: nanoseconds since the epoch."""

MICROSECOND_MAGIC, NANOSECOND_MAGIC = 0xA1B2C3D4, 0xA1B23C4D
SECTION_HEADER, BYTE_ORDER_MAGIC = 0x0A0D0D0A, 0x1A2B3C4D
INTERFACE, OBSOLETE_PACKET, SIMPLE_PACKET, NAMES, STATISTICS, ENHANCED_PACKET = 1, 2, 3, 4, 5, 6
CUSTOM = 0x0BAD
END_OF_OPTIONS, IF_NAME, EPB_FLAGS, IF_TSRESOL, IF_TSOFFSET = 0, 2, 2, 9, 14
INBOUND, OUTBOUND = 1, 2


@dataclass(frozen=True)
class Record:
    """A captured frame: nanoseconds since the epoch, its bytes, and what a file may say besides.

    `original` is its length on the wire where that is more; `direction` INBOUND, OUTBOUND or not said (0).
    """

    frame: bytes
    time: int = BEGIN
    original: int | None = None
    direction: int = 0

    @property
    def wire_length(self) -> int:
        """How long the frame was on the wire."""
        return len(self.frame) if self.original is None else self.original


def spaced(records: Iterable[Record], gap: int = 1_000_000) -> list[Record]:
    """Return the records *gap* nanoseconds apart, from BEGIN on."""
    return [replace(record, time=BEGIN + number * gap) for number, record in enumerate(records)]


def pcap(
    records: Iterable[Record], order: Order = "<", *, nanoseconds: bool = False, snaplen: int = SNAPLEN
) -> bytes:
    """Return a pcap file."""
    magic, unit = (NANOSECOND_MAGIC, 1) if nanoseconds else (MICROSECOND_MAGIC, 1000)
    parts = [pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, ETHERNET)]
    for record in records:
        seconds, rest = divmod(record.time, SECOND)
        lengths = len(record.frame), record.wire_length
        parts.append(pack(f"{order}IIII", seconds, rest // unit, *lengths) + record.frame)
    return b"".join(parts)


def block(order: Order, kind: int, body: bytes) -> bytes:
    """Return a block, its body padded to four bytes (section 3.1)."""
    body = padded(body)
    length = pack(f"{order}I", 12 + len(body))
    return pack(f"{order}I", kind) + length + body + length


def padded(body: bytes) -> bytes:
    """Return *body* with zeros up to the next multiple of four."""
    return body + bytes(-len(body) % 4)


def option(order: Order, code: int, value: bytes) -> bytes:
    """Return an option (section 3.5)."""
    return pack(f"{order}HH", code, len(value)) + padded(value)


def section(order: Order) -> bytes:
    """Return a section header block of unknown length, without options (section 4.1)."""
    return block(order, SECTION_HEADER, pack(f"{order}IHHq", BYTE_ORDER_MAGIC, 1, 0, -1))


def interface(
    order: Order, resolution: int | None = None, offset: int = 0, link_type: int = ETHERNET, snaplen: int = 0
) -> bytes:
    """Return an interface description; times are in microseconds without a *resolution* (section 4.2).

    *resolution* is if_tsresol as it stands in the file; *offset* is if_tsoffset in seconds; no limit has
    *snaplen* 0.
    """
    options = option(order, IF_NAME, b"eth0")
    if resolution is not None:
        options += option(order, IF_TSRESOL, bytes([resolution]))
    if offset:
        options += option(order, IF_TSOFFSET, pack(f"{order}q", offset))
    options += option(order, END_OF_OPTIONS, b"")
    return block(order, INTERFACE, pack(f"{order}HHI", link_type, 0, snaplen) + options)


def enhanced(order: Order, record: Record, units: int, number: int = 0) -> bytes:
    """Return an enhanced packet block of an interface, its time in that interface's *units* (section 4.3)."""
    head = pack(
        f"{order}IIIII", number, units >> 32, units & 0xFFFFFFFF, len(record.frame), record.wire_length
    )
    body = head + padded(record.frame)
    if record.direction:
        flags = option(order, EPB_FLAGS, pack(f"{order}I", record.direction))
        body += flags + option(order, END_OF_OPTIONS, b"")
    return block(order, ENHANCED_PACKET, body)


def simple(order: Order, record: Record) -> bytes:
    """Return a simple packet block: of the first interface, without a time (section 4.4)."""
    return block(order, SIMPLE_PACKET, pack(f"{order}I", record.wire_length) + record.frame)


def obsolete(order: Order, record: Record, units: int, number: int = 0, drops: int = 0xFFFF) -> bytes:
    """Return an obsolete packet block (appendix A); *drops* 0xFFFF is "not known"."""
    lengths = len(record.frame), record.wire_length
    head = pack(f"{order}HHIIII", number, drops, units >> 32, units & 0xFFFFFFFF, *lengths)
    return block(order, OBSOLETE_PACKET, head + record.frame)


def pcapng(records: Iterable[Record], order: Order = "<") -> bytes:
    """Return an ordinary pcapng file: one section and interface, nanoseconds, directions where known."""
    packets = (enhanced(order, record, record.time) for record in records)
    return section(order) + interface(order, resolution=9) + b"".join(packets)
