"""What a short command does not wait for."""

import gc
import subprocess
import sys

import pytest

from mirrorplane.cli import startup

THREADS = """
import os
from mirrorplane.cli.startup import hasten
hasten()
import numpy
print(len(os.listdir("/proc/self/task")))
"""

CROSSING = """
import resource
from mirrorplane.cli.startup import in_one_piece

def leaf():
    pass

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def worst(depth):
    before = faults()
    for _ in range(100):
        leaf()
    here = faults() - before
    return max(here, worst(depth - 1)) if depth else here

{mark}
def start():
    return worst(500)

print(start())
"""


def answer(code: str) -> int:
    return int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def test_numpy_starts_no_threads() -> None:
    assert answer(THREADS) == 1


def test_no_call_maps_memory_of_its_own() -> None:
    """At some depth each call of a loop did."""
    assert answer(CROSSING.format(mark="")) >= 100
    assert answer(CROSSING.format(mark="@in_one_piece")) < 20


def test_a_function_in_one_piece_does_what_it_did() -> None:
    offset = 3

    @startup.in_one_piece
    def add(first: int, *, second: int = 2) -> int:
        return first + second + offset

    assert (add(1), add(1, second=5)) == (6, 9)
    with pytest.raises(TypeError):
        add()  # type: ignore[call-arg] # as it did before


def test_what_is_left_behind_is_not_searched() -> None:
    try:
        startup.leave_behind()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
