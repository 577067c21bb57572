"""SIGKILL in the middle of many writes, and what is there afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

from mirrorplane.control.resources import Status
from tests.control import doomed
from tests.control.bench import Bench
from tests.control.desk import HERE
from tests.control.rig import running, settled

N_SESSIONS = 600
"""That the process is to create: it does not get that far."""


@pytest.mark.parametrize("n_before_the_end", [1, 37, 150])
def test_what_was_acknowledged_is_there_once_and_the_rest_can_be_asked_again(
    tmp_path: Path, n_before_the_end: int
) -> None:
    told, chosen = killed(tmp_path, n_before_the_end)
    bench = Bench()
    with running(tmp_path, bench, api=doomed.QUOTAS) as control:
        before = {each.priority: each.id for each in control.snapshot().sessions(HERE)}
        assert told.items() <= before.items()
        again = {at: doomed.create(control, at, chosen) for at in range(1, N_SESSIONS + 1)}
        assert told.items() <= before.items() <= again.items()
        snapshot = settled(control)
        found = {each.priority: each for each in snapshot.sessions(HERE)}
        assert {at: each.id for at, each in found.items()} == again
        assert len(snapshot.sessions(HERE)) == N_SESSIONS
        assert {each.life.status for each in found.values()} == {Status.READY}
        assert {each.sources for each in found.values()} == {("eni-a", "eni-b")}
        assert all(each.tags == {"n": str(at)} for at, each in found.items())
        assert set(bench.running) == set(again.values())


def killed(folder: Path, n_before_the_end: int) -> tuple[dict[int, str], str]:
    """Return the sessions by number that a process was told of before it was killed, and their filter."""
    command = [sys.executable, "-m", "tests.control.doomed", str(folder), str(N_SESSIONS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        chosen = process.stdout.readline().strip()
        lines = [process.stdout.readline() for _ in range(n_before_the_end)]
        process.kill()
        lines += [line for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -9
    assert len(lines) < N_SESSIONS
    return {int(number): name for number, name in map(str.split, lines)}, chosen
