"""pcap files that are written: as dpkt, scapy and this project read them; times that do not fit."""

import io
import os
from pathlib import Path
from struct import pack

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapReader

from mirrorplane.forward.pcap import PcapFile, PcapSink
from mirrorplane.forward.sink import ForwardError
from tests.capture.captures import read_file
from tests.forward.mirroring import Timed, forward

SECOND = 10**9
US, NS = False, True
MIRRORED: list[Timed] = [(n * 1_000_001_000, bytes([n % 256]) * (n % 1515)) for n in range(5000)]


def written(path: Path, mirrored: list[Timed], *, nanoseconds: bool) -> bytes:
    sink = PcapSink(PcapFile(path, nanoseconds=nanoseconds))
    forward(sink, mirrored)
    sink.close()
    sink.close()
    return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.pcap"


def test_literal_bytes(path: Path) -> None:
    assert written(path, [(0x01020304 * SECOND + 5000, b"abc")], nanoseconds=US) == bytes.fromhex(
        "d4c3b2a1 0200 0400 00000000 00000000 00000400 0100000004030201 05000000 03000000 03000000 616263"
    )
    assert written(path, [(5, b"")], nanoseconds=NS) == bytes.fromhex(
        "4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000 00000000 05000000 00000000 00000000"
    )


@pytest.mark.parametrize("nanoseconds", [US, NS])
def test_reads_back_with_dpkt_scapy_and_our_own_reader(path: Path, nanoseconds: bool) -> None:
    octets = written(path, MIRRORED, nanoseconds=nanoseconds)
    assert [data for _, data in dpkt.pcap.Reader(io.BytesIO(octets))] == [data for _, data in MIRRORED]
    with RawPcapReader(str(path)) as reader:
        unit = 1 if nanoseconds else 1000
        rows = [(meta.sec * SECOND + meta.usec * unit, data, meta.wirelen) for data, meta in reader]
    assert rows == [(time, data, len(data)) for time, data in MIRRORED]
    found = read_file(path, rows=1024)
    assert [(row.time, row.data) for row in found.rows] == MIRRORED
    assert found.error is None


def test_times_that_no_pcap_holds_are_an_error_behind_what_was_before(path: Path) -> None:
    held = [(0, b"before"), (2**32 * SECOND - 1000, b"last")]
    for time, shown in (
        (-1, "-0.000000001"),
        (-(10**18), "-1000000000.000000000"),
        (2**32 * SECOND, "4294967296.000000000"),
        (2**63 - 1, "9223372036.854775807"),
    ):
        for nanoseconds in (US, NS):
            sink = PcapSink(PcapFile(path, nanoseconds=nanoseconds))
            with pytest.raises(ForwardError) as raised:
                forward(sink, [*held, (time, b"x"), (0, b"behind")])
            assert str(raised.value) == f"{path}: cannot hold the time {shown} s"
            sink.close()
            assert [(row.time, row.data) for row in read_file(path).rows] == held


@pytest.mark.parametrize("before", [0, 1, 4000])
def test_a_finer_time_turns_what_is_written_into_nanoseconds(path: Path, before: int) -> None:
    mirrored = [*MIRRORED[:before], (1_500_000_000_123_456_789, b"fine"), *MIRRORED[:9]]
    octets = written(path, mirrored, nanoseconds=US)
    assert octets.startswith(pack("<I", 0xA1B23C4D))
    assert [(row.time, row.data) for row in read_file(path).rows] == mirrored
    assert octets == written(path, mirrored, nanoseconds=NS)


def test_a_pipe_cannot_be_turned(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = PcapSink(PcapFile(path, nanoseconds=US))
    with pytest.raises(ForwardError, match=r"fifo: cannot hold the time 0\.000000007 s"):
        forward(sink, [(1000, b"whole"), (7, b"fine")])
    sink.close()
    assert os.read(reading, 999)[24:] == pack("<IIII", 0, 1, 5, 5) + b"whole"
    os.close(reading)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2**32 * SECOND - 1), st.binary(max_size=70)), max_size=20))
def test_any_times_come_back(tmp_path_factory: pytest.TempPathFactory, mirrored: list[Timed]) -> None:
    path = tmp_path_factory.mktemp("any") / "out.pcap"
    written(path, mirrored, nanoseconds=US)
    assert [(row.time, row.data) for row in read_file(path).rows] == mirrored
