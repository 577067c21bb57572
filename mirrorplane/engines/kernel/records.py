"""The rows of the maps, as Python writes and reads them.

Owns the layout of what the programs share with Python, beside the rows of `mirrorplane.plan.tables`, which
they share too; a test compares all of it with the C structs of `program/` through the object's BTF. Must not
know when a row is written.

Every dtype has C's alignment: an array of records is what a map holds. Padding is zeroed by `rows`, because
the kernel compares it in keys.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirrorplane.counters import N_REASONS
from mirrorplane.plan.tables import HEADER_STRIDE, TEMPLATE
from mirrorplane.plan.tries import FANOUT

GENERATIONS = 2
"""Copies of the tables: one in force, one that may be written."""

MAX_RELAYS = 8
"""CPUs that copies can be handed over to."""

MAX_CPUS = 256
"""Also stands for the CPU that a packet is on, where a relay's is asked for."""

MAX_SOURCES, MAX_SESSIONS, MAX_RULES = 4096, 16384, 65536
"""Rows of counters, in the life of an instance: those of what was removed are kept."""

MAX_TEMPLATES = 0xFFFF
"""What fits a copy's mark beside the port, the direction and the generation."""

MAX_STEPS = 72
"""Words of a bit vector that one lookup can go through, summaries included."""

N_BUCKETS = 0x4000

PAGE = 4096

CONTROL = np.dtype(
    [
        ("generation", "u4"),
        ("staging", "u4"),
        ("hand_over_from", "u4"),
        ("limit", "u4"),  # wire packets that may wait for one CPU
        ("room", "u4"),  # packets that the kernel's own queue of a CPU takes
    ]
)

PLACE = np.dtype([("namespace", "u4"), ("ifindex", "u4")])
"""A device: `namespace` is the number that the programs attached there were loaded with."""

DEVICE = np.dtype(
    [
        ("source", "u4"),
        ("staging", "u4"),  # ifindex of its A end; 0 in another namespace than the engine's
        ("n_relays", "u4"),
        ("relay", "u4", MAX_RELAYS),  # ifindexes of their A ends, in the device's namespace
        ("cpu", "u4", MAX_RELAYS),
    ]
)

SOURCE = np.dtype(
    [
        ("default_template", "i4"),
        ("default_slots", "i4"),
        ("low_port", "i4"),
        ("high_port", "i4"),
        ("present", "u1"),
        ("turned", "u1"),
        ("also", "u1"),
        ("unmatched", "u1"),
    ]
)
"""`plan.tables.SOURCE` without what only captures need; rows that no source has are not `present`."""

TUNNEL = np.dtype(
    [("source", "u1", 16), ("destination", "u1", 16), ("port", "u4"), ("vni", "u4"), ("version", "u4")]
)
"""`plan.tables.TUNNEL` as a key: addresses in the order of the wire, at the end of their 16 bytes."""

NODE = np.dtype([("entry", "i4", FANOUT)])

KERNEL_TEMPLATE = np.dtype(
    [
        *((name, TEMPLATE[name]) for name in TEMPLATE.names or ()),
        ("source", "u4"),
        ("outlet", "u4"),  # ifindex that it leaves by
        ("header", "u1", HEADER_STRIDE),
    ],
    align=True,
)
"""`plan.tables.TEMPLATE` with its header; `session` and `source` are rows of counters."""

WAY = np.dtype([("seen", "u8"), ("reasons", "u8", N_REASONS)])
"""Counted of a (source, direction)."""

TALLY = np.dtype([("mirrored_packets", "u8"), ("mirrored_bytes", "u8"), ("truncated_packets", "u8")])

BUCKET = np.dtype([("staged", "i4"), ("by", "u4"), ("last", "u8")])
QUEUE = np.dtype(
    [
        ("put", "u8"),
        ("seen", "u8"),
        ("stalled_at", "u8"),
        ("stalled_since", "u8"),
        ("apart", "u8", 4),
        ("done", "u8"),
        ("last", "u8"),
        ("awake", "u8"),
        ("wakeful", "u8"),
        ("staged", "i8"),
        ("since", "u8"),
        ("waiting", "u4"),
        ("served", "u4"),
        ("apart_again", "u8"),
    ]
)
"""These two are the programs' own: what travels, and by which road."""


def rows(dtype: np.dtype[Any], count: int = 1) -> NDArray[Any]:
    """Return *count* zeroed rows of *dtype*."""
    return np.zeros(count, dtype)


def number(value: int) -> bytes:
    """Return the key of an array map's row."""
    return np.uint32(value).tobytes()
