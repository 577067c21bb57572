"""Kernels compile, are kept, come back without numba, and refuse what they were not made for."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mirrorplane.jit import I64, U8, Kernel, inline, kernel, memory


class Pair(NamedTuple):
    numbers: I64
    octets: U8


@inline
def _doubled(octets: U8, at: int) -> int:
    return memory.be16(octets, at) * 2


@kernel
def double(pair: Pair, out: I64) -> None:
    for row in range(pair.numbers.size):
        out[row] = _doubled(pair.octets, pair.numbers[row])


def test_a_kernel_answers_in_its_columns() -> None:
    out = np.full(2, -1)
    double(Pair(np.array([0, 1]), np.array([1, 2, 3], np.uint8)), out)
    assert out.tolist() == [0x0102 * 2, 0x0203 * 2]


def test_a_bound_kernel_sees_later_contents() -> None:
    pair, out = Pair(np.array([0]), np.zeros(2, np.uint8)), np.zeros(1, np.int64)
    bound = double.bind(pair, out)
    pair.octets[:] = 1
    bound()
    assert out[0] == 0x0101 * 2


@pytest.mark.parametrize(
    "wrong", [np.zeros(2, np.int64), np.zeros(4, np.uint8)[::2], np.zeros((2, 2), np.uint8)]
)
def test_another_type_or_layout_is_refused(wrong: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    with pytest.raises(TypeError, match=r"double\(pair\)\.octets: needs a contiguous"):
        double.bind(Pair(np.array([0]), wrong), np.zeros(1, np.int64))


def test_a_wrong_number_of_columns_is_refused() -> None:
    with pytest.raises(TypeError, match="takes 2 columns, not 1"):
        double.bind(np.zeros(1, np.int64))


def test_a_kernel_returns_nothing() -> None:
    def answer(out: I64) -> int:
        return int(out[0])

    with pytest.raises(TypeError, match="answers in its columns"):
        kernel(answer)  # type: ignore[arg-type]


def test_every_word_is_read_and_written_at_any_offset() -> None:
    octets, out = np.arange(1, 17, dtype=np.uint8), np.zeros(8, np.int64)
    target = np.full(24, 0xA5, np.uint8)
    _words(octets, out, target)
    assert out.tolist() == [
        0x0203,
        0x02030405,
        0x020304050607,
        0x0302,
        0x05040302,
        35,
        0x0102030405060708,
        0x0807060504030201,
    ]
    assert (
        bytes(target) == b"\xa5\x12\x34\xa5\x12\x34\x56\x78\xa5\x78\x56\x34\x12\xa5\x03\x04\x05" + b"\xa5" * 7
    )


@kernel
def _words(octets: U8, out: I64, target: U8) -> None:
    out[0] = memory.be16(octets, 1)
    out[1] = memory.be32(octets, 1)
    out[2] = memory.be48(octets, 1)
    out[3] = memory.le16(octets, 1)
    out[4] = memory.le32(octets, 1)
    out[5] = memory.lowest_bit(memory.unsigned(0x60)) + 10 * memory.count_bits(memory.unsigned(0x61))
    out[6] = memory.signed(memory.be64(octets, 0))
    out[7] = memory.signed(memory.le64(octets, 0))
    memory.put_be16(target, 1, 0x1234)
    memory.put_be32(target, 4, 0x12345678)
    memory.put_le32(target, 9, 0x12345678)
    memory.copy(target, 14, octets, 2, 3)
    memory.prefetch(octets, 1 << 40)


def test_memory_means_the_same_uncompiled() -> None:
    octets, out = np.arange(1, 17, dtype=np.uint8), np.zeros(8, np.int64)
    compiled, interpreted = np.zeros(24, np.uint8), np.zeros(24, np.uint8)
    expected = out.copy()
    _words(octets, expected, compiled)
    _words.python(octets, out, interpreted)
    assert out.tolist() == expected.tolist()
    assert interpreted.tolist() == compiled.tolist()


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


_CALL = """
import sys, numpy as np
from tests.jit.test_kernels import Pair, double
double(Pair(np.array([{at}]), np.zeros(2, np.uint8)), np.zeros(1, np.int64))
print("numba" in sys.modules)
"""


def test_a_kept_kernel_needs_no_numba(tmp_path: Path) -> None:
    first = _run(_CALL.format(at=0), MIRRORPLANE_CACHE=str(tmp_path))
    assert first.stdout.strip() == "True", first.stderr
    second = _run(_CALL.format(at=0), MIRRORPLANE_CACHE=str(tmp_path))
    assert second.stdout.strip() == "False", second.stderr


def test_a_damaged_kept_kernel_is_compiled_anew(tmp_path: Path) -> None:
    _run(_CALL.format(at=0), MIRRORPLANE_CACHE=str(tmp_path))
    (kept,) = (tmp_path / "mirrorplane").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0\0")
    assert _run(_CALL.format(at=0), MIRRORPLANE_CACHE=str(tmp_path)).stdout.strip() == "True"


def test_a_folder_that_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    folder = tmp_path / "mirrorplane"
    folder.mkdir()
    folder.chmod(0o777)
    assert _run(_CALL.format(at=0), MIRRORPLANE_CACHE=str(tmp_path)).stdout.strip() == "True"
    assert list(folder.iterdir()) == []


def test_the_bounds_checked_build_finds_a_read_past_the_end(tmp_path: Path) -> None:
    result = _run(_CALL.format(at=1), MIRRORPLANE_CACHE=str(tmp_path), NUMBA_BOUNDSCHECK="1")
    assert "KernelError: tests.jit.test_kernels.double: an index is out of bounds" in result.stderr


def test_names_say_where_a_kernel_is() -> None:
    assert isinstance(double, Kernel)
    assert double.name == "tests.jit.test_kernels.double"
