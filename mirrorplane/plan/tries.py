"""A field's value -> its bit vector, byte by byte.

Owns the nodes that every field's lookup walks, and the vectors they lead to. Must not know rules or fields.

A node has 256 entries, one for each value of the next byte: not negative, the row of the next node;
negative, the complement of a row of `bitmaps`. A lookup takes as many steps as it has bytes, or fewer where
a border lies no deeper: it does not slow down with the number of rules. Equal nodes and equal vectors are
kept once, so that sources with the same rules share their tables.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mirrorplane.plan.intervals import Intervals, compress
from mirrorplane.plan.pool import Pool

FANOUT = 256
_BYTE_BITS = 8


class Tries:
    """Nodes and vectors under construction."""

    def __init__(self) -> None:
        self._nodes, self._vectors = Pool(np.int32), Pool(np.uint64)

    @property
    def nodes(self) -> NDArray[np.int32]:
        """All nodes so far, flat."""
        return self._nodes.flat

    @property
    def bitmaps(self) -> NDArray[np.uint64]:
        """All vectors so far, flat."""
        return self._vectors.flat

    def vector(self, words: NDArray[np.uint64], weight: int) -> int:
        """Keep one bit vector, compressed, behind its weight if it has summaries; return its row."""
        before = np.array([weight] if words.size > 1 else [], np.uint64)
        return self._vectors.keep(np.concatenate([before, compress(words)])) + before.size

    def root(self, intervals: Intervals, n_bytes: int, weights: Sequence[int]) -> int:
        """Keep the trie of a field of *n_bytes*, whose vectors have *weights*; return the row of its root."""
        pairs = zip(intervals.vectors, weights, strict=True)
        leaves = [~self.vector(vector, weight) for vector, weight in pairs]
        return self._node(intervals.starts, leaves, 0, (n_bytes - 1) * _BYTE_BITS)

    def _node(self, starts: list[int], leaves: list[int], base: int, shift: int) -> int:
        """Return the row of the node for the values from *base* on, each entry covering 2**shift of them."""
        first = bisect_right(starts, base)
        entries = np.full(FANOUT, leaves[first - 1], np.int32)
        split: list[int] = []
        for index in range(first, bisect_right(starts, base + (FANOUT << shift) - 1)):
            entry, rest = divmod(starts[index] - base, 1 << shift)
            if rest:
                split.append(entry)
                entry += 1
            entries[entry:] = leaves[index]
        for entry in dict.fromkeys(split):
            entries[entry] = self._node(starts, leaves, base + (entry << shift), shift - _BYTE_BITS)
        return self._nodes.keep(entries)
