"""Sending given frames through a sink as an engine does: what the tests of this room share."""

from collections.abc import Sequence

import numpy as np

from mirrorplane import batch
from mirrorplane.forward.sink import Sink

DIRT = 0xA5

Timed = tuple[int, bytes]


def forward(sink: Sink, mirrored: Sequence[Timed], *, dirty: bool = True) -> None:
    """Place, encapsulate and send *mirrored*, (time, frame) each, in batches into a dirty buffer."""
    frames, copies = batch.frames(), batch.copies()
    for start in range(0, len(mirrored), batch.ROWS):
        part = mirrored[start : start + batch.ROWS]
        frames.count[0] = copies.count[0] = len(part)
        # The frames lie in reverse: a sink must not take a copy's row for its frame's.
        copies.frame[: len(part)] = np.arange(len(part))[::-1]
        frames.time[: len(part)] = [time for time, _ in reversed(part)]
        copies.length[: len(part)] = [len(data) for _, data in part]
        _send(sink, frames, copies, [data for _, data in part], dirty=dirty)


def _send(sink: Sink, frames: batch.Frames, copies: batch.Copies, part: list[bytes], *, dirty: bool) -> None:
    first = 0
    while first < len(part):
        if dirty:
            sink.data[:] = DIRT
        placed = sink.place(frames, copies, first)
        if not placed:  # what lies before that row has to leave first
            assert sink.send() == 0
            placed = sink.place(frames, copies, first)
        assert placed > 0
        for row in range(first, first + placed):
            at = int(copies.offset[row])
            sink.data[at : at + len(part[row])] = np.frombuffer(part[row], np.uint8)
        assert sink.send() == 0
        first += placed
