"""The clock by which things are put in order.

Owns that no two ticks are the same. Must not know what they are for.
"""

from collections.abc import Callable

TICK = 1e-6
"""Seconds between two ticks at least: what a float still tells apart until the year 2242."""

Clock = Callable[[], float]


class Ticks:
    """Seconds since the epoch, each later than the one before and than *after*, whatever *clock* does."""

    def __init__(self, clock: Clock, after: float = 0.0) -> None:
        self._clock, self._last = clock, after

    def __call__(self) -> float:
        """Return now."""
        self._last = max(self._clock(), self._last + TICK)
        return self._last
