"""`doctor`, whole: as root, without rights, in a user namespace, and where a thing is missing."""

import json
import sys
from collections.abc import Sequence
from os import close, read
from pty import openpty
from shlex import quote
from shutil import which
from subprocess import PIPE, CompletedProcess, run
from typing import Any

import pytest

from tests.cli.commands import mirrorplane
from tests.cli.test_demo import WITHOUT_PRIVILEGES
from tests.engines.conftest import bpf  # noqa: F401 - a fixture

DOCTOR = (sys.executable, "-m", "mirrorplane", "doctor")


def examined(done: CompletedProcess[bytes], code: int) -> list[str]:
    """Assert that the command ended with *code* and complained of nothing; return its lines."""
    assert (done.returncode, done.stderr) == (code, b""), done
    return done.stdout.decode().splitlines()


def by(*command: str) -> CompletedProcess[bytes]:
    return run(command, capture_output=True, check=False, timeout=60)


def without(place: str, *command: str) -> CompletedProcess[bytes]:
    """Run *command* where the folder *place* is empty."""
    script = f"mount -t tmpfs none {quote(place)} && exec {' '.join(map(quote, command))}"
    return by("unshare", "--mount", "sh", "-c", script)


@pytest.fixture
def unshare() -> None:
    """Skip what needs a user namespace where there can be none."""
    if not which("unshare") or by("unshare", "-Urn", "true").returncode:
        pytest.skip("no user namespace can be made")


@pytest.mark.usefixtures("allowed", "bpf")
def test_with_all_rights() -> None:
    lines = examined(mirrorplane("doctor"), 0)
    assert [line for line in lines if ": missing: " in line] == []
    assert lines[-1] == "`run` takes the kernel engine here"
    assert any(line.startswith("kernel: ok: bpffs: not needed") for line in lines)


@pytest.mark.usefixtures("allowed", "bpf")
def test_json() -> None:
    (line,) = examined(mirrorplane("doctor", "--json"), 0)
    found: dict[str, Any] = json.loads(line)
    assert found["engine"] == "kernel"
    assert {name: engine["can_run"] for name, engine in found["engines"].items()} == {
        "kernel": True,
        "userspace": True,
        "replay": True,
    }
    first = found["engines"]["kernel"]["requirements"][0]
    assert set(first) == {"name", "ok", "found", "remedy", "needed", "log"}


def test_without_rights() -> None:
    lines = examined(by(sys.executable, "-c", WITHOUT_PRIVILEGES, "doctor"), 1)
    assert (
        "kernel: missing: capabilities: no CAP_SYS_ADMIN, no CAP_NET_ADMIN; run it as root of the host (sudo)"
        in lines
    )
    (ring,) = (line for line in lines if line.startswith("userspace: missing: packet socket: "))
    assert "CAP_NET_RAW" in ring
    assert "unshare -Urn" in ring
    assert lines[-1] == "`run` cannot mirror live traffic here; `replay` works"


def test_json_without_rights() -> None:
    (line,) = examined(by(sys.executable, "-c", WITHOUT_PRIVILEGES, "doctor", "--json"), 1)
    assert json.loads(line)["engine"] is None


@pytest.mark.usefixtures("unshare")
def test_in_a_user_namespace() -> None:
    lines = examined(by("unshare", "-Urn", *DOCTOR), 0)
    assert any(line.startswith("kernel: missing: user namespace: ") for line in lines)
    assert "kernel: ok: capabilities: CAP_SYS_ADMIN and CAP_NET_ADMIN" in lines
    assert lines[-1].startswith("`run` takes the userspace engine here (kernel: user namespace: ")


@pytest.mark.usefixtures("unshare")
def test_in_a_user_namespace_without_networks() -> None:
    lines = examined(by("unshare", "-Ur", *DOCTOR), 1)
    assert any("userspace: missing: packet socket: Operation not permitted" in line for line in lines)


@pytest.mark.usefixtures("allowed", "bpf")
def test_without_type_information() -> None:
    lines = examined(without("/sys/kernel/btf", *DOCTOR), 0)
    missing = [line for line in lines if ": missing: " in line]
    assert missing[0].startswith("kernel: missing: BTF: /sys/kernel/btf/vmlinux: No such file or directory; ")
    assert missing[1:] == ["kernel: missing: programs: not tried, for want of: BTF; first: BTF"]
    assert lines[-1].startswith("`run` takes the userspace engine here (kernel: BTF: ")


@pytest.mark.usefixtures("allowed", "bpf")
def test_an_old_kernel() -> None:
    if not which("setarch"):
        pytest.skip("no setarch(8), which shows another version")
    lines = examined(by("setarch", "--uname-2.6", *DOCTOR), 0)
    (linux,) = (line for line in lines if line.startswith("kernel: missing: Linux: "))
    assert linux.endswith("is too old; Linux 5.15 or later is needed")


def shown(command: Sequence[str]) -> tuple[int, str]:
    """Run *command* on a terminal; return its exit code and what a person sees."""
    ours, theirs = openpty()
    try:
        done = run(command, stdout=theirs, stderr=PIPE, check=False, timeout=60)
        assert done.stderr == b""
    finally:
        close(theirs)
    seen = b""
    try:
        while part := read(ours, 65536):
            seen += part
    except OSError:  # EIO: all is read, and nobody writes
        pass
    finally:
        close(ours)
    return done.returncode, seen.decode()


def test_on_a_terminal_it_is_tables() -> None:
    code, seen = shown([sys.executable, "-c", WITHOUT_PRIVILEGES, "doctor"])
    assert code == 1
    assert "kernel: cannot run" in seen
    assert "replay: can run" in seen
    assert "│ missing │ capabilities" in seen
    assert "to do: run it as root" in seen
