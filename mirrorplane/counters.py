"""The names of everything counted, and how the counts lie in memory.

Owns reasons and layout, and the law that every packet seen is either mirrored or has one named reason. Must
not know protocols or who counts.
"""

from collections.abc import Iterable
from enum import IntEnum, unique
from typing import NamedTuple

import numpy as np

from mirrorplane.batch import DIRECTIONS
from mirrorplane.jit import I64


@unique
class Reason(IntEnum):
    """Why a packet was not mirrored.

    Where several apply, the smallest counts (DESIGN 3.2); losses come last.
    """

    MIRRORED = 0
    NOT_FOR_SOURCE = 1
    OWN_OUTPUT = 2
    MALFORMED = 3
    ARP = 4
    NOT_IP = 5
    DHCP = 6
    DISABLED = 7
    DROP_RULE = 8
    NO_RULE = 9
    NO_ROUTE = 10
    NO_NEIGHBOUR = 11
    RING_FULL = 12
    BACKLOG_FULL = 13
    SEND_FAILED = 14
    UNSEGMENTED = 15


@unique
class Tally(IntEnum):
    """What is counted of a session. `bytes` are outer IP bytes."""

    MIRRORED_PACKETS = 0
    MIRRORED_BYTES = 1
    TRUNCATED_PACKETS = 2


N_REASONS, N_TALLIES, N_DIRECTIONS = len(Reason), len(Tally), len(DIRECTIONS)


class Counters(NamedTuple):
    """The counts of one plan, in flat columns: `seen` and `reasons` by (source, direction).

    `seen[source * N_DIRECTIONS + direction]` is counted where packets come in, `reasons[(source *
    N_DIRECTIONS + direction) * N_REASONS + reason]` where each ends, mirrored ones under MIRRORED: that the
    two agree is the conservation law. `sessions[session * N_TALLIES + tally]`; `rules[rule]` counts the
    packets that a rule decided.
    """

    seen: I64
    reasons: I64
    sessions: I64
    rules: I64


def total(each: Iterable[Counters]) -> Counters:
    """Return the sum of the counters of one plan that several threads have kept."""
    return Counters(*(np.sum(columns, axis=0) for columns in zip(*each, strict=True)))


def counters(sources: int, sessions: int, rules: int) -> Counters:
    """Return zeroed counters for a plan of that many sources, sessions and rules."""
    return Counters(
        np.zeros(sources * N_DIRECTIONS, np.int64),
        np.zeros(sources * N_DIRECTIONS * N_REASONS, np.int64),
        np.zeros(sessions * N_TALLIES, np.int64),
        np.zeros(rules, np.int64),
    )
