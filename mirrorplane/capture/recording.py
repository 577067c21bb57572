"""A capture that ends: what is known of it besides its packets.

Owns what a file, a merge of files and packets in memory promise in common. Must not know how each keeps it.
"""

from typing import Protocol

from mirrorplane.capture.source import Source


class Recording(Source, Protocol):
    """A source with an end; once `fill` has returned 0 it always will."""

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether times need more than microseconds, by their declared resolution.

        What is declared before the first packet is known from the start. A pcapng file may describe a finer
        interface later; then this turns true when that has been read.
        """

    @property
    def consumed(self) -> int:
        """How many bytes have been read; of a compressed file, compressed ones."""

    @property
    def total(self) -> int | None:
        """How many bytes `consumed` will be in the end; None where that is not known."""
