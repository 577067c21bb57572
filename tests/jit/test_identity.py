"""A digest changes with what machine code depends on, and with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mirrorplane
from mirrorplane.jit import identity

PACKAGE = Path(mirrorplane.__file__).parent
ASK = "from mirrorplane.jit import identity; print(identity.{what}.hex())"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    copied = tmp_path / "mirrorplane"
    copied.mkdir()
    (copied / "__init__.py").write_bytes((PACKAGE / "__init__.py").read_bytes())
    for room in ("jit", "wire", "batch.py"):
        source = PACKAGE / room
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copied / room)
    return copied


def ask(where: Path, what: str, **environment: str) -> str:
    command = [sys.executable, "-c", ASK.format(what=what)]
    done = subprocess.run(
        command, cwd=where, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("wire/vxlan.py", True),  # itself
        ("wire/checksum.py", False),
        ("jit/compile.py", True),
        ("jit/intrinsics.py", True),  # by way of the compiler
        ("jit/columns.py", True),
        ("jit/__init__.py", True),
        ("batch.py", False),
    ],
)
def test_sources_are_those_of_a_module_and_what_it_imports(copied: Path, changed: str, matters: bool) -> None:
    asked = "of_sources('mirrorplane.wire.vxlan')"
    before = ask(copied.parent, asked)
    with (copied / changed).open("a") as file:
        file.write("\n")
    assert (ask(copied.parent, asked) != before) is matters


def test_a_switch_of_the_compiler_makes_other_code(copied: Path) -> None:
    told = {ask(copied.parent, "of_machine()", NUMBA_BOUNDSCHECK=value) for value in ("0", "1")}
    assert len(told) == 2


def test_where_linux_does_not_name_the_processor_llvm_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_PROCESSOR", tmp_path / "missing")
    name, features = identity._processor()
    assert name
    assert "+" in features


def test_a_clock_and_a_number_are_not_a_kind_of_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(identity, "_PROCESSOR", told)
    told.write_text("processor\t: 0\ncpu MHz\t: 2596.120\nmodel\t: 2\nflags\t: avx2\n\nflags\t: none\n")
    assert identity._processor() == ["flags: avx2", "model: 2"]


def test_the_compilers_versions_are_told_without_importing_it() -> None:
    from importlib.metadata import version  # noqa: PLC0415

    names = [f"{name}-{version(name)}.dist-info" for name in ("llvmlite", "numba", "numpy")]
    assert identity._versions() == names
