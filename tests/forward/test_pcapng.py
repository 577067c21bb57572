"""pcapng files that are written: as dpkt, scapy and this project read them."""

import io
from pathlib import Path

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from mirrorplane.capture.file import open_capture
from mirrorplane.forward.pcapng import PcapngFile, PcapngSink
from mirrorplane.forward.sink import ForwardError
from tests.capture.captures import read_file
from tests.forward.mirroring import Timed, forward

MIRRORED: list[Timed] = [(n * 1_000_000_001, bytes([n % 256]) * (n % 1515)) for n in range(5000)]


def written(path: Path, mirrored: list[Timed]) -> bytes:
    sink = PcapngSink(PcapngFile(path))
    forward(sink, mirrored)
    sink.close()
    return path.read_bytes()


def test_literal_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "out", [(0x01020304_05060708, b"abcde")]) == bytes.fromhex(
        "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000"
        "01000000 20000000 0100 0000 00000000 0900 0100 09000000 0000 0000 20000000"
        "06000000 28000000 00000000 04030201 08070605 05000000 05000000 6162636465 000000 28000000"
    )


def test_reads_back_with_dpkt_scapy_and_our_own_reader(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    octets = written(path, MIRRORED)
    assert [data for _, data in dpkt.pcapng.Reader(io.BytesIO(octets))] == [data for _, data in MIRRORED]
    with RawPcapNgReader(str(path)) as reader:
        rows = [((meta.tshigh << 32 | meta.tslow), data, meta.wirelen) for data, meta in reader]
    assert rows == [(time, data, len(data)) for time, data in MIRRORED]
    found = read_file(path, rows=1024)
    assert [(row.time, row.data) for row in found.rows] == MIRRORED
    assert found.error is None


def test_it_says_nanoseconds_before_the_first_packet(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    written(path, [])
    capture = open_capture(path, 0)
    assert capture.finer_than_microsecond
    capture.close()


def test_a_time_before_1970_is_an_error_behind_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    sink = PcapngSink(PcapngFile(path))
    with pytest.raises(ForwardError) as raised:
        forward(sink, [(2**63 - 1, b"last"), (-1_500_000_000, b"x")])
    assert str(raised.value) == f"{path}: cannot hold the time -1.500000000 s"
    sink.close()
    assert [row.data for row in read_file(path).rows] == [b"last"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=70)), max_size=20))
def test_any_times_come_back(tmp_path_factory: pytest.TempPathFactory, mirrored: list[Timed]) -> None:
    path = tmp_path_factory.mktemp("any") / "out.pcapng"
    written(path, mirrored)
    assert [(row.time, row.data) for row in read_file(path).rows] == mirrored
