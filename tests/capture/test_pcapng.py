"""The walk over pcapng files: sections, interfaces, clocks, options, every cut, any bytes at all."""

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from struct import pack

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcapng

from mirrorplane.batch import EGRESS, INGRESS, UNKNOWN
from mirrorplane.capture.file import open_capture
from tests.capture.captures import (
    BIG,
    LITTLE,
    ORDERS,
    Row,
    block,
    enhanced,
    interface,
    obsolete,
    options,
    read_file,
    section,
    simple,
)

FLAGS, RESOLUTION, FCS_LENGTH, OFFSET, COMMENT = 2, 9, 13, 14, 1
LAST = 2**63 - 1
SECOND = 10**9

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes blocks to a file."""

    def to_file(*blocks: bytes) -> Path:
        path = tmp_path / "a.pcapng"
        path.write_bytes(b"".join(blocks))
        return path

    return to_file


def test_literal_bytes(write: Write) -> None:
    path = write(
        bytes.fromhex(
            "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000"
            "01000000 14000000 0100 0000 00000400 14000000"
            "06000000 24000000 00000000 01000000 00000000 03000000 05000000 aabbcc00 24000000"
        )
    )
    assert read_file(path) == ([Row(b"\xaa\xbb\xcc", 2**32 * 1000, 5)], None)


@pytest.mark.parametrize("order", ORDERS)
def test_all_packet_blocks(write: Write, order: str) -> None:
    path = write(
        section(order),
        interface(order, snaplen=6),
        simple(order, b"no time"[:6], original=7),
        enhanced(order, 1_000_001, b"enhanced", original=99),
        simple(order, b"same"),
        obsolete(order, 2_000_002, b"obsolete"),
    )
    assert read_file(path, rows=3, source=9) == (
        [
            Row(b"no tim", 0, 7, source=9),
            Row(b"enhanced", 1_000_001_000, 99, source=9),
            Row(b"same", 1_000_001_000, 4, source=9),
            Row(b"obsolete", 2_000_002_000, 8, source=9),
        ],
        None,
    )


def test_sections_of_either_order_with_interfaces_of_their_own(write: Write) -> None:
    path = write(
        section(LITTLE),
        interface(LITTLE),
        interface(LITTLE, listed=[(RESOLUTION, b"\x09")]),
        enhanced(LITTLE, 1, b"us", of=0),
        enhanced(LITTLE, 1, b"ns", of=1),
        section(BIG, length=1234),
        interface(BIG, listed=[(RESOLUTION, b"\x03")]),
        enhanced(BIG, 1, b"ms"),
        section(BIG),
        section(LITTLE),
        interface(LITTLE, listed=[(RESOLUTION, b"\x00")]),
        enhanced(LITTLE, 1, b"s"),
    )
    assert read_file(path) == (
        [
            Row(b"us", 1_000, 2),
            Row(b"ns", 1, 2),
            Row(b"ms", 1_000_000, 2),
            Row(b"s", SECOND, 1),
        ],
        None,
    )


@pytest.mark.parametrize("order", ORDERS)
def test_directions_come_from_the_packets_flags(write: Write, order: str) -> None:
    flags = {0b00: UNKNOWN, 0b01: INGRESS, 0b10: EGRESS, 0b11: UNKNOWN, 0b101: INGRESS, 0xFFFF0002: EGRESS}
    listed = [[(COMMENT, b"odd"), (FLAGS, pack(order + "I", value))] for value in flags]
    path = write(
        section(order),
        interface(order),
        enhanced(order, 0, b"none"),
        *(enhanced(order, 0, b"e", listed=each) for each in listed),
        *(obsolete(order, 0, b"o", listed=each) for each in listed),
    )
    directions = [row.direction for row in read_file(path).rows]
    assert directions == [UNKNOWN, *flags.values(), *flags.values()]


def test_what_is_no_packet_is_skipped(write: Write) -> None:
    others = [
        block(LITTLE, 4, b"names..."),
        block(LITTLE, 5, bytes(12)),
        block(LITTLE, 10, b"keys"),
        block(LITTLE, 0xBAD, pack("<I", 1) + b"custom.."),
        block(LITTLE, 0x40000BAD, bytes(8)),
        block(LITTLE, 0xDEADBEEF, b""),
    ]
    blocks = [section(LITTLE), *others, interface(LITTLE), *others, enhanced(LITTLE, 1, b"seen"), *others]
    assert read_file(write(*blocks)) == ([Row(b"seen", 1000, 4)], None)


def test_a_skipped_block_may_be_longer_than_any_buffer(write: Write) -> None:
    long = block(LITTLE, 10, bytes(9 << 20))
    path = write(section(LITTLE), long, interface(LITTLE), enhanced(LITTLE, 1, b"seen"), long, b"")
    assert read_file(path) == ([Row(b"seen", 1000, 4)], None)
    path.write_bytes(path.read_bytes()[:-1])
    found = read_file(path)
    at = 28 + len(long) + 20 + 36
    assert found.error == f"{path}: byte {at}: cut short: {len(long) - 1} of {len(long)} bytes are there"


def test_reads_what_scapy_and_dpkt_write(write: Write) -> None:
    path = write()
    frames = [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Raw(bytes(n)) for n in range(9)]
    for n, frame in enumerate(frames):
        frame.time = 1_600_000_000 + n
    wrpcapng(str(path), frames)
    found = read_file(path)
    assert [row.data for row in found.rows] == [bytes(frame) for frame in frames]
    assert [row.time for row in found.rows] == [(1_600_000_000 + n) * SECOND for n in range(9)]

    path = write(
        bytes(dpkt.pcapng.SectionHeaderBlock()),
        bytes(dpkt.pcapng.InterfaceDescriptionBlock(snaplen=1500)),
        bytes(dpkt.pcapng.EnhancedPacketBlock(iface_id=0, ts_high=0, ts_low=77, pkt_data=b"network order")),
    )
    assert read_file(path) == ([Row(b"network order", 77_000, 13)], None)


def exact(units: int, resolution: int) -> int:
    """Return floor of the time in nanoseconds, the slow and certain way."""
    base = 2 if resolution & 0x80 else 10
    return int(Fraction(units * SECOND, base ** (resolution & 0x7F)))


@pytest.mark.parametrize("order", ORDERS)
def test_every_resolution_is_exact(write: Write, order: str) -> None:
    resolutions = range(256)
    units = [1, 999, 2**31, 2**32 - 1, 2**32, 0x0123_4567_89AB_CDEF, 2**63, 2**64 - 1]
    blocks = [section(order), *(interface(order, listed=[(RESOLUTION, bytes([r]))]) for r in resolutions)]
    cases = [(r, n) for r in resolutions for n in units if exact(n, r) <= LAST]
    path = write(*blocks, *(enhanced(order, n, b"", of=r) for r, n in cases))
    found = read_file(path, rows=500)
    assert found.error is None
    assert [row.time for row in found.rows] == [exact(n, r) for r, n in cases]


@settings(max_examples=200)
@given(st.integers(0, 255), st.integers(0, 2**64 - 1), st.integers(-(2**33), 2**33))
def test_any_clock_is_exact_or_beyond(resolution: int, units: int, offset: int) -> None:
    listed = [(RESOLUTION, bytes([resolution])), (OFFSET, pack(">q", offset))]
    with tempfile.NamedTemporaryFile() as file:
        file.write(section(BIG) + interface(BIG, listed=listed) + enhanced(BIG, units, b"when"))
        file.flush()
        found = read_file(file.name)
    time = exact(units, resolution) + offset * SECOND
    if max(time, exact(units, resolution)) > LAST:
        assert found == ([], f"{file.name}: byte 72: the packet's time is beyond the year 2262")
    else:
        assert found == ([Row(b"when", time, 4)], None)


@pytest.mark.parametrize("order", ORDERS)
def test_the_offset_of_an_interface_is_added(write: Write, order: str) -> None:
    offsets = [1_500_000_000, -3, 9_223_372_036]
    path = write(
        section(order),
        *(interface(order, listed=[(OFFSET, pack(order + "q", n))]) for n in offsets),
        *(enhanced(order, 1_000_000, b"", of=n) for n in range(2)),
        enhanced(order, 854_775, b"", of=2),
        enhanced(order, 854_776, b"", of=2),
    )
    found = read_file(path)
    assert [row.time for row in found.rows] == [
        1_500_000_001 * SECOND,
        -2 * SECOND,
        9_223_372_036_854_775_000,
    ]
    assert found.error is not None
    assert found.error.endswith("the packet's time is beyond the year 2262")


def test_frame_check_sequences_are_taken_off(write: Write) -> None:
    fcs_in_flags = [(FLAGS, pack("<I", 4 << 5))]
    path = write(
        section(LITTLE),
        interface(LITTLE),
        *(interface(LITTLE, listed=[(FCS_LENGTH, n)]) for n in (b"\4", b"\x20")),
        enhanced(LITTLE, 0, b"frame+fcs!", listed=fcs_in_flags),
        enhanced(LITTLE, 0, b"frame+fcs!", of=1),
        enhanced(LITTLE, 0, b"frame+fc", 10, of=2),
    )
    rows = read_file(path).rows
    assert [(row.data, row.wire_length) for row in rows] == [(b"frame+", 6)] * 3


@pytest.mark.parametrize(
    ("resolution", "finer"),
    [
        (b"\x06", False),
        (b"\x07", True),
        (b"\x09", True),
        (b"\x00", False),
        (b"\x86", False),
        (b"\x87", True),
        (b"\xff", True),
    ],
)
def test_a_finer_interface_is_known_early(write: Write, resolution: bytes, finer: bool) -> None:
    path = write(
        section(LITTLE),
        interface(LITTLE),
        block(LITTLE, 5, bytes(12)),
        interface(LITTLE, listed=[(RESOLUTION, resolution)]),
        enhanced(LITTLE, 1, b"x"),
    )
    capture = open_capture(path, 0)
    assert capture.finer_than_microsecond is finer
    capture.close()


SMALL = [
    section(LITTLE, listed=[(COMMENT, b"odd")]),
    interface(LITTLE, listed=[(RESOLUTION, b"\x09")]),
    enhanced(LITTLE, 1, b"first"),
    block(LITTLE, 5, bytes(12)),
    simple(LITTLE, b"second"),
    section(BIG),
    interface(BIG),
    enhanced(BIG, 2, b"third", listed=[(FLAGS, bytes(4))]),
    obsolete(BIG, 3, b"fourth"),
    block(BIG, 77, b""),
]
PACKETS = {2: b"first", 4: b"second", 7: b"third", 8: b"fourth"}


def test_every_cut_gives_what_is_whole_and_then_its_place(write: Write) -> None:
    borders = [sum(len(each) for each in SMALL[:n]) for n in range(len(SMALL) + 1)]
    whole = b"".join(SMALL)
    for length in range(1, len(whole) + 1):
        path = write(whole[:length])
        found = read_file(path, rows=2)
        n_whole = sum(border <= length for border in borders) - 1
        assert [row.data for row in found.rows] == [data for n, data in PACKETS.items() if n < n_whole]
        if length in borders:
            assert found.error is None
        elif length < 4:
            begin = whole[:length].hex(" ")
            assert found.error == f"{path}: byte 0: neither pcap nor pcapng: it begins with {begin}"
        else:
            at = borders[n_whole]
            assert found.error is not None
            assert found.error.startswith(f"{path}: byte {at}: cut short: {length - at} of ")


def broken_blocks() -> dict[str, list[bytes]]:
    """Return what is wrong -> blocks, the last of which is what is wrong with it, behind one whole packet."""
    le = LITTLE
    start = [section(le), interface(le), interface(le, link=113), enhanced(le, 1, b"whole")]
    trailer_off = enhanced(le, 1, b"four")[:-4] + pack("<I", 40)
    long_option = block(le, 6, bytes(20) + pack("<HH", FLAGS, 5) + bytes(4))
    skipped = block(le, 5, bytes(4))[:-4] + pack("<I", 20)
    too_much = block(le, 6, pack("<IIIII", 0, 0, 0, 20, 20))
    wrong = {
        "link type 113 (LINUX_SLL) is not Ethernet": enhanced(le, 1, b"cooked", of=1),
        "the packet's interface 7 is not described": enhanced(le, 1, b"whose", of=7),
        "20 captured bytes are more than the block, or any frame, holds": too_much,
        "9 captured bytes are more than the block, or any frame, holds": simple(le, b"captured", original=9),
        "the block does not end with its length, 36": trailer_off,
        "the block does not end with its length, 16": skipped,
        "an option of the block has a wrong length": long_option,
        "a block of this type cannot be 28 bytes long": block(le, 6, bytes(16)),
        "a block of this type cannot be 8 bytes long": pack("<III", 5, 8, 8),
        "a block of this type cannot be 13 bytes long": pack("<III", 5, 13, 0) + bytes(4),
        "a block of this type cannot be 0 bytes long": bytes(12),
        "a block of 2097156 bytes: none with a packet is longer than 2097152": pack("<III", 6, 0x200004, 0),
        "the packet's time is beyond the year 2262": enhanced(le, 2**63, b"when"),
        "pcapng version 2 is not supported, only 1": section(le, version=2),
        "the section header has no byte-order magic": block(le, 0x0A0D0D0A, bytes(16)),
        "the interface's time offset of 9223372037 s is beyond the year 2262": interface(
            le, listed=[(OFFSET, pack("<q", 9_223_372_037))]
        ),
    }
    return {reason: [*start, last] for reason, last in wrong.items()}


@pytest.mark.parametrize("reason", broken_blocks())
def test_a_broken_block_is_named_with_its_place_behind_what_is_whole(write: Write, reason: str) -> None:
    blocks = broken_blocks()[reason]
    path = write(*blocks, enhanced(LITTLE, 2, b"behind it"))
    at = sum(len(each) for each in blocks[:-1])
    assert read_file(path) == ([Row(b"whole", 1000, 5)], f"{path}: byte {at}: {reason}")


@pytest.mark.parametrize(
    "listed",
    [
        pack("<HH", RESOLUTION, 2) + bytes(4),
        pack("<HH", RESOLUTION, 8),
        pack("<HH", OFFSET, 4) + bytes(4),
        pack("<HH", COMMENT, 0xFFFF) + bytes(4),
    ],
)
def test_options_of_an_interface_that_cannot_be_are_an_error(write: Write, listed: bytes) -> None:
    described = block(LITTLE, 1, pack("<HHI", 1, 0, 0) + listed)
    path = write(section(LITTLE), described, enhanced(LITTLE, 1, b"x"))
    assert read_file(path) == ([], f"{path}: byte 28: an option of the block has a wrong length")


def test_options_end_where_they_say(write: Write) -> None:
    behind_the_end = options(LITTLE, [(COMMENT, b"x")]) + pack("<HH", RESOLUTION, 0xFFFF)
    path = write(
        section(LITTLE), block(LITTLE, 1, pack("<HHI", 1, 0, 0) + behind_the_end), enhanced(LITTLE, 1, b"x")
    )
    assert read_file(path) == ([Row(b"x", 1000, 1)], None)


def test_more_interfaces_than_can_be_named_are_an_error(write: Write) -> None:
    path = write(section(LITTLE), interface(LITTLE) * 65537)
    at = 28 + 65536 * 20
    assert read_file(path) == ([], f"{path}: byte {at}: more than 65536 interfaces in a section")


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(ORDERS), st.integers(1, 5))
def test_any_bytes_behind_an_interface_end_in_order(octets: bytes, order: str, rows: int) -> None:
    check(section(order) + interface(order) + enhanced(order, 1, b"whole") + octets, rows)


@settings(max_examples=300)
@given(st.data())
def test_any_damage_ends_in_order(data: st.DataObject) -> None:
    octets = bytearray(b"".join(SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, len(octets) - 1))
        octets[at] = data.draw(st.sampled_from([0, 1, 2, 3, 6, 0x7F, 0x80, 0xFF, octets[at] ^ 4]))
    check(bytes(octets), data.draw(st.integers(1, 5)))


def check(octets: bytes, rows: int) -> None:
    """Read *octets* to the end, which must be one; the reading checks that frames lie in the file."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        found = read_file(file.name, rows)
    assert sum(16 + len(row.data) for row in found.rows) <= len(octets)
