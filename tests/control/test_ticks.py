"""The clock that never repeats itself."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.control.ticks import TICK, Ticks

LATEST = 2**33 - 1
"""The year 2242."""


@given(st.lists(st.floats(0, LATEST), min_size=1), st.floats(0, LATEST))
def test_each_tick_is_later(times: list[float], after: float) -> None:
    clock = iter(times)
    ticks = Ticks(lambda: next(clock), after)
    found = [after, *(ticks() for _ in times)]
    assert all(earlier < later for earlier, later in pairwise(found))


def test_a_tick_is_the_clocks_where_that_goes_on() -> None:
    clock = iter([5.0, 6.0, 6.0, 1.0])
    ticks = Ticks(lambda: next(clock), 1.0)
    assert [ticks() for _ in range(4)] == [5.0, 6.0, 6.0 + TICK, 6.0 + TICK + TICK]
