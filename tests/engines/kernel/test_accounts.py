"""The law of conservation where copies wait in queues."""

import numpy as np
import pytest

from mirrorplane.counters import N_REASONS, Reason
from mirrorplane.engines.kernel.accounts import _settled


def ways(*fates: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return what was seen each way, and the fates known so far: (seen, mirrored)."""
    reasons = np.zeros((len(fates), N_REASONS), np.int64)
    reasons[:, Reason.MIRRORED] = [mirrored for _, mirrored in fates]
    return np.array([seen for seen, _ in fates]), reasons


@pytest.mark.parametrize(
    ("fates", "dropped", "lost"),
    [
        (((10, 10), (5, 5)), 0, [0, 0]),
        (((10, 4), (5, 5)), 6, [6, 0]),  # nothing waits: which way they went is known
        (((10, 4), (5, 5)), 9, [6, 0]),  # more than that cannot have been seen
        (((10, 4), (10, 4)), 6, [3, 3]),  # six of twelve wait: each way has its share
        (((10, 4), (5, 5)), 0, [0, 0]),
    ],
)
def test_what_was_dropped_has_its_reason(
    fates: tuple[tuple[int, int], ...], dropped: int, lost: list[int]
) -> None:
    seen, reasons = ways(*fates)
    settled = _settled(seen, reasons, dropped)
    assert settled[:, Reason.BACKLOG_FULL].tolist() == lost
    assert (settled.sum(axis=1) <= seen).all()
