"""Every kernel is an image, whose memory is never writable and executable at once."""

import importlib
import mmap
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mirrorplane
from mirrorplane.jit import Kernel, image
from mirrorplane.jit.linking import OURS
from tests.jit.test_kernels import double

pytestmark = pytest.mark.skipif(platform.machine() not in OURS, reason="images are not made on this machine")


def kernels() -> Iterator[Kernel]:
    for module in pkgutil.walk_packages(mirrorplane.__path__, "mirrorplane."):
        if not module.name.endswith("__main__"):
            found = vars(importlib.import_module(module.name)).items()
            yield from (value for _, value in sorted(found) if isinstance(value, Kernel))


EVERY = {kernel.name: kernel for kernel in kernels()}


@pytest.mark.parametrize("name", EVERY)
def test_every_kernel_is_an_image(name: str) -> None:
    """What LLVM's library would have to be loaded for is an exception that no kernel makes."""
    assert image.is_one(EVERY[name].code())
    assert EVERY[name].entry() is EVERY[name].entry()


LOAD = """
import sys
from tests.jit.test_kernels import double
double.entry()
print("llvmlite" in sys.modules, "numba" in sys.modules)
print(*(line for line in open("/proc/self/maps") if {"w", "x"} <= set(line.split()[1])))
"""


def test_a_kept_kernel_needs_no_llvm_and_no_memory_that_is_written_and_run() -> None:
    double.code()  # kept from here on
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, cwd=_root()
    )
    assert done.stdout == "False False\n\n"


def _root() -> Path:
    return Path(mirrorplane.__file__).parent.parent


def test_memory_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmap, "MAP_ANONYMOUS", 0)  # mapping a file that is not there
    with pytest.raises(OSError, match="no memory for machine code"):
        image.load(double.code())
