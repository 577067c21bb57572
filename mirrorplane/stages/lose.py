"""Copies that were chosen but did not leave.

Owns counting a loss under its reason (DESIGN 3.8). Must not know why it happened.
"""

from mirrorplane.batch import Copies, Frames, Packets
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, N_TALLIES, Counters, Reason, Tally
from mirrorplane.jit import I64, inline, kernel
from mirrorplane.plan.tables import Templates
from mirrorplane.wire import ethernet

MIRRORED = int(Reason.MIRRORED)
PACKETS, BYTES, TRUNCATED = (
    int(Tally.MIRRORED_PACKETS),
    int(Tally.MIRRORED_BYTES),
    int(Tally.TRUNCATED_PACKETS),
)


@kernel
def lose(
    frames: Frames, packets: Packets, copies: Copies, rows: I64, reason: I64, counters: Counters
) -> None:
    """Count the copies from row `rows[0]` up to `rows[1]`, which were not encapsulated, under `reason[0]`."""
    for row in range(rows[0], rows[1]):
        counters.reasons[_way(row, frames, packets, copies) * N_REASONS + reason[0]] += 1


@kernel
def retract(
    frames: Frames,
    packets: Packets,
    templates: Templates,
    copies: Copies,
    rows: I64,
    reason: I64,
    counters: Counters,
) -> None:
    """Count copies `rows[0]` up to `rows[1]`, counted as mirrored before, under `reason[0]` instead."""
    for row in range(rows[0], rows[1]):
        way = _way(row, frames, packets, copies) * N_REASONS
        counters.reasons[way + MIRRORED] -= 1
        counters.reasons[way + reason[0]] += 1
        tally = int(templates.rows[copies.template[row]].session) * N_TALLIES
        counters.sessions[tally + PACKETS] -= 1
        counters.sessions[tally + BYTES] -= int(copies.length[row]) - ethernet.HEADER_LEN
        counters.sessions[tally + TRUNCATED] -= copies.kept[row] < copies.whole[row]


@inline
def _way(row: int, frames: Frames, packets: Packets, copies: Copies) -> int:
    packet = copies.frame[row]
    return int(frames.source[packet]) * N_DIRECTIONS + int(packets.direction[packet])
