"""Commands and flags: help and refusals come without the slow imports."""

import os
import subprocess
import sys

import pytest

from mirrorplane import __version__
from tests.cli.commands import mirrorplane, refusal

SLOW = ("numba", "numpy", "pydantic", "rich", "pyroute2", "llvmlite")
LOOK = "import sys, mirrorplane.cli.app; print([name for name in sys.argv[1:] if name in sys.modules])"


def test_help_names_every_command() -> None:
    done = mirrorplane("--help")
    assert done.returncode == 0
    for command in ("replay", "run", "check", "demo"):
        assert f"\n  {command} " in done.stdout.decode()


def test_help_imports_nothing_slow() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, *SLOW], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_told() -> None:
    assert mirrorplane("--version").stdout.decode() == f"mirrorplane {__version__}\n"


@pytest.mark.parametrize("arguments", [["walk"], ["replay"], ["check"], ["run", "--engine", "steam", "x"]])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    assert refusal(mirrorplane(*arguments), 2)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = [sys.executable, "-m", "mirrorplane", "--help"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(write)
    assert b"Traceback" not in done.stderr
