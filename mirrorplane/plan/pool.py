"""Arrays laid one behind the other, each that there is once.

Owns where an array lies among the others. Must not know what it means.
"""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)


class Pool(Generic[T]):
    """One-dimensional arrays of one dtype."""

    def __init__(self, dtype: type[T]) -> None:
        self._arrays: list[NDArray[T]] = [np.zeros(0, dtype)]
        self._rows: dict[bytes, int] = {}
        self._next = 0

    @property
    def flat(self) -> NDArray[T]:
        """All of them so far."""
        return np.concatenate(self._arrays)

    def keep(self, array: NDArray[T]) -> int:
        """Return where *array* begins among them; it is laid behind the last unless an equal one is there."""
        key = array.tobytes()
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._next
            self._arrays.append(array)
            self._next += array.size
        return row
