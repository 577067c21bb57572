"""The eBPF object: read from its file, set up, loaded into the kernel.

Owns what happens between the file and the programs and maps in the kernel. Must not know what those are for.
Sources: libbpf's libbpf.h, Documentation/bpf/libbpf and Documentation/bpf/btf.rst.
"""

import os
import sys
from ctypes import Structure, addressof, byref, c_char, c_size_t, c_uint32, memmove, sizeof
from mmap import mmap
from pathlib import Path
from types import TracebackType
from typing import Self

from mirrorplane.engines.kernel.bpf.libbpf import (
    KernelError,
    OpenOptions,
    RefusedError,
    check,
    check_pointer,
    libbpf,
    reason,
    said,
)
from mirrorplane.engines.kernel.bpf.maps import Map
from mirrorplane.engines.kernel.bpf.programs import Program
from mirrorplane.engines.kernel.bpf.sources import OBJECT, SOURCES, stamp

ENGINE = Path(__file__).parent.parent
"""Where the sources and the object lie."""

LOG_SIZE = 1 << 24
"""Bytes for the verifier's log, taken only as far as they are written. Before Linux 6.4 a log that does not
fit hides the error behind another one, so it is ample."""

LOG_LINES = 60
"""Lines of the verifier's log that are kept: the last ones say what was wrong."""

BTF_KIND_DATASEC = 15
CONSTANTS = ".rodata"
"""The section of `const volatile` globals, and the name of the map that they are."""


class _Type(Structure):
    """struct btf_type."""

    _fields_ = (("name_off", c_uint32), ("info", c_uint32), ("size", c_uint32))


class _Variable(Structure):
    """struct btf_var_secinfo."""

    _fields_ = (("type", c_uint32), ("offset", c_uint32), ("size", c_uint32))


def build() -> str:
    """Return what tells these programs from those of another version. Raises KernelError without sources."""
    try:
        return stamp(ENGINE / SOURCES, sys.byteorder)
    except OSError as error:
        raise KernelError(f"the eBPF sources are not there: reinstall mirrorplane ({_why(error)})") from None


def image(folder: Path = ENGINE) -> bytes:
    """Return the object file in *folder*, the engine's.

    Raises KernelError where it is missing or not of the C sources beside it.
    """
    try:
        content = (folder / OBJECT).read_bytes()
        is_current = stamp(folder / SOURCES, sys.byteorder).encode() in content
    except OSError as error:
        raise KernelError(f"the eBPF object is not there: reinstall mirrorplane ({_why(error)})") from None
    if not is_current:
        raise KernelError(
            f"the eBPF object is not of this machine's sources: reinstall mirrorplane ({folder / OBJECT})"
        )
    return content


def _why(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}"


class Object:
    """An object file's programs and maps: opened, set up, then loaded.

    What `map` and `program` return lives on when this is closed.
    """

    def __init__(self, content: bytes) -> None:
        """Open the object file with that *content*. Raises RefusedError where it is none."""
        self._content = content
        self._log = mmap(-1, LOG_SIZE)
        self._log_start = c_char.from_buffer(self._log)
        self._maps: dict[str, int] = {}
        options = OpenOptions(
            sz=sizeof(OpenOptions),
            object_name=b"mirrorplane",
            kernel_log_buf=addressof(self._log_start),
            kernel_log_size=LOG_SIZE,
        )
        self._object: int | None = None
        pointer = libbpf().bpf_object__open_mem(content, len(content), byref(options))
        self._object = check_pointer(pointer, "the eBPF object cannot be read")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set_max_entries(self, name: str, entries: int) -> None:
        """Have a map made for so many entries, before `load`. Raises RefusedError."""
        check(libbpf().bpf_map__set_max_entries(self._map(name), entries), f"the size of map {name}")

    def reuse(self, name: str, existing: Map) -> None:
        """Take an *existing* map in place of making one, before `load`. Raises RefusedError."""
        check(libbpf().bpf_map__reuse_fd(self._map(name), existing.fd), f"taking over map {name}")

    def set_autoload(self, name: str, wanted: bool) -> None:
        """Say whether `load` loads a program, before it. Raises RefusedError."""
        check(libbpf().bpf_program__set_autoload(self._program(name), wanted), f"program {name}")

    def set_constant(self, name: str, value: int) -> None:
        """Give a `const volatile` integer of the sources its value, before `load`.

        Raises KernelError where there is none of that name or it is too small for *value*.
        """
        offset, size = self._constant(name)
        length = c_size_t()
        start = libbpf().bpf_map__initial_value(self._map(CONSTANTS), byref(length))
        try:
            content = value.to_bytes(size, sys.byteorder, signed=value < 0)
        except OverflowError:
            raise KernelError(f"the eBPF object's constant {name}: {value} needs over {size} bytes") from None
        memmove(check_pointer(start, CONSTANTS) + offset, content, size)

    def load(self) -> None:
        """Load the programs and make the maps. Raises RefusedError, with the verifier's log in it."""
        said.clear()
        result = libbpf().bpf_object__load(self._object)
        if result < 0:
            raise RefusedError(self._complaint(-result), -result, self._said())

    def map(self, name: str) -> Map:
        """Return a loaded map, by a descriptor of its own. Raises KernelError."""
        fd = check(libbpf().bpf_map__fd(self._map(name)), f"map {name}")
        return Map(os.dup(fd))

    def program(self, name: str) -> Program:
        """Return a loaded program, by a descriptor of its own. Raises KernelError."""
        fd = check(libbpf().bpf_program__fd(self._program(name)), f"program {name}")
        return Program(os.dup(fd))

    def close(self) -> None:
        """Give back what is not held elsewhere. Further calls do nothing."""
        libbpf().bpf_object__close(self._object)
        self._object = None
        self._maps.clear()

    def _map(self, name: str) -> int:
        """Return libbpf's handle, looked up once: taking over an existing map may change its name there."""
        if name not in self._maps:
            handle = libbpf().bpf_object__find_map_by_name(self._opened(), name.encode())
            self._maps[name] = check_pointer(handle, f"the eBPF object's map {name}")
        return self._maps[name]

    def _program(self, name: str) -> int:
        handle = libbpf().bpf_object__find_program_by_name(self._opened(), name.encode())
        return check_pointer(handle, f"the eBPF object's program {name}")

    def _opened(self) -> int:
        if self._object is None:
            raise KernelError("the eBPF object is closed")
        return self._object

    def _constant(self, name: str) -> tuple[int, int]:
        """Return a constant's offset and size in bytes, from the object's type information."""
        library = libbpf()
        types = library.bpf_object__btf(self._opened())
        number = library.btf__find_by_name_kind(types, CONSTANTS.encode(), BTF_KIND_DATASEC)
        section = library.btf__type_by_id(types, check(number, f"the eBPF object's section {CONSTANTS}"))
        count = _Type.from_address(section).info & 0xFFFF
        for variable in (_Variable * count).from_address(section + sizeof(_Type)):
            entry = _Type.from_address(library.btf__type_by_id(types, variable.type))
            if library.btf__name_by_offset(types, entry.name_off) == name.encode():
                return variable.offset, variable.size
        raise KernelError(f"the eBPF object has no constant {name}")

    def _complaint(self, code: int) -> str:
        """Return what was refused and why, in one line: what libbpf said first of a program or a map."""
        lines = [line.partition("\n")[0] for line in said if line.startswith(("prog ", "map "))]
        return f"the eBPF object was refused: {lines[0] if lines else reason(code)}"

    def _said(self) -> str:
        end = self._log.find(b"\0")
        lines = self._log[: max(end, 0)].decode(errors="replace").splitlines()
        return "\n".join([*lines[-LOG_LINES:], *said])
