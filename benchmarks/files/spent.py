"""What a process costs: wall time, CPU time, memory.

Owns running a program for that. Must not know programs. They are started by a small process of their own,
this file as a script: what a parent holds would else be taken for the child's largest size (getrusage(2)).
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, NamedTuple

KIBI = 1 << 10


class Spent(NamedTuple):
    """Seconds that it took, seconds of CPU, and the most bytes that it held (resident)."""

    seconds: float
    cpu: float
    peak: float


def median(found: Sequence[Spent]) -> Spent:
    """Return the median of each."""
    return Spent(*(statistics.median(each) for each in zip(*found, strict=True)))


def beyond(wholes: Sequence[Spent], starts: Sequence[Spent]) -> list[Spent]:
    """Return what each of *wholes* took beyond the median of the run's start-ups.

    A single start-up varies by more than some of what is beyond it.
    """
    start = median(starts)
    return [
        Spent(whole.seconds - start.seconds, whole.cpu - start.cpu, whole.peak - start.peak)
        for whole in wholes
    ]


class FailedProgramError(RuntimeError):
    """A program that was to be measured ended with an error."""


def spent(command: Sequence[str], feed: Sequence[str] | None = None) -> Spent:
    """Run *command*, with what *feed* writes as its standard input. Raises FailedProgramError."""
    if feed is None:
        return _run(command, DEVNULL)
    with Popen(feed, stdout=PIPE) as feeder:
        found = _run(command, feeder.stdout)
    if feeder.returncode:
        raise FailedProgramError(f"{feed[0]} ended with {feeder.returncode}")
    return found


def _run(command: Sequence[str], given: int | IO[bytes] | None) -> Spent:
    runner = [sys.executable, "-I", "-S", __file__, *command]
    done = subprocess.run(runner, stdin=given, stdout=DEVNULL, stderr=PIPE, text=True, check=False)
    if done.returncode:
        raise FailedProgramError(f"{command[0]}: {done.stderr.strip()}")
    return Spent(*json.loads(done.stderr.splitlines()[-1]))


def main() -> None:
    """Run the rest of the command line; say what it took at the end of standard error."""
    began = time.perf_counter()
    process = Popen(sys.argv[1:])
    _, status, usage = os.wait4(process.pid, 0)
    lasted = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([lasted, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KIBI]), file=sys.stderr)
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
