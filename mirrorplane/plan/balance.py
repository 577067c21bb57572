"""A load balancer's slots: which backend has which share of the flow hashes.

Owns the table. Must not know flows, addresses or health checks.

Each slot belongs to the backend with the highest score for it (rendezvous hashing, Thaler & Ravishankar
1998), computed once for the table. The design asks for Maglev and, in the same sentence, that losing a
backend moves its own flows and no others: Maglev's filling order does move others (with 10 backends and
65,537 slots, about 1 % of the slots that the lost one did not own), rendezvous moves none by construction,
and a table of it costs the same single load a packet. What it gives up is Maglev's even filling: with n
backends a share deviates by about sqrt(n / 65,536) of itself, 1.2 % at n = 10.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mirrorplane.wire.flow import SLOT_BITS, mix64

SLOTS = 1 << SLOT_BITS


def spread(backends: Sequence[str], healthy: Sequence[bool] | None = None) -> NDArray[np.uint16]:
    """Return, for each slot, the index in *backends* of the one that owns it; only healthy ones own any.

    With none healthy, all are treated as healthy: their next hop then says why nothing is sent.
    """
    usable = [index for index in range(len(backends)) if healthy is None or healthy[index]]
    usable = sorted(usable or range(len(backends)), key=lambda index: backends[index])
    slots = mix64(np.arange(SLOTS, dtype=np.uint64))
    scores = np.stack([mix64(slots ^ _seed(backends[index])) for index in usable])
    owners: NDArray[np.uint16] = np.asarray(usable, np.uint16)[scores.argmax(axis=0)]
    return owners


def _seed(backend: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.sha256(backend.encode()).digest()[:8], "big"))
