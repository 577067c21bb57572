"""A classic BPF program, run: by the kernel on the bytes of a datagram, and by an interpreter.

Owns both machines. Must not know what a program is for. The kernel's takes every packet for one that was
received; the interpreter is told. Its rules are those of Documentation/networking/filter.rst.
"""

from collections.abc import Callable
from ctypes import addressof, create_string_buffer
from operator import and_, eq, ge, gt
from socket import AF_UNIX, SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOL_SOCKET, socket, socketpair
from struct import Struct
from typing import Self

INSTRUCTION = Struct("=HBBI")
FPROG = Struct("@HP")
SO_ATTACH_FILTER = 26
PACKET_TYPE = 0xFFFFF004
SIZES = {0x00: 4, 0x08: 2, 0x10: 1}
COMPARISONS: dict[int, Callable[[int, int], object]] = {0x10: eq, 0x20: gt, 0x30: ge, 0x40: and_}
ROOM = 1 << 20


def attach(to: socket, program: bytes) -> None:
    """Attach *program* to a socket; the kernel refuses one that is not valid."""
    array = create_string_buffer(program, len(program))
    to.setsockopt(
        SOL_SOCKET, SO_ATTACH_FILTER, FPROG.pack(len(program) // INSTRUCTION.size, addressof(array))
    )


class Kernel:
    """The kernel's machine: a datagram passes the filter of the socket that it is sent to, and is cut."""

    def __init__(self, program: bytes) -> None:
        self._sender, self._receiver = socketpair(AF_UNIX, SOCK_DGRAM)
        self._sender.setsockopt(SOL_SOCKET, SO_SNDBUF, ROOM)
        self._receiver.setsockopt(SOL_SOCKET, SO_RCVBUF, ROOM)
        attach(self._receiver, program)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.close()
        self._receiver.close()

    def kept(self, frame: bytes) -> int:
        """Return how many bytes of *frame* are kept. Raises PermissionError where it is rejected."""
        self._sender.send(frame)
        found = self._receiver.recv(ROOM)
        assert frame.startswith(found)
        return len(found)


class Miss(Exception):  # noqa: N818 - a load past the packet's end, by which it is rejected
    """A load that reaches past the end of a packet."""


class Interpreter:
    """A machine of our own, which can be told that a packet was sent."""

    def __init__(self, program: bytes) -> None:
        self._program: list[tuple[int, int, int, int]] = list(INSTRUCTION.iter_unpack(program))
        self.steps = 0

    def kept(self, frame: bytes, packet_type: int = 0) -> int:
        """Return how many bytes of *frame* are kept."""
        accumulator = index = at = 0
        memory: dict[int, int] = {}
        while True:
            code, if_true, if_false, k = self._program[at]
            self.steps += 1
            at += 1
            kind, mode = code & 0x07, code & 0xE0
            if code == 0x06:
                return min(k, len(frame))
            if code == 0x05:
                at += k
            elif kind == 0x05:
                at += if_true if COMPARISONS[code & 0xF0](accumulator, k) else if_false
            elif code == 0x54:
                accumulator &= k
            elif code == 0x02:
                memory[k] = accumulator
            elif code == 0xB1:
                index = (self._bytes(frame, k, 1) & 0xF) * 4
            elif code == 0x80:
                accumulator = len(frame)
            elif mode == 0x60:
                accumulator = memory[k]
            elif code == 0x00:
                accumulator = k
            elif code == 0x20 and k == PACKET_TYPE:
                accumulator = packet_type
            else:
                where = k + index if mode == 0x40 else k
                accumulator = self._bytes(frame, where, SIZES[code & 0x18])

    def _bytes(self, frame: bytes, at: int, size: int) -> int:
        if at + size > len(frame):
            raise Miss(at)
        return int.from_bytes(frame[at : at + size], "big")
