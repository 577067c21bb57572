"""`demo`, whole: live where it may be, by the recording where it may not."""

import subprocess
import sys
from pathlib import Path

import pytest

from mirrorplane.cli.demo import await_ready
from mirrorplane.cli.outcome import FailedError
from tests.cli.commands import mirrorplane, redirected, refusal
from tests.cli.test_replay import expected, frames

WITHOUT_PRIVILEGES = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 24, 12, 13, 21
for capability in (CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN):
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability)
os.execv(sys.executable, [sys.executable, "-m", "mirrorplane", *sys.argv[1:]])
"""
"""Runs the command line without the capabilities that root has and others do not (capabilities(7))."""


@pytest.mark.usefixtures("allowed")
def test_the_sensor_gets_what_is_mirrored(tmp_path: Path) -> None:
    output = tmp_path / "demo.pcap"
    done = mirrorplane("demo", "-o", output)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert "TCP 'GET /300 HTTP/1.1'  [142 bytes]" in said
    assert "VNI 80, the first 8 of " in said
    assert "VNI 1000, the first 8 of " in said
    assert len(frames(output)) > 60


def test_without_privileges_the_recording_is_replayed(tmp_path: Path) -> None:
    output = tmp_path / "demo.pcap"
    command = [sys.executable, "-c", WITHOUT_PRIVILEGES, "demo", "-o", str(output)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Replaying a recording" in done.stdout.decode()
    sessions = expected("demo")["sessions"].values()
    assert len(frames(output)) == sum(session["mirrored_packets"] for session in sessions)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(mirrorplane("demo", "-o", tmp_path / "none" / "x.pcap"), 1)


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    done = mirrorplane("demo", "-o", tmp_path)
    assert refusal(done, 1) == f"mirrorplane: {tmp_path}: Is a directory\n"
    assert not done.stdout, "before anything is built"


def test_a_demo_that_fails_leaves_no_empty_file(tmp_path: Path) -> None:
    output = tmp_path / "demo.pcap"
    refusal(redirected(f"demo -o {output} > /dev/full"), 1)
    assert not output.exists()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("printf 'no end of line' >&2; exec sleep 60", "no end of line"),
        ("echo one >&2; echo two >&2", "one; two"),
    ],
)
def test_a_run_that_does_not_get_ready_is_not_waited_for(program: str, why: str) -> None:
    with subprocess.Popen(["sh", "-c", program], stderr=subprocess.PIPE, text=True) as running:
        with pytest.raises(FailedError, match=f"did not get ready; {why}$"):
            await_ready(running, 0.5)
        running.kill()
