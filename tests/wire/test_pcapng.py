"""pcapng's blocks, options and clocks as bytes and as values."""

from fractions import Fraction
from struct import pack, unpack

import dpkt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.jit import U8
from mirrorplane.wire import pcapng
from mirrorplane.wire.pcapng import ABSENT, BEYOND, BROKEN, Option

SECOND = 10**9


def column(octets: bytes) -> U8:
    return np.frombuffer(octets, np.uint8)


def test_a_section_header() -> None:
    octets = pcapng.emit_section_header()
    assert octets == bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000")
    data = column(octets)
    assert pcapng.total_length(data, 0, big=False) == len(octets) == pcapng.MIN_SECTION_HEADER_LEN
    assert pcapng.trailing_length(data, 0, len(octets), big=False) == len(octets)
    assert [pcapng.is_byte_order_magic(data, 0, big) for big in (False, True)] == [True, False]
    assert pcapng.major_version(data, 0, big=False) == 1
    assert dpkt.pcapng.SectionHeaderBlockLE(octets).sec_len == -1


def test_an_interface() -> None:
    octets = pcapng.emit_interface(snaplen=96, resolution=0x83, link_type=113)
    data = column(octets)
    assert pcapng.link_type(data, 0, big=False) == 113
    assert pcapng.snaplen(data, 0, big=False) == 96
    at = pcapng.option(data, pcapng.INTERFACE_OPTIONS, len(octets) - 4, pcapng.RESOLUTION, 1, big=False)
    assert octets[at] == 0x83
    block = dpkt.pcapng.InterfaceDescriptionBlockLE(octets)
    assert (block.linktype, block.snaplen) == (113, 96)


@pytest.mark.parametrize("length", range(9))
def test_a_packet_into_a_dirty_buffer(length: int) -> None:
    total = pcapng.packet_block_length(length)
    data = np.full(total + 8, 0xA5, np.uint8)
    pcapng.emit_packet(data, 4, 0x01020304_05060708, length)
    octets = data.tobytes()
    assert octets[:4] == octets[-4:] == b"\xa5" * 4
    fixed = pack("<IIIIIII", 6, total, 0, 0x01020304, 0x05060708, length, length)
    assert octets[4:-4] == fixed + b"\xa5" * length + bytes(-length % 4) + pack("<I", total)
    block = dpkt.pcapng.EnhancedPacketBlockLE(octets[4:-4])
    assert (block.caplen, block.pkt_len, block.pkt_data) == (length, length, b"\xa5" * length)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", True)])
def test_packet_fields_of_either_order(order: str, big: bool) -> None:
    data = column(pack(order + "IIIIIII", 6, 32, 0x00070001, 2, 3, 4, 5))
    assert pcapng.interface_id(data, 0, big, obsolete=False) == 0x00070001
    assert pcapng.interface_id(data, 0, big, obsolete=True) == (7 if big else 1)
    assert (pcapng.units_high(data, 0, big), pcapng.units_low(data, 0, big)) == (2, 3)
    assert (pcapng.captured_length(data, 0, big), pcapng.original_length(data, 0, big)) == (4, 5)
    assert pcapng.simple_original_length(data, 0, big) == 0x00070001


LISTED = pcapng.emit_options(
    Option(1, b"a comment"), Option(2, b"flag"), Option(9, b"\6"), Option(2, b"more")
)


@pytest.mark.parametrize(
    ("end", "code", "length", "found"),
    [
        (44, 2, 4, 20),
        (44, 9, 1, 28),
        (44, 14, 8, ABSENT),
        (44, 2, 5, BROKEN),
        (44, 0, 0, ABSENT),
        (0, 2, 4, ABSENT),
        (3, 2, 4, ABSENT),
        (4, 2, 4, BROKEN),
        (15, 2, 4, BROKEN),
        (16, 2, 4, ABSENT),
        (23, 2, 4, BROKEN),
        (24, 2, 4, 20),
    ],
)
def test_options(end: int, code: int, length: int, found: int) -> None:
    assert pcapng.option(column(LISTED[:end]), 0, end, code, length, big=False) == found


@given(st.binary(max_size=60), st.integers(0, 20), st.integers(0, 9), st.booleans())
def test_any_list_of_options_is_read_within_its_end(octets: bytes, code: int, length: int, big: bool) -> None:
    at = pcapng.option(column(octets), 0, len(octets), code, length, big)
    assert at in {ABSENT, BROKEN} or 4 <= at <= len(octets) - length


@given(st.integers(0, 2**64 - 1), st.integers(0, 255))
def test_clocks_without_a_factor_are_exact(units: int, resolution: int) -> None:
    factor = pcapng.factor(resolution)
    exact = Fraction(units * SECOND, (2 if resolution & 0x80 else 10) ** (resolution & 0x7F))
    if factor:
        assert exact == units * factor
        return
    found = pcapng.from_fine(units >> 32, units & 0xFFFFFFFF, resolution)
    assert found == (int(exact) if exact < 2**63 else BEYOND)


@pytest.mark.parametrize(
    ("resolution", "factor"), [(0, SECOND), (3, 10**6), (6, 1000), (9, 1), (10, 0), (0x80, 0)]
)
def test_factors(resolution: int, factor: int) -> None:
    assert pcapng.factor(resolution) == factor


@given(st.integers(0, 127), st.booleans())
def test_microseconds_are_enough_where_each_time_is_a_whole_number_of_them(power: int, binary: bool) -> None:
    unit = Fraction(10**6, (2 if binary else 10) ** power)
    assert pcapng.is_beyond_microseconds(power | (0x80 if binary else 0)) == (unit.denominator != 1)


@pytest.mark.parametrize("value", [0, 1, -1, 2**63 - 1, -(2**63), 0x1_0000_0000, -0x1_0000_0001])
def test_offsets_are_signed(value: int) -> None:
    assert pcapng.seconds(column(pack("<q", value)), 0, big=False) == value
    assert pcapng.seconds(column(pack(">q", value)), 0, big=True) == value


@pytest.mark.parametrize(("value", "length"), [(0, 0), (4, 4), (32, 4), (2, 2), (16, 2)])
def test_lengths_of_check_sequences_in_bits_or_bytes(value: int, length: int) -> None:
    assert pcapng.interface_fcs_length(value) == length


def test_flags() -> None:
    (flags,) = unpack("<I", bytes([0b1000_0010, 0, 0, 0]))
    assert flags & pcapng.DIRECTION_MASK == pcapng.OUTBOUND
    assert pcapng.flags_fcs_length(flags) == 4
