"""The stages in memory, on one core: batches in, encapsulated frames out.

Owns the rates by packet size, PacketLength and number of rules. The packets lie behind one another in more
memory than the caches hold, and each copy is written to a buffer that a file's or a ring's would be;
nothing is read or sent.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks import measure
from benchmarks.traffic import SIZES, Rule, Traffic, configuration, rules, traffic
from mirrorplane.batch import Copies, Frames
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.jit import I64, Bound, kernel
from mirrorplane.model import read
from mirrorplane.plan import compile_plan

PACKETS = 400_000
LENGTHS = (64, 128, 1500)
RULES = (10, 100, 1000)
MILLION = 1e6


class Rows:
    """A source that hands out rows of frames which lie in memory."""

    def __init__(self, packets: Traffic) -> None:
        self.data = packets.data
        self._packets, self._next = packets, 0

    def fill(self, frames: Frames) -> int:
        """Hand out the next rows."""
        first = self._next
        last = self._next = min(first + frames.length.size, self._packets.lengths.size)
        count = last - first
        frames.offset[:count] = self._packets.offsets[first:last]
        frames.length[:count] = self._packets.lengths[first:last]
        frames.wire_length[:count] = self._packets.lengths[first:last]
        frames.count[0] = count
        return count

    def close(self) -> None:
        """Do nothing."""


@kernel
def _pack(copies: Copies, first: I64, used: I64) -> None:
    """Place the copies from row `first[0]` on behind one another, from `used[0]` on."""
    at = used[0]
    for row in range(first[0], copies.count[0]):
        copies.offset[row] = at
        at += copies.length[row]
    used[0] = at


class Packed:
    """A sink that packs frames into a buffer, and begins anew with each batch."""

    def __init__(self) -> None:
        self.data = np.zeros(16 << 20, np.uint8)
        self._first, self._used = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._bound: Bound | None = None

    def place(self, _frames: Frames, copies: Copies, first: int) -> int:
        """Place all."""
        if self._bound is None:
            self._bound = _pack.bind(copies, self._first, self._used)
        self._first[0], self._used[0] = first, 0
        self._bound()
        return int(copies.count[0]) - first

    def send(self) -> int:
        """Take all."""
        return 0

    def close(self) -> None:
        """Do nothing."""


def rate(packets: Traffic, text: str) -> float:
    """Return the millions of packets a second that the pipeline does."""
    plan = compile_plan(read(text, "benchmark"))
    run = Replay(plan, Rows(packets), into(Packed(), file_templates(plan)))
    taken = measure.seconds(run.run)
    return packets.lengths.size / taken / MILLION


def by_size() -> None:
    """Print the rates by packet size and PacketLength, with 10 rules."""
    chosen = rules(RULES[0])
    rows = []
    for mix in SIZES:
        samples = measure.alternating(_by_length(traffic(mix, PACKETS, chosen), chosen))
        rows.append([mix, *(str(measure.figure(taken)) for taken in samples.values())])
    show = [f"PacketLength {length} [Mpps]" for length in LENGTHS]
    measure.show("pipeline in memory, one core, 10 rules: by frame size", ["frame [bytes]", *show], rows)


def _by_length(packets: Traffic, chosen: list[Rule]) -> dict[str, Callable[[], float]]:
    """Return the measurement of each PacketLength."""
    return {str(length): partial(rate, packets, configuration(chosen, length)) for length in LENGTHS}


def by_rules() -> None:
    """Print the rates by number of rules, IMIX at PacketLength 128, and how they compare with 10."""
    kinds = {count: rules(count) for count in RULES}
    packets = {count: traffic("IMIX", PACKETS, chosen) for count, chosen in kinds.items()}
    sides = {
        str(count): partial(rate, packets[count], configuration(kinds[count], LENGTHS[1])) for count in RULES
    }
    samples = measure.alternating(sides)
    first = samples[str(RULES[0])]
    rows = [
        [name, str(measure.figure(taken)), str(measure.ratio(first, taken))]
        for name, taken in samples.items()
    ]
    columns = ["rules", "rate [Mpps]", "time a packet, times that with 10 rules"]
    measure.show("pipeline in memory, one core, IMIX, PacketLength 128: by number of rules", columns, rows)
