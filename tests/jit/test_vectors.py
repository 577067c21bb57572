"""Comparisons of eight words, compiled, against what their definitions say."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.jit import I64, U64, kernel
from mirrorplane.jit.vectors import GROUP, LANE, LANES, MOST, agreeing, enclosing, packed


@kernel
def compared(words: U64, at: I64, values: U64, out: U64) -> None:
    out[0] = agreeing(words, at[0], values[0])
    out[1] = enclosing(words, at[0], values[1])
    out[2] = packed(at[1], at[2], at[3])


def column(values: list[int]) -> Any:
    return np.array(values, np.uint64)


WORD = st.integers(0, (1 << 64) - 1)
NUMBER = st.one_of(st.sampled_from([0, 1, MOST - 1, MOST]), st.integers(0, MOST))
PACKED = st.builds(packed, NUMBER, NUMBER, NUMBER)


def both(words: list[int], at: list[int], values: list[int]) -> tuple[list[int], list[int]]:
    """Return what the machine code answers, and what the definitions do."""
    answers = np.zeros((2, 3), np.uint64)
    columns = column(words), np.array(at), column(values)
    compared(*columns, answers[0])
    compared.python(*columns, answers[1])
    return answers[0].tolist(), answers[1].tolist()


@given(st.lists(WORD, min_size=2 * GROUP, max_size=2 * GROUP), st.data())
def test_words_agree_under_their_masks(words: list[int], data: st.DataObject) -> None:
    words[GROUP:] = [mask if data.draw(st.booleans()) else mask & 0xFF << 56 for mask in words[GROUP:]]
    value = data.draw(st.one_of(WORD, st.sampled_from(words[:GROUP])))
    compiled, meant = both(words, [0] * 4, [value, 0])
    assert compiled[0] == meant[0]  # the words are not packed ones


@given(st.lists(st.tuples(PACKED, PACKED), min_size=GROUP, max_size=GROUP), PACKED)
def test_ranges_enclose_in_every_lane(ranges: list[tuple[int, int]], value: int) -> None:
    words = [low for low, _ in ranges] + [high for _, high in ranges]
    compiled, meant = both(words, [0] * 4, [0, value])
    assert compiled == meant
    lanes = [value >> LANE * lane & MOST for lane in range(LANES)]
    around = [packed(*(max(lane - 1, 0) for lane in reversed(lanes)))] * GROUP
    around += [packed(*(min(lane + 1, MOST) for lane in reversed(lanes)))] * GROUP
    assert both(around, [0] * 4, [0, value])[0][1] == (1 << GROUP) - 1


def test_a_group_begins_anywhere() -> None:
    words = [*range(3), *range(GROUP), *[0xFF] * GROUP]
    for value in range(GROUP):
        assert both(words, [3, 0, 0, 0], [value, 0])[0][0] == 1 << value


@given(st.integers(-1, 1 << 30), st.integers(-1, 1 << 30), st.integers(-1, 1 << 30))
def test_a_number_fills_its_own_lane(first: int, second: int, third: int) -> None:
    compiled, meant = both([0] * 2 * GROUP, [0, first, second, third], [0, 0])
    assert compiled == meant
    assert packed(-1, 0, 0) >> 2 * LANE == MOST


_CALL = """
import numpy as np
from tests.jit.test_vectors import compared
out = np.zeros(3, np.uint64)
compared(np.zeros(16, np.uint64), np.array([{at}, 0, 0, 0]), np.zeros(2, np.uint64), out)
"""


@pytest.mark.parametrize(("at", "is_inside"), [(-1, False), (0, True), (1, False)])
def test_the_bounds_checked_build_looks_at_both_ends(at: int, is_inside: bool) -> None:
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1"}
    command = [sys.executable, "-c", _CALL.format(at=at)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ("KernelError" not in result.stderr) == is_inside
    assert (result.returncode == 0) == is_inside
