"""How a walk over a file's bytes goes on from batch to batch.

Owns what a supply of bytes (`supply`), the walk of a format (`pcap`, `pcapng`) and the file that they are of
(`file`) tell one another. Must not know any of the three.
"""

from enum import IntEnum, unique
from typing import NamedTuple, Protocol, cast

from mirrorplane.batch import Frames
from mirrorplane.jit import I32, I64, U8, Bound, zeros


@unique
class Stop(IntEnum):
    """Why a walk stopped: for bytes, for a full batch, or (all others) because the file is broken here."""

    WANTS_BYTES = 0
    FULL = 1
    TOO_LONG = 2
    NOT_ETHERNET = 3
    BYTE_ORDER = 4
    VERSION = 5
    BLOCK_LENGTH = 6
    TRAILER = 7
    OPTIONS = 8
    CAPTURED_LENGTH = 9
    NO_INTERFACE = 10
    INTERFACES = 11
    TIME = 12
    OFFSET = 13


class Cursor(NamedTuple):
    """The state of a walk: one element each.

    `at` is the next byte to be read and `end` where the bytes in hand end, both positions in `data`; `at`
    lies past `end` while something is skipped. `start` is where the record that the walk stopped in begins.
    `rows` is how many frames are wanted; `stop` a `Stop`, and `value` the number that its message quotes
    (with WANTS_BYTES, how long the unfinished record is, as far as is known). `source` goes into each frame.
    """

    at: I64
    end: I64
    start: I64
    rows: I64
    stop: I64
    value: I64
    source: I32


class Walk(Protocol):
    """What a format does: it finds the frames in bytes."""

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether a declared resolution, so far, has times that are not whole microseconds."""

    def bind(self, data: U8, cursor: Cursor, frames: Frames) -> Bound:
        """Return the kernel that fills *frames* from *cursor* on and says in it why it stopped."""

    def describe(self, stop: Stop, value: int, /) -> str:
        """Return what is wrong where the walk stopped."""


def cursor(source: int) -> Cursor:
    """Return a cursor at the beginning of nothing."""
    new = cast("Cursor", zeros(Cursor, 1))
    new.source[0] = source
    return new
