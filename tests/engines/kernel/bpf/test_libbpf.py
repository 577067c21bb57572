"""The library: loaded late, quiet, its errors in one line each; descriptors are given back."""

import subprocess
import sys
from collections.abc import Iterator
from errno import ENOENT, EPERM
from pathlib import Path

import pytest

from mirrorplane.engines.kernel.bpf import libbpf
from mirrorplane.engines.kernel.bpf.libbpf import LibbpfError, RefusedError
from mirrorplane.engines.kernel.bpf.maps import Kind, Map


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def bpffs(bpf: None, tmp_path: Path) -> Iterator[Path]:
    mounted = subprocess.run(["mount", "-t", "bpf", "bpf", tmp_path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no BPF file system: {mounted.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


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


def test_pin(bpffs: Path) -> None:
    before = descriptors()
    with Map.create(Kind.ARRAY, "mp_pinned", 4, 8, 3) as made:
        made.update(bytes(4), b"12345678")
        made.pin(bpffs / "here")
    with Map.pinned(bpffs / "here") as found:
        assert found.info.id == made.info.id
        assert found.lookup(bytes(4)) == b"12345678"
    (bpffs / "here").unlink()
    with pytest.raises(RefusedError, match="here: No such file"):
        Map.pinned(bpffs / "here")
    assert descriptors() == before


def test_pin_elsewhere(bpf: None, tmp_path: Path) -> None:
    with Map.create(Kind.ARRAY, "mp_pinned", 4, 8, 3) as made, pytest.raises(RefusedError, match="pinning"):
        made.pin(tmp_path / "here")
