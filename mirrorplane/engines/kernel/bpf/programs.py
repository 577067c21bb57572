"""Programs in the kernel: found, and run on a frame in a test (bpf(2), include/uapi/linux/bpf.h).

Owns what is asked of one program. Must not know what any program does, or how it is attached.
"""

from ctypes import (
    Structure,
    addressof,
    byref,
    c_char,
    c_uint8,
    c_uint32,
    c_uint64,
    create_string_buffer,
    sizeof,
)
from typing import NamedTuple, Self

from mirrorplane.engines.kernel.bpf.libbpf import (
    Descriptor,
    RunOptions,
    check,
    libbpf,
    read_information,
)
from mirrorplane.engines.kernel.bpf.maps import NAME

ROOM = 4096
"""Bytes that a frame may grow by in a test run."""


class _Information(Structure):
    """struct bpf_prog_info, up to the name."""

    _fields_ = (
        ("kind", c_uint32),
        ("id", c_uint32),
        ("tag", c_uint8 * 8),
        ("jited_prog_len", c_uint32),
        ("xlated_prog_len", c_uint32),
        ("jited_prog_insns", c_uint64),
        ("xlated_prog_insns", c_uint64),
        ("load_time", c_uint64),
        ("created_by_uid", c_uint32),
        ("map_count", c_uint32),
        ("map_ids", c_uint64),
        ("name", c_char * NAME),
    )


class ProgramInfo(NamedTuple):
    """What a program is: `tag` tells its instructions from others', `map_ids` what it uses."""

    id: int
    name: str
    tag: bytes
    map_ids: tuple[int, ...]


class Outcome(NamedTuple):
    """What a test run gave: what the program returned, the frame and the context it left behind."""

    verdict: int
    frame: bytes
    context: bytes


class Program(Descriptor):
    """A program, by a descriptor of its own."""

    @classmethod
    def by_id(cls, number: int) -> Self:
        """Return the program that the kernel has under that id. Raises RefusedError: ENOENT where none is."""
        return cls(check(libbpf().bpf_prog_get_fd_by_id(number), f"program with id {number}"))

    def info(self) -> ProgramInfo:
        """Return what it is. Raises RefusedError where this is no program's descriptor."""
        counted = _Information()
        read_information(self.fd, counted)
        ids = (c_uint32 * counted.map_count)()
        raw = _Information(map_count=counted.map_count, map_ids=addressof(ids))
        read_information(self.fd, raw)
        return ProgramInfo(raw.id, raw.name.decode(errors="replace"), bytes(raw.tag), tuple(ids))

    def test_run(self, frame: bytes, context: bytes | None = None, repeat: int = 1) -> Outcome:
        """Run it on *frame* (at least 14 bytes) *repeat* times, without a device (BPF_PROG_TEST_RUN).

        *context* is a struct __sk_buff: mark, priority, ifindex, cb, gso_size and a few more can be given.
        The verdict is a signed 32-bit number. Raises RefusedError.
        """
        grown = create_string_buffer(len(frame) + ROOM)
        left = create_string_buffer(len(context or b""))
        options = RunOptions(sz=sizeof(RunOptions), repeat=repeat)
        given = create_string_buffer(frame, len(frame))
        options.data_in, options.data_size_in = addressof(given), len(frame)
        options.data_out, options.data_size_out = addressof(grown), len(grown)
        if context is not None:
            told = create_string_buffer(context, len(context))
            options.ctx_in, options.ctx_size_in = addressof(told), len(context)
            options.ctx_out, options.ctx_size_out = addressof(left), len(left)
        check(libbpf().bpf_prog_test_run_opts(self.fd, byref(options)), "running a program in a test")
        return Outcome(
            verdict=_signed(options.retval),
            frame=grown.raw[: options.data_size_out],
            context=left.raw[: options.ctx_size_out],
        )


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number
