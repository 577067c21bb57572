"""The command line as a user types it: a process of its own, what it printed, and its exit code."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PCAPS = ROOT / "pcaps"


def mirrorplane(
    *arguments: str | Path, given: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run `mirrorplane` with *arguments* and *given* on its standard input."""
    command = [sys.executable, "-m", "mirrorplane", *map(str, arguments)]
    settings = {**os.environ, **environment}
    return subprocess.run(command, input=given, capture_output=True, check=False, env=settings, timeout=120)


def refusal(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """Assert that the command failed with *code* and without a traceback; return what it said."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def redirected(arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run `mirrorplane` with *arguments*, in which a shell's redirections work, from the checkout."""
    command = f"{shlex.quote(sys.executable)} -m mirrorplane {arguments}"
    return subprocess.run(["bash", "-c", command], capture_output=True, check=False, cwd=ROOT, timeout=120)
