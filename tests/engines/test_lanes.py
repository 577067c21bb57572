"""Several threads over one capture: what one thread makes, byte for byte, also where something breaks."""

import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from struct import pack

import numpy as np
import pytest

from mirrorplane.batch import ROWS
from mirrorplane.capture import supply
from mirrorplane.capture.file import open_capture
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.capture.merge import merged
from mirrorplane.capture.source import CaptureError
from mirrorplane.counters import Counters
from mirrorplane.engines import lanes
from mirrorplane.engines.lanes import AbandonedError, Lanes, Turns
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.engines.report import Report, report
from mirrorplane.forward.pcap import PcapFile, PcapSink
from mirrorplane.forward.pcapng import PcapngFile, PcapngSink
from mirrorplane.forward.records import RecordSink
from mirrorplane.forward.sink import ForwardError
from tests.capture.captures import LITTLE, enhanced, interface, pcap_header, read_file, record, section
from tests.engines.running import check_conservation, plan_of
from tests.generate import random_scenario
from tests.oracle import Packet

SECOND = 10**9
CONFIG = {
    "interfaces": {
        "eni-a": {"addresses": ["10.0.0.1"], "mac": "02:00:00:00:00:01"},
        "eni-sensor": {"addresses": ["10.9.0.2"]},
    },
    "sessions": {
        "tms-1": {
            "priority": 1,
            "sources": ["eni-a"],
            "target": "eni-sensor",
            "filter": "tmf-1",
            "virtual_network_id": 7,
            "packet_length": 100,
        }
    },
    "filters": {
        "tmf-1": {
            way: [
                {
                    "priority": 1,
                    "action": "accept",
                    "protocol": "ALL",
                    "source_cidr_block": "0.0.0.0/0",
                    "destination_cidr_block": "0.0.0.0/0",
                }
            ]
            for way in ("ingress", "egress")
        }
    },
}


def frame(number: int, length: int) -> bytes:
    """Return a UDP packet over IPv4 from eni-a, whose payload, all through, tells its number."""
    total = 28 + length
    ip = pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 1, 2]))
    udp = pack(">HHHH", 1000 + number % 50, 80, 8 + length, 0)
    ethernet = bytes.fromhex("020000000002020000000001") + b"\x08\0"
    return ethernet + ip + udp + (pack(">I", number) * (length // 4 + 1))[:length]


def frames(count: int) -> list[bytes]:
    """Return packets of all lengths, the same ones each time."""
    lengths = random.Random(count)
    return [frame(number, lengths.choice((0, 10, 60, 300, 1400))) for number in range(count)]


def capture_of(path: Path, every: Sequence[bytes], step: int = 1000) -> Path:
    """Write a pcap file whose times are *step* nanoseconds apart."""
    times = (divmod(row * step, SECOND) for row in range(len(every)))
    records = (
        record(LITTLE, second, rest // 1000, octets)
        for (second, rest), octets in zip(times, every, strict=True)
    )
    path.write_bytes(pcap_header() + b"".join(records))
    return path


def sinks_of(path: Path, workers: int, *, nanoseconds: bool = False) -> Sequence[RecordSink]:
    if path.suffix == ".pcapng":
        blocks = PcapngFile(path)
        return [PcapngSink(blocks) for _ in range(workers)]
    records = PcapFile(path, nanoseconds=nanoseconds)
    return [PcapSink(records) for _ in range(workers)]


def mirrored(
    inputs: Sequence[Path], output: Path, workers: int, progress: Callable[[int], None] | None = None
) -> tuple[Report, BaseException | None]:
    """Replay files into one; return the report, and what ended it if not the end."""
    plan, error = plan_of(CONFIG), None
    with ExitStack() as stack:
        each = workers if len(inputs) == 1 else 1
        opened = [stack.enter_context(closing(open_capture(path, 0, each))) for path in inputs]
        capture = stack.enter_context(closing(merged(opened, workers)))
        sinks = sinks_of(output, workers)
        stack.enter_context(closing(sinks[0]))
        templates = file_templates(plan)
        alone = workers == 1
        run = (
            Replay(plan, capture, into(sinks[0], templates))
            if alone
            else Lanes(plan, capture, templates, sinks)
        )
        try:
            run.run(progress)
        except (CaptureError, ForwardError, KeyboardInterrupt) as raised:
            error = raised
    found = report(plan, run.counters)
    check_conservation(found)
    return found, error


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have windows used again and again: what is kept too short would show."""
    monkeypatch.setattr(supply, "READ", 40_000)
    monkeypatch.setattr(supply, "WINDOW", 50_000)


@pytest.mark.parametrize("workers", [2, 3, 7])
@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_the_file_is_that_of_one_thread(tmp_path: Path, workers: int, ending: str) -> None:
    path = capture_of(tmp_path / "in.pcap", frames(20_000))
    one, many = tmp_path / f"one{ending}", tmp_path / f"many{ending}"
    counted: list[int] = []
    assert mirrored([path], one, 1) == mirrored([path], many, workers, counted.append)
    assert one.read_bytes() == many.read_bytes()
    assert len(read_file(one, rows=ROWS).rows) == sum(counted) == 20_000


@pytest.mark.parametrize("workers", [2, 5])
def test_several_files_are_merged_as_by_one_thread(tmp_path: Path, workers: int) -> None:
    every = frames(9_000)
    inputs = [
        capture_of(tmp_path / f"{row}.pcap", every[row::3], step)
        for row, step in enumerate((1000, 3000, 7000))
    ]
    one, many = tmp_path / "one.pcap", tmp_path / "many.pcap"
    assert mirrored(inputs, one, 1) == mirrored(inputs, many, workers)
    assert one.read_bytes() == many.read_bytes()


def outers(config: object, packets: Sequence[Packet], output: Path, workers: int) -> tuple[bytes, Counters]:
    """Replay packets from memory; return the file's bytes and the counts."""
    plan = plan_of(config)  # type: ignore[arg-type] # a scenario's
    rows = {name: row for row, name in enumerate(plan.sources)}
    captured = [
        Captured(packet.frame, rows[packet.source], index, 0, packet.wire_length)
        for index, packet in enumerate(packets)
        if packet.source in rows
    ]
    sinks = sinks_of(output, workers, nanoseconds=True)
    lanes = Lanes(plan, MemorySource(captured), file_templates(plan), sinks)
    lanes.run()
    sinks[0].close()
    return output.read_bytes(), lanes.counters


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_configured_threads_make_no_difference(tmp_path: Path, seed: int) -> None:
    scenario = random_scenario(seed, 200)
    packets = scenario.packets * 60
    one, counted = outers(scenario.config, packets, tmp_path / "one.pcap", 1)
    many, also = outers(scenario.config, packets, tmp_path / "many.pcap", 3)
    assert one == many
    assert all(np.array_equal(a, b) for a, b in zip(counted, also, strict=True))


@pytest.mark.parametrize("cut", [24 + 3, 1_000_003])
def test_a_broken_file_ends_where_it_does_for_one_thread(tmp_path: Path, cut: int) -> None:
    path = capture_of(tmp_path / "in.pcap", frames(20_000))
    os.truncate(path, cut)
    one, many = tmp_path / "one.pcap", tmp_path / "many.pcap"
    (found, error), (also, other) = mirrored([path], one, 1), mirrored([path], many, 4)
    assert found == also
    assert str(error) == str(other) != "None"
    assert one.read_bytes() == many.read_bytes()


def test_a_full_disk_leaves_whole_records_and_all_that_was_seen_is_counted(tmp_path: Path) -> None:
    path, output = capture_of(tmp_path / "in.pcap", frames(20_000)), tmp_path / "out.pcap"
    whole = mirrored([path], tmp_path / "whole.pcap", 1)[0]["sources"]["eni-a"]["mirrored"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        found, error = mirrored([path], output, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(error) == f"{output}: File too large"
    written = read_file(output)
    assert written.error is None
    source = found["sources"]["eni-a"]
    assert len(written.rows) == source["mirrored"] < whole
    assert source["not_mirrored"]["send_failed"] == source["seen"] - source["mirrored"] > 0
    assert (tmp_path / "whole.pcap").read_bytes().startswith(output.read_bytes())


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_finer_time_turns_the_file_for_all(tmp_path: Path, workers: int) -> None:
    """Those behind it have records of microseconds in their buffers by then."""
    path, output = tmp_path / "in.pcapng", tmp_path / f"{workers}.pcap"
    every = frames(6_000)
    coarse = [enhanced(LITTLE, row, octets) for row, octets in enumerate(every[:3000])]
    fine = [enhanced(LITTLE, 1000 * row + 1, octets, of=1) for row, octets in enumerate(every[3000:3002])]
    behind = [enhanced(LITTLE, row, octets) for row, octets in enumerate(every[3002:])]
    blocks = [
        section(LITTLE),
        interface(LITTLE),
        *coarse,
        interface(LITTLE, listed=[(9, b"\x09")]),
        *fine,
        *behind,
    ]
    path.write_bytes(b"".join(blocks))
    found, error = mirrored([path], output, workers)
    assert error is None
    assert found["sources"]["eni-a"]["mirrored"] == 6_000
    times = [*range(0, 3_000_000, 1000), 1, 1001, *range(0, 2_998_000, 1000)]
    assert [row.time for row in read_file(output, rows=ROWS).rows] == times


def test_a_time_that_no_file_holds_ends_it_behind_all_before(tmp_path: Path) -> None:
    path, output = tmp_path / "in.pcapng", tmp_path / "out.pcap"
    every = frames(4_000)
    blocks = [
        enhanced(LITTLE, 2**32 * 10**6 if row == 2500 else row, octets) for row, octets in enumerate(every)
    ]
    path.write_bytes(b"".join([section(LITTLE), interface(LITTLE), *blocks]))
    found, error = mirrored([path], output, 3)
    assert str(error) == f"{output}: cannot hold the time 4294967296.000000000 s"
    assert len(read_file(output).rows) == found["sources"]["eni-a"]["mirrored"] == 2500


def test_an_interruption_lets_what_was_taken_in_leave(tmp_path: Path) -> None:
    path, output = capture_of(tmp_path / "in.pcap", frames(40_000)), tmp_path / "out.pcap"
    counted: list[int] = []

    def interrupted(n_packets: int) -> None:
        counted.append(n_packets)
        if len(counted) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # nothing leaves meanwhile, and the main thread has heard of it

    found, error = mirrored([path], output, 3, interrupted)
    assert isinstance(error, KeyboardInterrupt)
    source = found["sources"]["eni-a"]
    assert source["seen"] == source["mirrored"] == sum(counted) < 40_000
    assert len(read_file(output, rows=ROWS).rows) == sum(counted)


def test_an_interruption_does_not_wait_for_a_pipe_that_has_nothing(tmp_path: Path) -> None:
    pipe, output, counted = tmp_path / "pipe.pcap", tmp_path / "out.pcap", list[int]()
    os.mkfifo(pipe)
    kept = os.open(pipe, os.O_RDWR)  # nobody closes it, so it does not end
    os.write(kept, capture_of(tmp_path / "in.pcap", frames(100)).read_bytes())

    def noted(n_packets: int) -> None:
        counted.append(n_packets)
        if sum(counted) == 100:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    found, error = mirrored([pipe], output, 3, noted)
    assert isinstance(error, KeyboardInterrupt)
    assert found["sources"]["eni-a"]["seen"] == sum(counted) == 100
    assert len(read_file(output).rows) == 100
    os.close(kept)


def test_an_interruption_does_not_wait_for_a_reader_that_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LONGEST_END", 0.5)
    path, pipe = capture_of(tmp_path / "in.pcap", frames(20_000)), tmp_path / "pipe.pcap"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    found, error = mirrored([path], pipe, 3)
    os.close(reader)
    assert isinstance(error, KeyboardInterrupt)
    source = found["sources"]["eni-a"]
    assert 0 < source["not_mirrored"]["send_failed"] < source["seen"] < 20_000


def test_the_first_failure_counts_and_what_is_behind_it_is_abandoned() -> None:
    turns = Turns()
    assert [turns.take_in(lambda: 5) for _ in range(3)] == [(0, 5), (1, 5), (2, 5)]
    turns.fail(2, ForwardError("later"))
    turns.fail(1, ForwardError("first"))
    turns.wait_for(0)
    turns.call_next()
    turns.wait_for(1)
    with pytest.raises(AbandonedError):
        turns.wait_for(2)
    assert str(turns.error) == "first"
    assert turns.take_in(lambda: 5) == (3, 0)
