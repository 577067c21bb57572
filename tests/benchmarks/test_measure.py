"""Alternating pairs."""

import time
from functools import partial

from benchmarks import measure


def test_sides_take_turns_and_every_other_turn_goes_the_other_way() -> None:
    turns: list[str] = []

    def side(name: str) -> int:
        turns.append(name)
        return len(turns)

    found = measure.alternating({name: partial(side, name) for name in "ab"}, 3)
    assert turns == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert found == {"a": [3, 6, 7], "b": [4, 5, 8]}


def test_a_wait_takes_time_and_no_cpu() -> None:
    assert measure.seconds(lambda: time.sleep(0.1)) >= 0.1
    assert measure.cpu_seconds(lambda: time.sleep(0.1)) < 0.05


def test_work_takes_cpu() -> None:
    def work() -> None:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    assert measure.cpu_seconds(work) >= 0.05
