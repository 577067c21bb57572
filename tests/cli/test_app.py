"""Commands and flags: help and refusals come without the slow imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mirrorplane import __version__
from tests.cli.commands import PCAPS, mirrorplane, redirected, refusal

SLOW = ("numba", "numpy", "pydantic", "rich", "pyroute2", "llvmlite")
LOOK = "import sys, mirrorplane.cli.app; print([name for name in sys.argv[1:] if name in sys.modules])"

REPLAY = "replay pcaps/http.yaml --source eni-server=pcaps/http.pcap --json -o {folder}/mirrored.pcap"
CLOSED = "Bad file descriptor"


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


def test_wrong_usage_is_told_with_the_usage() -> None:
    said = refusal(mirrorplane("check", "--wrong"), 2)
    assert said.startswith("Usage: mirrorplane check ")
    assert "No such option '--wrong'" in said


@pytest.mark.parametrize("arguments", [["--help"], ["check", PCAPS / "http.yaml"]])
def test_a_reader_that_goes_away_is_no_traceback(arguments: list[str | Path]) -> None:
    command = [sys.executable, "-m", "mirrorplane", *map(str, arguments)]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("where", "why"), [("> /dev/full", "No space left on device"), (">&-", CLOSED)])
@pytest.mark.parametrize("arguments", ["--help", "--version", "check pcaps/http.yaml", REPLAY])
def test_an_output_that_takes_nothing_is_one_line(
    tmp_path: Path, arguments: str, where: str, why: str
) -> None:
    said = refusal(redirected(f"{arguments.format(folder=tmp_path)} {where}"), 1)
    assert said == f"mirrorplane: standard output: {why}\n"


@pytest.mark.parametrize("where", ["2>&-", "2> /dev/full"])
def test_nowhere_to_complain_is_no_other_outcome(where: str) -> None:
    done = redirected(f"check missing.yaml {where}")
    assert (done.returncode, done.stdout) == (2, b"")


def test_ctrl_c_is_an_exit_code() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "mirrorplane", "check", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "mirrorplane.cli.reading" not in (line := running.stderr.readline()):
            assert line
        running.send_signal(signal.SIGINT)  # it reads its input now, which does not end
        _, said = running.communicate(timeout=60)
    assert (running.returncode, "Traceback" in said) == (130, False)


ERRORS = """
import errno, subprocess
from pyroute2.netlink.exceptions import NetlinkError
from mirrorplane.cli.outcome import exit_codes
from mirrorplane.lab.namespaces import LabError
with exit_codes():
    raise {error}
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("LabError('no lab')", "no lab"),
        ("NetlinkError(errno.EEXIST)", "netlink: File exists"),
        ("subprocess.TimeoutExpired('walk', 5)", "Command 'walk' timed out after 5 seconds"),
        ("OSError(errno.EACCES, 'Permission denied', 'there')", "there: Permission denied"),
        ("OSError(errno.ENETDOWN, 'Network is down')", "Network is down"),
    ],
)
def test_what_the_system_refuses_is_one_line(error: str, line: str) -> None:
    command = [sys.executable, "-c", ERRORS.format(error=error)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert refusal(done, 1) == f"mirrorplane: {line}\n"


def test_our_own_mistakes_show_where_they_are() -> None:
    command = [sys.executable, "-c", ERRORS.format(error="KeyError('ours')")]
    assert b"Traceback" in subprocess.run(command, capture_output=True, check=False, timeout=60).stderr
