"""The library: loaded late, quiet, its errors in one line each; descriptors are given back."""

import subprocess
import sys
from errno import ENOENT, EPERM
from pathlib import Path

import pytest

from mirrorplane.engines.kernel.bpf import libbpf
from mirrorplane.engines.kernel.bpf.libbpf import LibbpfError, RefusedError


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_import_does_not_load() -> None:
    program = (
        "import mirrorplane.engines.kernel.bpf.object, pathlib;"
        "print('libbpf' in pathlib.Path('/proc/self/maps').read_text())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libbpf, "LIBRARY", "libnowhere.so.1")
    with pytest.raises(LibbpfError, match=r"^libnowhere\.so\.1 is not there: install"):
        libbpf.libbpf.__wrapped__()


def test_old_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libbpf.SIGNATURES, "bpf_of_the_future", (None, []))
    with pytest.raises(LibbpfError, match="lacks bpf_of_the_future"):
        libbpf.libbpf.__wrapped__()


def test_reasons() -> None:
    assert libbpf.reason(EPERM) == "Operation not permitted"
    assert libbpf.reason(libbpf.ENOTSUPP) == "Operation not supported"
    assert "4000" not in libbpf.reason(4000)  # LIBBPF_ERRNO__LIBELF


def test_check() -> None:
    assert libbpf.check(3, "counting") == 3
    with pytest.raises(RefusedError, match=r"^asking: No such file or directory$") as caught:
        libbpf.check(-ENOENT, "asking")
    assert caught.value.code == ENOENT


def test_possible_cpus() -> None:
    ranges = Path("/sys/devices/system/cpu/possible").read_text().strip().split(",")
    ends = [[int(end) for end in each.split("-")] for each in ranges]
    assert libbpf.possible_cpus() == sum(each[-1] - each[0] + 1 for each in ends)
