"""Several recordings as one, by time.

Owns the order between them. Must not know what they are read from.

Each keeps its own order, also where its times go back: the first frames not yet taken of each are compared,
and of equal times the first recording's goes first. Frames are copied, as a batch has one array.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mirrorplane import batch
from mirrorplane.batch import FILE_ROWS, Frames
from mirrorplane.capture.recording import Recording
from mirrorplane.capture.source import CaptureError
from mirrorplane.jit import I32, I64, U8, Bound, kernel
from mirrorplane.jit.memory import copy
from mirrorplane.wire.pcap import MAX_FRAME_LEN

BUFFER_LEN = 4 * MAX_FRAME_LEN
"""Bytes of a merged batch at most: the longest frame, and a batch of common ones."""


class Heads(NamedTuple):
    """What has been read of each recording and not yet taken.

    `next` and `filled` have an element for each: the first row not taken, and the rows read. The others have
    FILE_ROWS rows for each, as in Frames.
    """

    next: I64
    filled: I64
    source: I32
    offset: I64
    length: I32
    wire_length: I32
    time: I64
    direction: U8


class Origin(NamedTuple):
    """Where each row of a merged batch comes from: which recording, and the offset in its bytes."""

    recording: I64
    offset: I64


class MergedSource:
    """Hands out the frames of several recordings in the order of their times.

    A recording that turns out broken ends there; the error is raised when all frames of the others have been
    handed out. The bytes of the last *batches* batches stay where they are.
    """

    def __init__(self, recordings: Sequence[Recording], batches: int = 1) -> None:
        n, rows = len(recordings), len(recordings) * FILE_ROWS
        self.data = np.empty(batches * BUFFER_LEN, np.uint8)
        self._room = np.array([0, BUFFER_LEN], np.int64)
        self._recordings = recordings
        self._open = set(range(n))
        self._errors: list[str] = []
        self._heads = Heads(
            next=np.zeros(n, np.int64),
            filled=np.zeros(n, np.int64),
            source=np.zeros(rows, np.int32),
            offset=np.zeros(rows, np.int64),
            length=np.zeros(rows, np.int32),
            wire_length=np.zeros(rows, np.int32),
            time=np.zeros(rows, np.int64),
            direction=np.zeros(rows, np.uint8),
        )
        self._read = [self._rows_of(index) for index in range(n)]
        self._origin = Origin(np.zeros(FILE_ROWS, np.int64), np.zeros(FILE_ROWS, np.int64))
        self._steps: dict[int, tuple[Frames, list[Bound]]] = {}

    def _rows_of(self, index: int) -> Frames:
        """Return the part of the heads that recording *index* fills."""
        heads, rows = self._heads, slice(index * FILE_ROWS, (index + 1) * FILE_ROWS)
        return batch.frames(FILE_ROWS)._replace(
            count=heads.filled[index : index + 1],
            source=heads.source[rows],
            offset=heads.offset[rows],
            length=heads.length[rows],
            wire_length=heads.wire_length[rows],
            time=heads.time[rows],
            direction=heads.direction[rows],
        )

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether that is so of any recording."""
        return any(recording.finer_than_microsecond for recording in self._recordings)

    @property
    def consumed(self) -> int:
        """How many bytes of all recordings have been read."""
        return sum(recording.consumed for recording in self._recordings)

    @property
    def total(self) -> int | None:
        """How many bytes all have; None if that is not known of one."""
        known = [recording.total for recording in self._recordings if recording.total is not None]
        return sum(known) if len(known) == len(self._recordings) else None

    def fill(self, frames: Frames) -> int:
        """Fill *frames*; 0 means the end of all. Raises CaptureError with what was wrong of each, then."""
        for index in sorted(self._open):
            if self._heads.next[index] == self._heads.filled[index]:
                self._refill(index)
        for step in self._bound(frames):
            step()
        following = int(self._room[1]) % self.data.size
        self._room[:] = following, following + BUFFER_LEN
        if not frames.count[0] and self._errors:
            raise CaptureError("; ".join(self._errors))
        return int(frames.count[0])

    def _refill(self, index: int) -> None:
        self._heads.next[index] = self._heads.filled[index] = 0
        try:
            filled = self._recordings[index].fill(self._read[index])
        except CaptureError as error:
            self._errors.append(str(error))
            filled = 0
        if not filled:
            self._heads.filled[index] = 0
            self._open.discard(index)

    def _bound(self, frames: Frames) -> list[Bound]:
        if id(frames) not in self._steps:
            steps = [order.bind(self._heads, self._origin, self._room, frames)]
            for index, recording in enumerate(self._recordings):
                which = np.array([index], np.int64)
                steps.append(gather.bind(which, recording.data, self._origin, self.data, frames))
            self._steps[id(frames)] = frames, steps
        return self._steps[id(frames)][1]

    def close(self) -> None:
        """Close all."""
        self._steps.clear()
        self._open.clear()
        self._heads.next[:] = self._heads.filled[:] = 0
        for recording in self._recordings:
            recording.close()


def merged(recordings: Sequence[Recording], batches: int = 1) -> Recording:
    """Return *recordings*, at least one, as one that keeps *batches* batches; a single one as it is."""
    return recordings[0] if len(recordings) == 1 else MergedSource(recordings, batches)


@kernel
def order(heads: Heads, origin: Origin, room: I64, frames: Frames) -> None:
    """Take frames from the heads, earliest first, until one has to be read on or the batch is full.

    Their bytes are to lie from `room[0]` on, up to `room[1]`.
    """
    used, row, rows = room[0], 0, min(frames.length.size, origin.offset.size)
    while row < rows:
        first = -1
        for recording in range(heads.next.size):
            if heads.next[recording] < heads.filled[recording]:
                at = recording * FILE_ROWS + heads.next[recording]
                if first < 0 or heads.time[at] < heads.time[first]:
                    first = at
        if first < 0 or used + heads.length[first] > room[1]:
            break
        recording = first // FILE_ROWS
        origin.recording[row], origin.offset[row] = recording, heads.offset[first]
        frames.source[row], frames.time[row] = heads.source[first], heads.time[first]
        frames.offset[row], frames.length[row] = used, heads.length[first]
        frames.wire_length[row], frames.direction[row] = heads.wire_length[first], heads.direction[first]
        used += heads.length[first]
        row += 1
        heads.next[recording] += 1
        if heads.next[recording] == heads.filled[recording]:
            break
    frames.count[0] = row


@kernel
def gather(which: I64, source: U8, origin: Origin, data: U8, frames: Frames) -> None:
    """Copy the bytes of the batch's frames that come from recording *which*, whose bytes are *source*."""
    for row in range(frames.count[0]):
        if origin.recording[row] == which[0]:
            copy(data, frames.offset[row], source, origin.offset[row], frames.length[row])
