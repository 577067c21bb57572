"""The port that packets come in by.

Owns what every capture promises. Must not know any medium, rule or target.
"""

from typing import Protocol

from mirrorplane.batch import Frames
from mirrorplane.jit import U8


class CaptureError(Exception):
    """Input that cannot be read on.

    Names the place (file, byte offset) and what is wrong there, in one line.
    """


class Source(Protocol):
    """Somewhere that packets come from.

    `data` is the bytes that the offsets of filled frames point into; it is one array for the capture's
    whole life, so that a kernel may be bound to it. The bytes of a batch stay as they are until the next
    `fill`, or longer where that was asked for.
    """

    data: U8

    def fill(self, frames: Frames) -> int:
        """Fill *frames* from row 0 on, set its `count`, and return it.

        0 means the end, or nothing yet where it is live. Raises CaptureError once everything whole before
        the broken place has been delivered.
        """

    def close(self) -> None:
        """Give back what the capture holds. Further calls do nothing."""
