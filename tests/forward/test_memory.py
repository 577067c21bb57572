"""The sink that collects."""

import pytest

from mirrorplane import batch
from mirrorplane.forward.memory import MemorySink, Mirrored
from tests.forward.mirroring import DIRT, forward


def test_collects_times_and_frames_in_order() -> None:
    sink = MemorySink(size=100)
    mirrored = [(n, bytes([n]) * 30) for n in range(10)]
    forward(sink, mirrored, dirty=False)
    assert sink.mirrored == [Mirrored(*each) for each in mirrored]


def test_what_is_not_written_is_dirt_and_closing_sends() -> None:
    sink, frames, copies = MemorySink(), batch.frames(1), batch.copies(1)
    copies.count[0], copies.length[0], frames.time[0] = 1, 3, 9
    assert sink.place(frames, copies, 0) == 1
    sink.close()
    sink.close()
    assert sink.mirrored == [Mirrored(9, bytes([DIRT]) * 3)]


@pytest.mark.parametrize(("size", "placed"), [(5, 0), (6, 1), (17, 2), (18, 3)])
def test_places_only_what_there_is_room_for(size: int, placed: int) -> None:
    sink, frames, copies = MemorySink(size), batch.frames(3), batch.copies(3)
    copies.count[0], copies.length[:] = 3, 6
    assert sink.place(frames, copies, 0) == placed
