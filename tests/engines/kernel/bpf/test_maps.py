"""Maps in the kernel, of every kind that mirroring is made of."""

import sys
from errno import EEXIST, EINVAL, ENOENT

import numpy as np
import pytest

from mirrorplane.engines.kernel.bpf.libbpf import ENOTSUPP, KernelError, RefusedError, libbpf, possible_cpus
from mirrorplane.engines.kernel.bpf.maps import BPF_F_INNER_MAP, BPF_F_NO_PREALLOC, BPF_NOEXIST, Kind, Map
from tests.engines.kernel.bpf.test_libbpf import descriptors

pytestmark = pytest.mark.usefixtures("bpf")

ROW = np.dtype([("packets", np.uint64), ("port", ">u2"), ("mac", np.uint8, 6)])


def number(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder)


def test_information() -> None:
    with Map.create(Kind.HASH, "mp_with_a_name_that_is_long", 6, 24, 100, flags=BPF_F_NO_PREALLOC) as made:
        assert made.info._replace(id=0) == (Kind.HASH, 0, "mp_with_a_name_", 6, 24, 100, BPF_F_NO_PREALLOC)
        with Map.by_id(made.info.id) as found:
            assert found.info == made.info
            assert found.fd != made.fd
    with pytest.raises(RefusedError) as caught:
        Map.by_id(made.info.id)
    assert caught.value.code == ENOENT


def test_refused_creation() -> None:
    with pytest.raises(RefusedError, match=r"^map mp_none: Invalid argument$"):
        Map.create(Kind.ARRAY, "mp_none", 4, 8, 0)


def test_hash() -> None:
    with Map.create(Kind.HASH, "mp_hash", 6, 4, 8) as made:
        values = {bytes([i] * 6): number(i) for i in range(5)}
        for key, value in values.items():
            made.update(key, value)
        assert {key: made.lookup(key) for key in made.all_keys()} == values
        with pytest.raises(RefusedError, match=r"^map mp_hash: writing key 0{12}: File exists$") as caught:
            made.update(bytes(6), number(7), BPF_NOEXIST)
        assert caught.value.code == EEXIST
        assert made.delete(bytes(6))
        assert not made.delete(bytes(6))
        assert made.lookup(bytes(6)) is None
        assert len(list(made.all_keys())) == 4


def test_prefixes() -> None:
    with Map.create(Kind.LPM_TRIE, "mp_lpm", 8, 4, 8, flags=BPF_F_NO_PREALLOC) as made:
        made.update(number(8) + bytes([10, 0, 0, 0]), number(1))
        made.update(number(24) + bytes([10, 0, 7, 0]), number(2))
        assert made.lookup(number(32) + bytes([10, 0, 7, 9])) == number(2)
        assert made.lookup(number(32) + bytes([10, 1, 7, 9])) == number(1)
        assert made.lookup(number(32) + bytes([11, 1, 7, 9])) is None


def test_wrong_sizes() -> None:
    with Map.create(Kind.ARRAY, "mp_sizes", 4, 8, 3) as made:
        for key, value in ((bytes(3), bytes(8)), (bytes(4), bytes(7)), (bytes(4), bytes(9))):
            with pytest.raises(KernelError, match=r"^map mp_sizes: a (key|value) of [379] bytes, not [48]$"):
                made.update(key, value)
        with pytest.raises(KernelError, match="12 bytes for 3 of 8"):
            made.update_all(np.zeros(3, np.uint32))
        with pytest.raises(KernelError, match="has no keys 1 to 3"):
            made.update_all(np.zeros(3, np.uint64), first=1)
        with pytest.raises(KernelError, match="not a per-CPU array"):
            made.totals()


@pytest.mark.parametrize("answer", [None, -EINVAL, -ENOTSUPP])
def test_rows(answer: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if answer is not None:  # a kernel without batches of this kind
        for name in ("bpf_map_update_batch", "bpf_map_lookup_batch"):
            monkeypatch.setattr(libbpf(), name, lambda *_: answer)
    rows = np.zeros(1000, ROW)
    rows["packets"], rows["port"] = np.arange(1000), 4789
    with Map.create(Kind.ARRAY, "mp_rows", 4, ROW.itemsize, 1002) as made:
        made.update_all(rows[::-1], first=1)
        made.update_all(rows[:0], first=1002)
        found = made.lookup_all().view(ROW)[:, 0]
        assert made.lookup(number(1000)) == rows[0].tobytes()
        assert len(made.lookup_all(7)) == 7
        assert not len(made.lookup_all(0))
    assert (found[1:-1] == rows[::-1]).all()
    assert found[[0, -1]].tobytes() == bytes(2 * ROW.itemsize)


@pytest.mark.parametrize("answer", [None, -ENOTSUPP])
def test_totals(answer: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if answer is not None:
        monkeypatch.setattr(libbpf(), "bpf_map_lookup_batch", lambda *_: answer)
    cpus = possible_cpus()
    each = np.arange(5 * cpus * 2, dtype=np.int64).reshape(5, cpus, 2) << 33
    with Map.create(Kind.PERCPU_ARRAY, "mp_totals", 4, 16, 5) as made:
        for key in range(5):
            made.update(number(key), each[key].tobytes())
        assert made.totals().tolist() == each.sum(axis=1).tolist()
        assert made.totals(2).tolist() == each[:2].sum(axis=1).tolist()
        made.update_all(np.zeros((5, cpus, 2), np.int64))
        assert not made.totals().any()


def test_padded_values_of_cpus() -> None:
    with Map.create(Kind.PERCPU_HASH, "mp_padded", 4, 4, 5) as made:
        made.update(number(1), bytes(range(8)) * possible_cpus())
        value = made.lookup(number(1))
        assert value is not None
        assert [value[i : i + 4] for i in range(0, len(value), 8)] == [bytes(range(4))] * possible_cpus()


def test_map_of_maps() -> None:
    before = descriptors()
    with (
        Map.create(Kind.ARRAY, "mp_inner", 4, 8, 2, flags=BPF_F_INNER_MAP) as pattern,
        Map.create(Kind.ARRAY_OF_MAPS, "mp_outer", 4, 4, 2, inner=pattern) as outer,
        Map.create(Kind.ARRAY, "mp_longer", 4, 8, 50, flags=BPF_F_INNER_MAP) as longer,
        Map.create(Kind.ARRAY, "mp_other", 4, 16, 50, flags=BPF_F_INNER_MAP) as other,
    ):
        outer.update(number(1), longer)
        assert outer.lookup(number(1)) == number(longer.info.id)
        assert outer.lookup(number(0)) is None
        with pytest.raises(RefusedError, match="map mp_outer: writing key 00000000: Invalid argument"):
            outer.update(number(0), other)
    assert descriptors() == before
