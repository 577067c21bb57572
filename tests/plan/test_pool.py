"""Arrays lie one behind the other, and equal ones once."""

import numpy as np

from mirrorplane.plan.pool import Pool


def test_equal_arrays_are_kept_once() -> None:
    pool = Pool(np.uint16)
    assert pool.flat.tolist() == []
    arrays = [[1, 2], [3], [1, 2], [], [2], [1]]
    rows = [pool.keep(np.array(array, np.uint16)) for array in arrays]
    assert rows == [0, 2, 0, 3, 3, 4]
    assert pool.flat.tolist() == [1, 2, 3, 2, 1]
    assert pool.flat.dtype == np.uint16
