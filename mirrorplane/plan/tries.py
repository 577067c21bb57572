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

FANOUT = 256
_BYTE_BITS = 8


class Tries:
    """Nodes and vectors under construction."""

    def __init__(self) -> None:
        self._nodes: list[NDArray[np.int32]] = []
        self._node_rows: dict[bytes, int] = {}
        self._vectors: list[NDArray[np.uint64]] = []
        self._vector_rows: dict[bytes, int] = {}
        self._next_vector = 0

    @property
    def nodes(self) -> NDArray[np.int32]:
        """All nodes so far, flat."""
        return np.concatenate([*self._nodes, np.zeros(0, np.int32)])

    @property
    def bitmaps(self) -> NDArray[np.uint64]:
        """All vectors so far, flat."""
        return np.concatenate([*self._vectors, np.zeros(0, np.uint64)])

    def vector(self, words: NDArray[np.uint64], weight: int) -> int:
        """Keep one bit vector, compressed, behind its weight if it has summaries; return its row."""
        key = words.tobytes() + (weight.to_bytes(8, "big") if words.size > 1 else b"")
        row = self._vector_rows.get(key)
        if row is None:
            before = np.array([weight] if words.size > 1 else [], np.uint64)
            row = self._vector_rows[key] = self._next_vector + before.size
            self._vectors += [before, compress(words)]
            self._next_vector = row + self._vectors[-1].size
        return row

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
        return self._keep_node(entries)

    def _keep_node(self, entries: NDArray[np.int32]) -> int:
        key = entries.tobytes()
        row = self._node_rows.get(key)
        if row is None:
            row = self._node_rows[key] = len(self._nodes) * FANOUT
            self._nodes.append(entries)
        return row
