"""The port that mirrored packets leave by.

Owns what every forwarder promises. Must not know any medium, or why a packet was chosen.
"""

from typing import Protocol

from mirrorplane.batch import Copies, Frames
from mirrorplane.jit import U8


class ForwardError(Exception):
    """Output that cannot be written: names the place and what is wrong, in one line.

    `refused` is how many of the packets last placed, the last ones, did not leave because of it.
    """

    def __init__(self, what: str, refused: int = 0) -> None:
        super().__init__(what)
        self.refused = refused


class Sink(Protocol):
    """Somewhere that mirrored packets go: it owns the bytes that `encapsulate` writes.

    `data` is one array for the sink's whole life.
    """

    data: U8

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Give the copies from row *first* on their `offset` in `data`; return how many were placed.

        Fewer than asked means that there is no room now: send, and place the rest. What surrounds a frame (a
        record's header, a slot's) is written here too.
        """

    def send(self) -> int:
        """Hand over what was placed and encapsulated.

        Return how many packets that were placed were not taken.
        """

    def close(self) -> None:
        """Send what is left and give back what the sink holds. Further calls do nothing."""
