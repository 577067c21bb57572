"""LLVM's linker, for what no image can be made of: the same code, the same answers."""

import numpy as np
import pytest

from mirrorplane.jit import Kernel
from mirrorplane.jit.compile import object_file
from mirrorplane.jit.linking import link
from tests.jit.test_kernels import Pair, _words, double


def test_linked_by_llvm_a_kernel_answers_the_same() -> None:
    octets = np.arange(1, 17, dtype=np.uint8)
    expected, found = ((np.zeros(8, np.int64), np.zeros(24, np.uint8)) for _ in range(2))
    _words(octets, *expected)
    bound = _words.bind(octets, *found)
    assert link(object_file(_words.python))(bound._address) == 0  # type: ignore[arg-type] # ctypes converts
    assert [column.tolist() for column in found] == [column.tolist() for column in expected]


def test_a_kernel_that_is_no_image_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    code = object_file(double.python)
    kernel = Kernel(double.python)
    monkeypatch.setattr(kernel, "code", lambda: code)
    out = np.zeros(1, np.int64)
    kernel(Pair(np.array([1]), np.array([1, 2, 3], np.uint8)), out)
    assert out.tolist() == [0x0203 * 2]
