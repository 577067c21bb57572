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


LOST = """
import signal, weakref
from mirrorplane.cli.startup import end_at_once_on_interrupts

class Module:
    pass

module = Module()
seen = weakref.ref(module, lambda _: signal.raise_signal(signal.SIGINT))
{begin}
del module
print("went on")
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


def test_an_interrupt_is_not_lost_where_an_exception_would_be() -> None:
    python = [sys.executable, "-c"]
    lost = subprocess.run([*python, LOST.format(begin="")], capture_output=True, check=False)
    assert (lost.returncode, lost.stdout) == (0, b"went on\n")
    taken = LOST.format(begin="end_at_once_on_interrupts()")
    done = subprocess.run([*python, taken], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN); end_at_once_on_interrupts()"
    done = subprocess.run(
        [sys.executable, "-c", LOST.format(begin=ignored)], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"went on\n", b"")


def test_what_is_left_behind_is_not_searched() -> None:
    try:
        startup.leave_behind()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
