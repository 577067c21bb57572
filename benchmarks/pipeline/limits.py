"""What no mirror can be faster than: memcpy of the same bytes.

Owns both limits. Must not know stages. One is a compiled loop of a memcpy a copy, over the very offsets and
lengths that the pipeline had, from the same source to the same kind of buffer; the other a single memcpy of
as many bytes from the source to memory that was touched before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.pipeline.memory import BUFFER, Noted, mirror
from benchmarks.traffic import Traffic
from mirrorplane.jit import I64, U8, Bound, kernel
from mirrorplane.jit.memory import copy
from mirrorplane.plan import Plan


class Limits(NamedTuple):
    """Ready to run: the loop over copies, and the block; `n_bytes` is what either copies."""

    each: Bound
    block: Bound
    n_bytes: int


@kernel
def move_each(source: U8, starts: I64, lengths: I64, places: I64, target: U8) -> None:
    """Copy each run of bytes to its place."""
    for row in range(starts.size):
        copy(target, places[row], source, starts[row], lengths[row])


@kernel
def move_block(source: U8, target: U8) -> None:
    """Copy as many bytes as there is room for, at once."""
    copy(target, 0, source, 0, target.size)


def limits(plan: Plan, packets: Traffic) -> Limits:
    """Return what the pipeline cannot beat with these packets: it is run once to learn what it copies."""
    noted = Noted()
    mirror(plan, packets, noted).run()
    starts, lengths, places = noted.notes()
    n_bytes = int(lengths.sum())
    whole: NDArray[np.uint8] = np.full(n_bytes, 1, np.uint8)
    target = np.full(BUFFER, 1, np.uint8)
    each = move_each.bind(packets.data, starts, lengths, places, target)
    return Limits(each, move_block.bind(packets.data, whole), n_bytes)
