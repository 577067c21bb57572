"""A field's values -> the rules that each value satisfies, as bit vectors.

Owns the equivalence classes of one field (Lakshman & Stiliadis 1998). Must not know which field it is.

The borders of all rules cut the field's values into elementary intervals; in each, the same rules hold, so
that an interval is a bit vector. Neighbours with the same vector are one interval.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64


class Range(NamedTuple):
    """Values of a field that satisfy a rule, both ends included."""

    low: int
    high: int


class Intervals(NamedTuple):
    """`starts[i]` is the first value of interval i, `vectors[i]` its bits: 64-bit words, rule 0 first."""

    starts: list[int]
    vectors: NDArray[np.uint64]


def cut(rules: Sequence[Sequence[Range]]) -> Intervals:
    """Return the elementary intervals of *rules*; a rule is satisfied by the values of its ranges."""
    starts = sorted({0}.union(*({low, high + 1} for ranges in rules for low, high in ranges)))
    place = {start: index for index, start in enumerate(starts)}
    holds = np.zeros((words(len(rules)) * WORD_BITS, len(starts)), np.uint8)
    for rule, ranges in enumerate(rules):
        for low, high in ranges:
            holds[rule, place[low] : place[high + 1]] = 1
    vectors = pack(holds.T)
    differs = np.ones(len(starts), bool)
    differs[1:] = (vectors[1:] != vectors[:-1]).any(axis=1)
    return Intervals([start for start, keep in zip(starts, differs, strict=True) if keep], vectors[differs])


def pack(holds: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return rows of 0 and 1, a multiple of 64 of them, as rows of 64-bit words, the first the lowest bit."""
    packed = np.packbits(holds, axis=1, bitorder="little")
    return np.ascontiguousarray(packed).view(np.dtype("<u8")).astype(np.uint64)


def words(rules: int) -> int:
    """Return how many 64-bit words hold a bit for each of *rules*."""
    return -(-rules // WORD_BITS)


def compress(vector: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return *vector* as it is searched: a summary, and the words that are not zero, its bits.

    A vector of one word is itself, without a summary. (Aggregated bit vectors, Baboescu & Varghese 2001, less
    the words that the summary says are zero.) So a search looks at a few words, however many rules there are,
    and what it looks at is close together: with 1,000 rules the vectors take a third of the room.
    """
    if vector.size <= 1:
        return vector
    holds = np.zeros((1, words(vector.size) * WORD_BITS), np.uint8)
    holds[0, : vector.size] = vector != 0
    return np.concatenate([pack(holds)[0], vector[vector != 0]])
