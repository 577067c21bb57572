"""Copies are shared out among sinks, each in its order."""

import numpy as np

from mirrorplane import batch
from mirrorplane.stages import share


def test_each_sink_gets_its_own_in_order() -> None:
    copies, part = batch.copies(8), batch.copies(8)
    copies.count[0] = 6
    copies.frame[:6] = range(10, 16)
    copies.template[:6] = [0, 1, 2, 0, 1, 2]
    copies.payload[:6], copies.whole[:6] = range(30, 36), range(60, 66)
    copies.kept[:6], copies.length[:6] = range(6), range(100, 106)
    outlets = np.array([1, 0, 1], np.int32)
    for outlet, rows in ((0, [1, 4]), (1, [0, 2, 3, 5])):
        share(copies, outlets, np.array([outlet]), part)
        count = int(part.count[0])
        assert part.frame[:count].tolist() == [10 + row for row in rows]
        assert part.template[:count].tolist() == [int(copies.template[row]) for row in rows]
        assert part.payload[:count].tolist() == [30 + row for row in rows]
        assert part.whole[:count].tolist() == [60 + row for row in rows]
        assert part.kept[:count].tolist() == rows
        assert part.length[:count].tolist() == [100 + row for row in rows]
