"""Maps in the kernel: made or found, read and written (bpf(2), include/uapi/linux/bpf.h).

Owns access to one map. Must not know what any map is for.
"""

import sys
from collections.abc import Iterator
from ctypes import Structure, byref, c_char, c_uint32, create_string_buffer, sizeof
from enum import IntEnum
from errno import EINVAL, ENOENT, EOPNOTSUPP
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mirrorplane.engines.kernel.bpf.libbpf import (
    ENOTSUPP,
    BatchOptions,
    Descriptor,
    KernelError,
    MapOptions,
    check,
    libbpf,
    possible_cpus,
    read_information,
)

NAME = 16
"""BPF_OBJ_NAME_LEN: bytes of a map's or program's name, its end included."""


class Kind(IntEnum):
    """enum bpf_map_type: the kinds that mirroring is made of."""

    HASH = 1
    ARRAY = 2
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    LPM_TRIE = 11
    ARRAY_OF_MAPS = 12
    HASH_OF_MAPS = 13
    DEVMAP = 14


PER_CPU = frozenset({Kind.PERCPU_HASH, Kind.PERCPU_ARRAY})
"""A value of these is one for each possible CPU, each padded to 8 bytes."""

BPF_F_NO_PREALLOC, BPF_F_INNER_MAP = 1 << 0, 1 << 12
"""Map flags: memory when it is needed (LPM tries must), arrays of any length within a map of maps."""

BPF_ANY, BPF_NOEXIST, BPF_EXIST = 0, 1, 2
"""Whether an update may make a key, must, or must not."""

NO_BATCH = frozenset({EINVAL, EOPNOTSUPP, ENOTSUPP})
"""What a kernel answers that knows no batches of that kind of map (arrays: from 5.6, per-CPU ones: 5.13)."""


class _Information(Structure):
    """struct bpf_map_info, up to the name."""

    _fields_ = (
        ("kind", c_uint32),
        ("id", c_uint32),
        ("key_size", c_uint32),
        ("value_size", c_uint32),
        ("max_entries", c_uint32),
        ("flags", c_uint32),
        ("name", c_char * NAME),
    )


class MapInfo(NamedTuple):
    """What a map is: sizes are bytes, `kind` one of Kind or of the kernel's others."""

    kind: int
    id: int
    name: str
    key_size: int
    value_size: int
    max_entries: int
    flags: int


class Map(Descriptor):
    """A map, by a descriptor of its own: `info` is what it is.

    Keys and values are bytes in the machine's order, of exactly the map's sizes. A per-CPU map's value is
    one for each possible CPU, each padded to 8 bytes.
    """

    def __init__(self, fd: int) -> None:
        """Take over *fd*. Raises RefusedError where it is no map's."""
        super().__init__(fd)
        try:
            self.info = _information(fd)
            self.room = _room(self.info)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls,
        kind: Kind,
        name: str,
        key_size: int,
        value_size: int,
        max_entries: int,
        *,
        flags: int = 0,
        inner: "Map | None" = None,
    ) -> Self:
        """Make a map; sizes are bytes. *inner* is what the maps in a map of maps are like.

        Raises RefusedError.
        """
        options = MapOptions(sz=sizeof(MapOptions), map_flags=flags, inner_map_fd=inner.fd if inner else 0)
        short = name.encode("ascii")[: NAME - 1]
        fd = libbpf().bpf_map_create(kind, short, key_size, value_size, max_entries, byref(options))
        return cls(check(fd, f"map {name}"))

    @classmethod
    def by_id(cls, number: int) -> Self:
        """Return the map that the kernel has under that id. Raises RefusedError: ENOENT where it has none."""
        return cls(check(libbpf().bpf_map_get_fd_by_id(number), f"map with id {number}"))

    def update(self, key: bytes, value: "bytes | Map", flags: int = BPF_ANY) -> None:
        """Write one value; into a map of maps, a map. Raises RefusedError."""
        content = value.fd.to_bytes(4, sys.byteorder) if isinstance(value, Map) else value
        self._fit(key, content)
        self._check(libbpf().bpf_map_update_elem(self.fd, key, content, flags), f"writing key {key.hex()}")

    def update_all(self, values: NDArray[Any], first: int = 0) -> None:
        """Write an array map's values from key *first* on: a row of *values* for each.

        Raises RefusedError; some may be written then.
        """
        rows = np.ascontiguousarray(values)
        if not len(rows):
            return
        keys = self._keys(first, len(rows))
        if rows.nbytes != len(rows) * self.room:
            raise KernelError(f"map {self.info.name}: {rows.nbytes} bytes for {len(rows)} of {self.room}")
        count, options = c_uint32(len(rows)), BatchOptions(sz=sizeof(BatchOptions))
        result = libbpf().bpf_map_update_batch(
            self.fd, keys.ctypes.data, rows.ctypes.data, byref(count), byref(options)
        )
        if -result not in NO_BATCH:
            self._check(result, f"writing {len(rows)} values from {first} on")
            return
        for key, row in zip(keys, rows, strict=True):
            self.update(key.tobytes(), row.tobytes())

    def lookup(self, key: bytes) -> bytes | None:
        """Return one value, or None where there is none. Of a map of maps it is the inner map's id.

        Raises RefusedError.
        """
        self._fit(key)
        value = create_string_buffer(self.room)
        result = libbpf().bpf_map_lookup_elem(self.fd, key, value)
        if result == -ENOENT:
            return None
        self._check(result, f"reading key {key.hex()}")
        return value.raw

    def lookup_all(self, count: int | None = None) -> NDArray[np.uint8]:
        """Return an array map's first *count* values (default: all), a row of bytes for each.

        Raises RefusedError.
        """
        entries = self.info.max_entries if count is None else count
        keys = self._keys(0, entries)
        values = np.zeros((entries, self.room), np.uint8)
        if not entries:
            return values
        read, options, position = c_uint32(entries), BatchOptions(sz=sizeof(BatchOptions)), c_uint32()
        found = np.zeros_like(keys)
        addresses = byref(position), found.ctypes.data, values.ctypes.data
        result = libbpf().bpf_map_lookup_batch(self.fd, None, *addresses, byref(read), byref(options))
        if -result in NO_BATCH:
            for key, row in zip(keys, values, strict=True):
                row[:] = np.frombuffer(self.lookup(key.tobytes()) or bytes(self.room), np.uint8)
        elif result != -ENOENT:  # which says that there are no more: an array has all that were asked for
            self._check(result, f"reading {entries} values")
        return values

    def totals(self, count: int | None = None) -> NDArray[np.int64]:
        """Return the sums over all CPUs of a per-CPU array's first *count* values (default: all).

        The values must consist of 64-bit numbers: a row for each value, a column for each of its numbers.
        Raises RefusedError.
        """
        fields = self.info.value_size // 8
        if self.info.kind != Kind.PERCPU_ARRAY or self.info.value_size % 8:
            raise KernelError(f"map {self.info.name}: not a per-CPU array of 64-bit numbers")
        values = self.lookup_all(count)
        each = values.view(np.int64).reshape(len(values), self.room // self.info.value_size, fields)
        sums: NDArray[np.int64] = each.sum(axis=1)
        return sums

    def all_keys(self) -> Iterator[bytes]:
        """Yield every key, each once while nobody adds or deletes any. Raises RefusedError."""
        before, key = None, create_string_buffer(self.info.key_size)
        while (result := libbpf().bpf_map_get_next_key(self.fd, before, key)) != -ENOENT:
            self._check(result, "going through the keys")
            before = key.raw
            yield before

    def delete(self, key: bytes) -> bool:
        """Delete a key; return whether it was there. Raises RefusedError."""
        self._fit(key)
        result = libbpf().bpf_map_delete_elem(self.fd, key)
        if result == -ENOENT:
            return False
        self._check(result, f"deleting key {key.hex()}")
        return True

    def _keys(self, first: int, count: int) -> NDArray[np.uint32]:
        """Return the keys of an array map from *first* on."""
        if self.info.key_size != sizeof(c_uint32) or first + count > self.info.max_entries:
            raise KernelError(f"map {self.info.name}: has no keys {first} to {first + count - 1}")
        return np.arange(first, first + count, dtype=np.uint32)

    def _fit(self, key: bytes, value: bytes | None = None) -> None:
        """Refuse what is not of the map's sizes: the kernel would read what lies behind."""
        if len(key) != self.info.key_size:
            raise KernelError(f"map {self.info.name}: a key of {len(key)} bytes, not {self.info.key_size}")
        if value is not None and len(value) != self.room:
            raise KernelError(f"map {self.info.name}: a value of {len(value)} bytes, not {self.room}")

    def _check(self, result: int, what: str) -> None:
        if result < 0:  # the name is put together only where it is wanted
            check(result, f"map {self.info.name}: {what}")


def _information(fd: int) -> MapInfo:
    raw = _Information()
    read_information(fd, raw)
    return MapInfo(
        kind=raw.kind,
        id=raw.id,
        name=raw.name.decode(errors="replace"),
        key_size=raw.key_size,
        value_size=raw.value_size,
        max_entries=raw.max_entries,
        flags=raw.flags,
    )


def _room(info: MapInfo) -> int:
    """Return the bytes that a value takes outside the kernel."""
    if info.kind in PER_CPU:
        return (info.value_size + 7) // 8 * 8 * possible_cpus()
    return info.value_size
