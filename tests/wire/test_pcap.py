"""pcap's headers as bytes and as values."""

from struct import pack, unpack

import numpy as np
import pytest

from mirrorplane.jit.memory import Order
from mirrorplane.wire import pcap
from mirrorplane.wire.pcap import FileHeader

LITTLE_MICRO = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 00000400 01000000")
BIG_NANO = bytes.fromhex("a1b23c4d 0002 0004 00000000 00000000 00000060 24000001")
HEADERS = {
    LITTLE_MICRO: FileHeader("little", nanoseconds=False),
    BIG_NANO: FileHeader("big", nanoseconds=True, fcs_len=4, snaplen=96),
}


@pytest.mark.parametrize("octets", HEADERS)
def test_file_headers(octets: bytes) -> None:
    assert pcap.parse_file_header(octets + b"behind it") == HEADERS[octets]
    assert pcap.emit_file_header(HEADERS[octets]) == octets


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("nanoseconds", [False, True])
@pytest.mark.parametrize(("link", "fcs_len"), [(1, 0), (113, 0), (276, 2), (1, 4), (65535, 30)])
def test_file_headers_there_and_back(order: Order, nanoseconds: bool, link: int, fcs_len: int) -> None:
    header = FileHeader(order, nanoseconds, link, fcs_len, snaplen=77)
    assert pcap.parse_file_header(pcap.emit_file_header(header)) == header
    assert pcap.byte_order(pcap.emit_file_header(header)) == order


@pytest.mark.parametrize("length", range(24))
def test_every_cut_of_a_file_header_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} of 24 bytes" if length >= 4 else "not a magic number"):
        pcap.parse_file_header(LITTLE_MICRO[:length])


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (pack(">I", 0xA1B2CD34), "Kuznetzov's modified pcap is not supported"),
        (pack("<I", 0x1C0001AC), "lcap of Ixia's hardware is not supported"),
        (LITTLE_MICRO[:4] + pack("<HH", 2, 3) + LITTLE_MICRO[8:], "version 2.3 is not supported, only 2.4"),
        (BIG_NANO[:4] + pack(">HH", 543, 0) + BIG_NANO[8:], "version 543.0 is not supported, only 2.4"),
        (LITTLE_MICRO[:20] + pack("<I", 0x00010001), "the link type 0x00010001 sets reserved bits"),
        (LITTLE_MICRO[:20] + pack("<I", 0x08000001), "the link type 0x08000001 sets reserved bits"),
        (bytes(24), "not a magic number of pcap"),
    ],
)
def test_what_is_refused(octets: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pcap.parse_file_header(octets)


def test_a_length_of_check_sequence_counts_only_where_it_is_said_to_be_there() -> None:
    assert pcap.parse_file_header(LITTLE_MICRO[:20] + pack("<I", 0x20000001)).fcs_len == 0


def test_record_headers_into_a_dirty_buffer() -> None:
    data = np.full(24, 0xA5, np.uint8)
    pcap.emit_record_header(data, 4, 0xFEDCBA98, 999_999, 1514)
    assert data.tobytes() == b"\xa5" * 4 + pack("<IIII", 0xFEDCBA98, 999_999, 1514, 1514) + b"\xa5" * 4
    assert pcap.captured_length(data, 4, big=False) == pcap.original_length(data, 4, big=False) == 1514
    assert pcap.nanoseconds(data, 4, big=False, scale=1000) == 0xFEDCBA98 * 10**9 + 999_999_000
    pcap.to_nanoseconds(data, 4)
    assert unpack("<IIII", data[4:20].tobytes()) == (0xFEDCBA98, 999_999_000, 1514, 1514)


def test_record_headers_in_network_order() -> None:
    data = np.frombuffer(pack(">IIII", 1, 2, 3, 4), np.uint8)
    assert pcap.nanoseconds(data, 0, big=True, scale=1) == 10**9 + 2
    assert pcap.captured_length(data, 0, big=True) == 3
    assert pcap.original_length(data, 0, big=True) == 4


@pytest.mark.parametrize(
    ("captured", "original", "kept"),
    [
        (64, 64, 60),
        (63, 64, 60),
        (60, 64, 60),
        (59, 64, 59),
        (3, 3, 0),
        (0, 64, 0),
        (4, 4, 0),
    ],
)
def test_what_was_captured_of_a_check_sequence_is_taken_off(captured: int, original: int, kept: int) -> None:
    assert pcap.without_fcs(captured, original, 4) == kept
    assert pcap.without_fcs(captured, original, 0) == captured


def test_link_types_have_names() -> None:
    assert [pcap.link_type_name(number) for number in (1, 113, 276, 147, 162, 9999)] == [
        "1 (ETHERNET)",
        "113 (LINUX_SLL)",
        "276 (LINUX_SLL2)",
        "147 (USER0)",
        "162 (USER15)",
        "9999 (not in the registry)",
    ]
