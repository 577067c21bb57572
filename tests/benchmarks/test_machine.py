"""What is measured on, read off this machine."""

import os
import platform

import pytest

from benchmarks import machine


def test_the_machine_is_this_one() -> None:
    found = machine.machine()
    assert found.cores >= found.usable == len(os.sched_getaffinity(0))
    assert found.memory > 100 << 20
    assert found.python == platform.python_version()
    assert platform.release() in found.kernel


def test_caches_grow_with_their_level() -> None:
    found = machine.caches()
    if not found:
        pytest.skip("/sys does not tell of caches")
    levels = sorted((name[1], size) for name, size in found.items())
    assert {level for level, _ in levels} <= set("1234")
    assert levels[0][1] <= levels[-1][1]


def test_versions_are_told_and_what_is_not_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = {name: version for name, version in machine.versions().items() if name in machine.LIBRARIES}
    assert all(version[0].isdigit() for version in libraries.values())
    monkeypatch.setenv("PATH", "")
    assert {name: version for name, version in machine.versions().items() if name in machine.PROGRAMS} == (
        dict.fromkeys(machine.PROGRAMS, "")
    )
