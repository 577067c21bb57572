"""Packets from a list."""

from mirrorplane import batch
from mirrorplane.batch import EGRESS
from mirrorplane.capture.memory import MemorySource, Packet
from tests.capture.captures import Row, read


def test_hands_out_its_packets_in_order() -> None:
    source = MemorySource([Packet(b"one", 3, 1000, EGRESS, 99), Packet(b""), Packet(b"three", time=2000)])
    assert (source.total, source.consumed) == (8, 0)
    expected = [Row(b"one", 1000, 99, EGRESS, 3), Row(b"", 0, 0), Row(b"three", 2000, 5)]
    assert read(source, rows=2) == (expected, None)
    assert source.consumed == 8


def test_says_what_a_frame_lacks() -> None:
    source = MemorySource([Packet(b"one"), Packet(b"two", 0, 0, EGRESS, None, 6, 1448, 34, 50)])
    frames = batch.frames()
    assert source.fill(frames) == 2
    columns = (frames.super_packet, frames.segment_size, frames.unfinished, frames.checksum_at)
    assert [column[:2].tolist() for column in columns] == [[0, 6], [0, 1448], [0, 34], [0, 50]]


def test_nothing_is_no_error() -> None:
    assert read(MemorySource([])) == ([], None)


def test_times_tell_whether_microseconds_are_enough() -> None:
    assert not MemorySource([Packet(b"", time=5000)]).finer_than_microsecond
    assert MemorySource([Packet(b"", time=5001)]).finer_than_microsecond


def test_closed_it_has_ended() -> None:
    source = MemorySource([Packet(b"one")])
    source.close()
    source.close()
    assert read(source) == ([], None)
