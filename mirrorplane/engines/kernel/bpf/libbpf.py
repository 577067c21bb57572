"""The system's libbpf: found, its functions' types, its refusals as exceptions, its file descriptors.

Owns the library and what it says while it works. Must not know maps, programs or what is done with them.
Sources: libbpf's bpf.h and libbpf.h as of 1.1 (functions and structs only ever grow: each struct begins with
its size), include/uapi/linux/bpf.h.

Nothing is loaded by the import: `libbpf()` does it when first called, so that a host without the library can
do everything else. Since 1.0 the functions return a negative error number, those that return a pointer NULL
and errno.
"""

import os
from collections import deque
from collections.abc import Callable
from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    addressof,
    c_bool,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    create_string_buffer,
    get_errno,
    sizeof,
)
from functools import cache
from resource import RLIMIT_MEMLOCK, getrlimit, setrlimit
from types import TracebackType
from typing import Any, Self

LIBRARY = "libbpf.so.1"

ENOTSUPP = 524
"""include/linux/errno.h: what a map without an operation answers; it is not in errno(3)."""

LINE = 1024
"""Bytes of a line that libbpf says; longer ones are cut."""

LIBBPF_WARN = 0
"""enum libbpf_print_level: everything above is chatter."""


class KernelError(Exception):
    """What the kernel engine cannot do, in one line."""


class LibbpfError(KernelError):
    """The library is missing, or too old."""


class RefusedError(KernelError):
    """What the kernel or libbpf refused: `code` is the error number.

    `log` is the end of the verifier's log and what libbpf said, of many lines, empty where there is nothing.
    """

    def __init__(self, what: str, code: int, log: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.log = log


class OpenOptions(Structure):
    """struct bpf_object_open_opts, up to kernel_log_level."""

    _fields_ = (
        ("sz", c_size_t),
        ("object_name", c_char_p),
        ("relaxed_maps", c_bool),
        ("pin_root_path", c_char_p),
        ("attach_prog_fd", c_uint32),
        ("kconfig", c_char_p),
        ("btf_custom_path", c_char_p),
        ("kernel_log_buf", c_void_p),
        ("kernel_log_size", c_size_t),
        ("kernel_log_level", c_uint32),
    )


class MapOptions(Structure):
    """struct bpf_map_create_opts, up to map_extra."""

    _fields_ = (
        ("sz", c_size_t),
        ("btf_fd", c_uint32),
        ("btf_key_type_id", c_uint32),
        ("btf_value_type_id", c_uint32),
        ("btf_vmlinux_value_type_id", c_uint32),
        ("inner_map_fd", c_uint32),
        ("map_flags", c_uint32),
        ("map_extra", c_uint64),
    )


class BatchOptions(Structure):
    """struct bpf_map_batch_opts."""

    _fields_ = (("sz", c_size_t), ("elem_flags", c_uint64), ("flags", c_uint64))


class RunOptions(Structure):
    """struct bpf_test_run_opts."""

    _fields_ = (
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


SAY = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p, use_errno=True)
"""libbpf_print_fn_t; its va_list is handed on as a pointer, which is how the 64-bit ABIs pass it."""

SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "bpf_map__fd": (c_int, [c_void_p]),
    "bpf_map__initial_value": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "bpf_map__reuse_fd": (c_int, [c_void_p, c_int]),
    "bpf_map__set_max_entries": (c_int, [c_void_p, c_uint32]),
    "bpf_map_create": (
        c_int,
        [c_int, c_char_p, c_uint32, c_uint32, c_uint32, POINTER(MapOptions)],
    ),
    "bpf_map_delete_elem": (c_int, [c_int, c_void_p]),
    "bpf_map_get_fd_by_id": (c_int, [c_uint32]),
    "bpf_map_get_next_key": (c_int, [c_int, c_void_p, c_void_p]),
    "bpf_map_lookup_batch": (
        c_int,
        [c_int, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOptions)],
    ),
    "bpf_map_lookup_elem": (c_int, [c_int, c_void_p, c_void_p]),
    "bpf_map_update_batch": (
        c_int,
        [c_int, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOptions)],
    ),
    "bpf_map_update_elem": (c_int, [c_int, c_void_p, c_void_p, c_uint64]),
    "bpf_obj_get_info_by_fd": (c_int, [c_int, c_void_p, POINTER(c_uint32)]),
    "bpf_object__btf": (c_void_p, [c_void_p]),
    "bpf_object__close": (None, [c_void_p]),
    "bpf_object__find_map_by_name": (c_void_p, [c_void_p, c_char_p]),
    "bpf_object__find_program_by_name": (c_void_p, [c_void_p, c_char_p]),
    "bpf_object__load": (c_int, [c_void_p]),
    "bpf_object__open_mem": (c_void_p, [c_void_p, c_size_t, POINTER(OpenOptions)]),
    "bpf_prog_get_fd_by_id": (c_int, [c_uint32]),
    "bpf_prog_test_run_opts": (c_int, [c_int, POINTER(RunOptions)]),
    "bpf_program__fd": (c_int, [c_void_p]),
    "bpf_program__set_autoload": (c_int, [c_void_p, c_bool]),
    "btf__find_by_name_kind": (c_int32, [c_void_p, c_char_p, c_uint32]),
    "btf__name_by_offset": (c_char_p, [c_void_p, c_uint32]),
    "btf__type_by_id": (c_void_p, [c_void_p, c_uint32]),
    "libbpf_num_possible_cpus": (c_int, []),
    "libbpf_set_print": (c_void_p, [SAY]),
    "libbpf_strerror": (c_int, [c_int, c_char_p, c_size_t]),
}
"""Of every function that is used: what it returns, what it takes."""

said: deque[str] = deque(maxlen=50)
"""What libbpf warned of last, a line each: it says which map or program an error number is about."""


@cache
def libbpf() -> CDLL:
    """Return the library, loaded when this is first called; it prints nothing from then on.

    Raises LibbpfError where it is missing or lacks a function.
    """
    try:
        library = CDLL(LIBRARY, use_errno=True)
    except OSError:
        raise LibbpfError(f"{LIBRARY} is not there: install the system's libbpf (1.0 or later)") from None
    for name, (result, arguments) in SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibbpfError(f"{LIBRARY} lacks {name}: libbpf 1.0 or later is needed") from None
        function.restype, function.argtypes = result, arguments
    library.libbpf_set_print(_listener())
    _raise_locked_memory()
    return library


@cache
def _listener() -> Callable[..., Any]:
    """Return the function that libbpf calls to print; cached, because it must not go while libbpf lives.

    libbpf may look at errno after printing, so this must leave it alone: hence SAY's `use_errno`, and the C
    library without it.
    """
    vsnprintf = CDLL(None).vsnprintf
    vsnprintf.argtypes = [c_char_p, c_size_t, c_char_p, c_void_p]

    def hear(level: int, form: bytes, arguments: int) -> int:
        if level == LIBBPF_WARN:
            line = create_string_buffer(LINE)
            vsnprintf(line, LINE, form, arguments)
            said.append(line.value.decode(errors="replace").removeprefix("libbpf: ").rstrip())
        return 0

    return SAY(hear)


def _raise_locked_memory() -> None:
    """Let this process lock as much memory as it may: before Linux 5.11 maps and programs count as that.

    Where more is allowed (CAP_SYS_RESOURCE), libbpf itself does the rest on the kernels that need it.
    """
    _, most = getrlimit(RLIMIT_MEMLOCK)
    setrlimit(RLIMIT_MEMLOCK, (most, most))


def reason(code: int) -> str:
    """Return an error number in words; libbpf has some beyond errno(3)'s."""
    if code == ENOTSUPP:
        return "Operation not supported"
    text = create_string_buffer(LINE)
    libbpf().libbpf_strerror(code, text, LINE)
    return text.value.decode(errors="replace")


def check(result: int, what: str) -> int:
    """Return what a function of the library returned; raise RefusedError where that is an error number."""
    if result < 0:
        raise RefusedError(f"{what}: {reason(-result)}", -result)
    return result


def check_pointer(pointer: int | None, what: str) -> int:
    """Return a pointer that a function of the library returned; raise RefusedError where it is NULL."""
    if not pointer:
        code = get_errno()
        raise RefusedError(f"{what}: {reason(code)}", code)
    return pointer


def possible_cpus() -> int:
    """Return how many values a per-CPU map has for each key."""
    return check(libbpf().libbpf_num_possible_cpus(), "counting the possible CPUs")


class Descriptor:
    """A file descriptor of a map or program in the kernel, which lives as long as anything holds it."""

    def __init__(self, fd: int) -> None:
        """Take over *fd*."""
        self.fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back. Further calls do nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_information(fd: int, into: Structure) -> None:
    """Fill struct bpf_map_info or bpf_prog_info, as much of it as *into* has. Raises RefusedError."""
    length = c_uint32(sizeof(into))
    check(
        libbpf().bpf_obj_get_info_by_fd(fd, addressof(into), length), "asking for a map's or program's state"
    )
