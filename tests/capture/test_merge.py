"""Several recordings as one: the order by time, each one's own order, errors of one among others."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.batch import EGRESS, INGRESS, frames
from mirrorplane.capture.file import open_capture
from mirrorplane.capture.memory import MemorySource, Packet
from mirrorplane.capture.merge import MergedSource, merged
from mirrorplane.capture.source import CaptureError
from tests.capture.captures import LITTLE, Row, kept, pcap_header, read, record


def by_heads(lists: list[list[Packet]]) -> list[Packet]:
    """Return the packets in order: always the earliest first one of all lists, of equals the first list's."""
    left = [list(each) for each in lists]
    taken = []
    while any(left):
        first = min((each for each in left if each), key=lambda each: each[0].time)
        taken.append(first.pop(0))
    return taken


def rows(packets: list[Packet]) -> list[Row]:
    return [Row(p.data, p.time, p.wire_length or len(p.data), p.direction, p.source) for p in packets]


times = st.lists(st.integers(-5, 20), max_size=12)


@given(st.lists(times, min_size=2, max_size=5), st.integers(1, 40))
def test_always_the_earliest_head_comes_next(lists: list[list[int]], batch_rows: int) -> None:
    recordings = [
        [Packet(f"{source}:{n}".encode(), source, time, INGRESS, 60 + n) for n, time in enumerate(each)]
        for source, each in enumerate(lists)
    ]
    source = MergedSource([MemorySource(each) for each in recordings])
    assert read(source, batch_rows) == (rows(by_heads(recordings)), None)


def test_recordings_of_many_batches() -> None:
    rng = random.Random(3)
    lists = []
    for index, count in enumerate((5000, 1, 0, 2500, 1024)):
        moments = sorted(rng.randrange(10**6) for _ in range(count))
        lists.append([Packet(rng.randbytes(n % 90), index, time, EGRESS) for n, time in enumerate(moments)])
    recordings = [MemorySource(each) for each in lists]
    source = merged(recordings)
    assert source.total == sum(recording.total for recording in recordings)
    assert read(source, rows=1024) == (rows(by_heads(lists)), None)
    assert source.consumed == source.total


def test_frames_too_large_for_one_batch_go_into_several() -> None:
    lists = [[Packet(bytes([n]) * 900_000, source, n) for n in range(7)] for source in range(2)]
    assert read(MergedSource([MemorySource(each) for each in lists]), 1024) == (rows(by_heads(lists)), None)


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_batches_stay_as_long_as_was_asked_for(batches: int) -> None:
    lists = [[Packet(bytes([n]) * 900_000, source, n) for n in range(9)] for source in range(2)]
    source = MergedSource([MemorySource(each) for each in lists], batches)
    assert kept(source, batches, 3) == rows(by_heads(lists))


def test_one_recording_is_handed_through_uncopied() -> None:
    only = MemorySource([Packet(b"x")])
    assert merged([only]) is only


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.pcap"
    path.write_bytes(pcap_header() + record(LITTLE, 0, 5, b"whole") + record(LITTLE, 0, 6, b"cut")[:-1])
    return path


def test_a_broken_file_costs_no_packet_of_the_others(broken: Path) -> None:
    others = [Packet(b"other", 1, time * 1000) for time in range(3000)]
    source = merged([open_capture(broken, 0), MemorySource(others), open_capture(broken, 2)])
    found = read(source, rows=100)
    whole = [Packet(b"whole", n, 5000) for n in (0, 2)]
    assert found.rows == rows([*others[:5], whole[0], others[5], whole[1], *others[6:]])
    assert found.error == "; ".join([f"{broken}: byte 45: cut short: 18 of 19 bytes are there"] * 2)
    with pytest.raises(CaptureError):
        source.fill(frames(3))
    source.close()
    source.close()


def test_it_is_finer_and_its_end_known_if_that_is_so_of_its_recordings(tmp_path: Path) -> None:
    coarse, fine = MemorySource([Packet(b"a", time=1000)]), MemorySource([Packet(b"b", time=1001)])
    assert merged([coarse, fine]).finer_than_microsecond
    assert not merged([coarse, coarse]).finer_than_microsecond
    assert merged([coarse, fine]).total == 2
