"""The walk over pcap files: four magics, lengths that lie, every cut, any bytes at all."""

import io
import tempfile
from pathlib import Path
from struct import pack

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from tests.capture.captures import BIG, LITTLE, MICRO, NANO, ORDERS, Row, pcap_header, read_file, record

RECORDS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 999_999_999), st.binary(max_size=99))
FRAMES = [b"first", b"", b"a longer frame than the others, by far", b"x" * 60]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.pcap"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("magic", "scale"), [(MICRO, 1000), (NANO, 1)])
def test_reads_all_four_magics(path: Path, order: str, magic: int, scale: int) -> None:
    records = [record(order, 1_700_000_000 + n, 999_999 - n, data) for n, data in enumerate(FRAMES)]
    path.write_bytes(pcap_header(order, magic) + b"".join(records))
    rows = [
        Row(data, (1_700_000_000 + n) * 10**9 + (999_999 - n) * scale, len(data), source=5)
        for n, data in enumerate(FRAMES)
    ]
    assert read_file(path, source=5) == (rows, None)


def test_literal_bytes(path: Path) -> None:
    path.write_bytes(
        bytes.fromhex(
            "d4c3b2a1 0200 0400 00000000 00000000 00000400 0100000001000000 02000000 03000000 40000000 aabbcc"
        )
    )
    assert read_file(path) == ([Row(b"\xaa\xbb\xcc", 1_000_002_000, 64)], None)


def test_reads_what_dpkt_and_scapy_write(path: Path) -> None:
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file, nano=True)
        for n, data in enumerate(FRAMES):
            writer.writepkt(data, ts=1_600_000_000 + n)
    expected = [Row(data, (1_600_000_000 + n) * 10**9, len(data)) for n, data in enumerate(FRAMES)]
    assert read_file(path) == (expected, None)

    frames = [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Raw(data) for data in FRAMES]
    for n, frame in enumerate(frames):
        frame.time = 1_600_000_000 + n
    wrpcap(str(path), frames)
    assert [row.data for row in read_file(path).rows] == [bytes(frame) for frame in frames]


@pytest.mark.parametrize("order", ORDERS)
def test_reads_dpkts_headers_of_either_order(path: Path, order: str) -> None:
    file_header = dpkt.pcap.FileHdr if order == BIG else dpkt.pcap.LEFileHdr
    packet_header = dpkt.pcap.PktHdr if order == BIG else dpkt.pcap.LEPktHdr
    header = packet_header(tv_sec=7, tv_usec=8, caplen=4, len=1514)
    path.write_bytes(bytes(file_header(snaplen=96)) + bytes(header) + b"data")
    assert read_file(path) == ([Row(b"data", 7_000_008_000, 1514)], None)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 64])
def test_any_batch_size_gives_the_same(path: Path, rows: int) -> None:
    path.write_bytes(pcap_header() + b"".join(record(LITTLE, 1, n, data) for n, data in enumerate(FRAMES)))
    found = read_file(path, rows)
    assert [row.data for row in found.rows] == FRAMES
    assert found.error is None


def test_seconds_are_unsigned_and_a_fraction_may_be_too_large(path: Path) -> None:
    path.write_bytes(
        pcap_header() + record(LITTLE, 0xFFFFFFFF, 0, b"2106") + record(LITTLE, 1, 2_000_000, b"late")
    )
    assert [row.time for row in read_file(path).rows] == [0xFFFFFFFF * 10**9, 3 * 10**9]


def test_the_original_length_is_at_least_what_is_there_and_fits_its_column(path: Path) -> None:
    path.write_bytes(
        pcap_header() + record(LITTLE, 1, 0, b"four", original=2) + record(LITTLE, 1, 0, b"four", 0xFFFFFFFF)
    )
    assert [row.wire_length for row in read_file(path).rows] == [4, 0x7FFFFFFF]


def test_a_frame_check_sequence_is_taken_off_as_far_as_it_was_captured(path: Path) -> None:
    whole, cut, gone = (record(LITTLE, 1, 0, b"frame+fcs!"[:n], original=10) for n in (10, 8, 5))
    path.write_bytes(pcap_header(link=0x24000001) + whole + cut + gone)
    rows = read_file(path).rows
    assert [row.data for row in rows] == [b"frame+", b"frame+", b"frame"]
    assert [row.wire_length for row in rows] == [6, 6, 6]


def test_a_super_packet_is_read_and_a_record_longer_than_any_frame_is_not(path: Path) -> None:
    big = b"g" * (1 << 20)
    path.write_bytes(pcap_header() + record(LITTLE, 1, 0, big) + record(LITTLE, 1, 0, big + b"!"))
    found = read_file(path)
    assert [len(row.data) for row in found.rows] == [1 << 20]
    at = 24 + 16 + (1 << 20)
    assert found.error == f"{path}: byte {at}: a record of 1048577 bytes: no frame is longer than 1048576"


@pytest.mark.parametrize("order", ORDERS)
def test_every_cut_gives_what_is_whole_and_then_its_place(path: Path, order: str) -> None:
    pieces = [pcap_header(order), *(record(order, 1, n, data) for n, data in enumerate(FRAMES))]
    whole = b"".join(pieces)
    borders = [sum(len(piece) for piece in pieces[:n]) for n in range(1, len(pieces) + 1)]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        found = read_file(path, rows=2)
        n_whole = sum(border <= length for border in borders)
        assert [row.data for row in found.rows] == FRAMES[: max(n_whole - 1, 0)]
        if length in borders:
            assert found.error is None
        else:
            start = borders[n_whole - 1] if n_whole else 0
            assert found.error is not None
            assert found.error.startswith(f"{path}: byte {start}: ")


def test_the_errors_of_a_file_header(path: Path) -> None:
    for octets, reason in (
        (b"", "the file is empty"),
        (b"GET / HTTP/1.1\r\n", "neither pcap nor pcapng: it begins with 47 45 54 20"),
        (b"\xd4", "neither pcap nor pcapng: it begins with d4"),
        (pcap_header()[:10], "the file header is cut short: 10 of 24 bytes"),
        (
            pcap_header(magic=0xA1B2CD34),
            "Kuznetzov's modified pcap is not supported; editcap makes a pcap of it",
        ),
        (pcap_header(version=(2, 3)), "pcap version 2.3 is not supported, only 2.4"),
        (pcap_header(link=113), "link type 113 (LINUX_SLL) is not Ethernet"),
        (pcap_header(BIG, link=101), "link type 101 (RAW) is not Ethernet"),
    ):
        path.write_bytes(octets)
        assert read_file(path) == ([], f"{path}: byte 0: {reason}")


@settings(max_examples=200)
@given(st.sampled_from(ORDERS), st.binary(max_size=200), st.integers(1, 5))
def test_any_bytes_behind_a_header_end_in_order(order: str, octets: bytes, rows: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(pcap_header(order) + record(order, 1, 2, b"whole") + octets)
        file.flush()
        found = read_file(file.name, rows)
    assert found.rows[0] == Row(b"whole", 1_000_002_000, 5)
    assert sum(16 + len(row.data) for row in found.rows[1:]) <= len(octets)


@settings(max_examples=100)
@given(st.lists(RECORDS, max_size=9))
def test_agrees_with_dpkt(packets: list[tuple[int, int, bytes]]) -> None:
    octets = pcap_header(BIG, NANO) + b"".join(record(BIG, *packet) for packet in packets)
    with tempfile.NamedTemporaryFile() as file:
        file.write(octets)
        file.flush()
        found = read_file(file.name)
    assert [row.data for row in found.rows] == [data for _, data in dpkt.pcap.Reader(io.BytesIO(octets))]
    assert [row.time for row in found.rows] == [seconds * 10**9 + rest for seconds, rest, _ in packets]


def test_a_snaplen_that_lies_decides_nothing(path: Path) -> None:
    header = pcap_header()
    path.write_bytes(header[:16] + pack("<I", 2) + header[20:] + record(LITTLE, 0, 0, b"longer than two"))
    assert read_file(path).rows == [Row(b"longer than two", 0, 15)]
