"""One value against eight at once.

Owns comparisons with groups of words of a uint64 column. Must not know what a word stands for.

These definitions say what is meant and run as Python; compiled, each is a few of the machine's vector
instructions (`vector_intrinsics`), with both ends checked in the bounds-checked build. What is compared is
two groups of GROUP words, one behind the other; the result has bit n set where the nth word of each says so.

A *packed* word holds three numbers below 2**20, a lane of LANE bits each, whose top bit is zero: so one
subtraction compares all three, and that bit says what came of it.
"""

from typing import Any

from mirrorplane.jit.columns import U64
from mirrorplane.jit.inlined import inline

GROUP = 8
"""Words: an AVX-512 register; on others two or four."""

LANE, LANES = 21, 3
MOST = (1 << LANE - 1) - 1
"""The largest number of a lane."""

GUARDS = sum(1 << LANE * lane + LANE - 1 for lane in range(LANES))
"""The top bits of all lanes."""


@inline
def packed(first: int, second: int, third: int) -> int:
    """Return a packed word; of each number the bits below 2**20 are taken."""
    return (first & MOST) << 2 * LANE | (second & MOST) << LANE | third & MOST


def agreeing(words: U64, at: int, value: Any) -> Any:
    """Return where *value* is the word at *at*, in the bits that are set in the word GROUP behind it."""
    pairs = _pairs(words, at)
    return sum(((int(value) ^ word) & mask == 0) << row for row, (word, mask) in enumerate(pairs))


def enclosing(words: U64, at: int, value: Any) -> Any:
    """Return where each lane of *value*, a packed word, lies from the word at *at* to that GROUP behind."""
    lanes = [LANE * lane for lane in range(LANES)]
    return sum(
        all(low >> lane & MOST <= int(value) >> lane & MOST <= high >> lane & MOST for lane in lanes) << row
        for row, (low, high) in enumerate(_pairs(words, at))
    )


def _pairs(words: U64, at: int) -> list[tuple[int, int]]:
    two = [int(word) for word in words[at : at + 2 * GROUP]]
    return list(zip(two[:GROUP], two[GROUP:], strict=True))
