"""A live sink: frames leave by a device, from a ring that the kernel reads (packet(7), TPACKET_V2).

Owns the transmit ring. Must not know next hops, templates, or why a packet was chosen. The kernel's side is
Documentation/networking/packet_mmap.rst and net/packet/af_packet.c (tpacket_snd); the offsets are those of
include/uapi/linux/if_packet.h, in the machine's byte order, which is little-endian wherever this runs.

*Slots.* A circle of slots, each a header and a frame. A slot that is TP_STATUS_AVAILABLE is ours to write;
`send` marks what was placed TP_STATUS_SEND_REQUEST, and one system call hands it all over. The kernel takes
slots in their order, marks each TP_STATUS_SENDING, and AVAILABLE when the frame has left (or was copied,
where it goes to another namespace). It stops at the first that it cannot take. PACKET_LOSS would have it
pass over frames that are too long instead, without saying which.

*One copy, into one piece.* By itself the kernel takes a frame's first 14 bytes into the linear area of its
buffer, and points to the slot for the rest. Where the frame then crosses to another namespace, as over a veth
to a sensor, it is copied after all, into pages allocated for it; and a driver has two pieces to map. The
header that PACKET_VNET_HDR puts before each frame asks for all of it to be linear (`wire.virtio_net`):
measured over a veth with a C program of the same rings, 1.15 us a packet rather than 1.55 at 114 bytes, 1.36
rather than 1.76 at 1,514. The kernel then leaves it to us that no frame is longer than the device's MTU.

*Order in memory.* The kernel reads the slots within our own system call, so they need no barrier; a slot is
written only after its status was read, which the processor keeps in order because the writing depends on it.

*Production first.* Nothing here waits for the device unless asked to (`patient`, for a capture file that is
sent), and frames go to the driver itself (PACKET_QDISC_BYPASS): no place in the queue is taken from
production traffic, nor do packet sockets on the device see them, so our own output is not captured where the
uplink is itself a source.
"""

import time
from contextlib import suppress
from ctypes import c_uint8
from errno import EAGAIN, ENETDOWN, ENOBUFS, ENODEV, ENXIO, EPERM
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from os import strerror
from socket import AF_PACKET, MSG_DONTWAIT, SO_SNDBUF, SOCK_RAW, SOL_SOCKET, socket
from struct import Struct
from typing import NamedTuple

import numpy as np

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import I64, U8, Bound, kernel, zeros
from mirrorplane.jit.memory import le32, put_le32
from mirrorplane.wire import ethernet, virtio_net

SOL_PACKET = 263
"""include/linux/socket.h."""

SO_SNDBUFFORCE = 32
"""include/uapi/asm-generic/socket.h: SO_SNDBUF beyond net.core.wmem_max, with CAP_NET_ADMIN."""

PACKET_VERSION, PACKET_TX_RING, PACKET_VNET_HDR, PACKET_QDISC_BYPASS = 10, 13, 15, 20
TPACKET_V2 = 1
TP_STATUS_AVAILABLE, TP_STATUS_SEND_REQUEST, TP_STATUS_SENDING, TP_STATUS_WRONG_FORMAT = 0, 1, 2, 4

BUSY = TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING | TP_STATUS_WRONG_FORMAT
"""A slot with none of these is available; the kernel may leave a time stamp's mark in the upper bits."""

REQUEST = Struct("4I")
"""struct tpacket_req: block size, blocks, frame size, frames."""

STATUS, LENGTH, LACKING = 0, 4, 32
"""struct tpacket2_hdr: tp_status, tp_len; what follows it is aligned (TPACKET_ALIGN)."""

FRAME = LACKING + virtio_net.LEN

LINEAR = 3500
"""Bytes of a frame that are to be in one piece: it fits a page, with all that the kernel puts around it."""

SLOTS = 2048
"""Slots a ring: two batches."""

SMALLEST_SLOT, LARGEST_SLOT = 1 << 11, 1 << 14
"""Bytes a slot: a power of two, so that slots fill blocks and a slot's place is its number times its size."""

BLOCK_SIZE = 1 << 16
"""The kernel allocates the ring in blocks of so many contiguous bytes."""

NAP = 0.0001
"""Seconds between two looks of a patient ring."""

TRANSIENT = frozenset({0, EAGAIN, ENOBUFS})
"""What passes by itself: too much in flight, or a full queue; 0 where the kernel took only some."""

LOST = frozenset({ENETDOWN, ENODEV, ENXIO})
"""What says that the device is down or away."""

KNOWN_COPIES = 64
"""Batches' columns that a kernel is kept bound to: one for each source."""


class Slots(NamedTuple):
    """The ring: `head` is the next slot to write, `placed` how many were written and not sent yet."""

    slots: I64
    size: I64
    head: I64
    placed: I64


class TransmitRing:
    """The way out by one device, as a Sink: `data` is the ring, `mtu` the longest IP packet in a slot.

    `is_failing`: the last `send` found the device down or away.
    """

    def __init__(self, device: str, mtu: int, slots: int = SLOTS, *, patient: bool = False) -> None:
        """Open a ring on *device*, in the caller's namespace, for IP packets of *mtu* bytes or LARGEST_SLOT.

        A *patient* ring's `send` returns only when everything was taken and there is room again. Raises
        ForwardError where that is not possible or not allowed.
        """
        self.device = device
        self.is_failing = False
        self._patient = patient
        size = slot_size(mtu)
        self.mtu = size - FRAME - ethernet.HEADER_LEN
        self._ring: Slots = zeros(Slots, 1)
        self._ring.slots[0], self._ring.size[0] = slots, size
        self._socket = _socket(device)
        try:
            self._map = self._open()
        except OSError as error:
            self._socket.close()
            raise ForwardError(f"device {device}: {strerror(error.errno or 0)}") from None
        self.data = _column(self._map)
        self._first, self._answer = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._request = request.bind(self.data, self._ring)
        self._look = look.bind(self.data, self._ring, self._answer)
        self._take_back = take_back.bind(self.data, self._ring, self._answer)
        self._place: dict[int, Bound] = {}
        place.entry()  # compiled now if need be, not while packets wait

    def takes(self, mtu: int) -> bool:
        """Return whether a ring for IP packets of *mtu* bytes would have no larger slots."""
        return slot_size(mtu) <= int(self._ring.size[0])

    def is_gone(self) -> bool:
        """Return whether nothing will ever leave by this ring again: its device left the namespace.

        The kernel unbinds the socket then; the device may come back, with the same index even, the ring not.
        """
        return self._map.closed or not self._socket.getsockname()[0]

    def _open(self) -> mmap:
        slots, size = int(self._ring.slots[0]), int(self._ring.size[0])
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        with suppress(OSError):
            self._socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self._allow_in_flight(2 * slots * size)
        request = REQUEST.pack(BLOCK_SIZE, slots * size // BLOCK_SIZE, size, slots)
        self._socket.setsockopt(SOL_PACKET, PACKET_TX_RING, request)
        self._socket.bind((self.device, 0))
        return mmap(self._socket.fileno(), slots * size, MAP_SHARED, PROT_READ | PROT_WRITE)

    def _allow_in_flight(self, n_bytes: int) -> None:
        """Let the ring's slots be the limit of what is in flight, or as much of it as we are allowed."""
        try:
            self._socket.setsockopt(SOL_SOCKET, SO_SNDBUFFORCE, n_bytes)
        except OSError:
            self._socket.setsockopt(SOL_SOCKET, SO_SNDBUF, n_bytes)

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Give the copies from row *first* on free slots; return how many got one. None may exceed `mtu`."""
        if self._map.closed:
            return 0
        bound = self._place.get(id(copies.count)) or self._bind(copies)
        self._first[0] = first
        bound()
        return int(self._answer[0])

    def _bind(self, copies: Copies) -> Bound:
        """Return `place` bound to *copies*, which it keeps alive, so that their id stays theirs."""
        if len(self._place) >= KNOWN_COPIES:
            self._place.clear()
        bound = place.bind(self.data, self._ring, copies, self._first, self._answer)
        self._place[id(copies.count)] = bound
        return bound

    def send(self) -> int:
        """Hand over what was placed; return how many, the last ones, were not taken. Their slots are free.

        A patient ring has everything taken, or raises ForwardError where waiting does not help.
        """
        if self._map.closed:
            return 0
        refused = self._send_placed() if self._ring.placed[0] else 0
        while self._patient and le32(self.data, int(self._ring.head[0] * self._ring.size[0]) + STATUS) & BUSY:
            time.sleep(NAP)
        return refused

    def _send_placed(self) -> int:
        self._request()
        error, refused = self._hand_over_all()
        self._take_back()
        self.is_failing = refused > 0 and error in LOST
        if refused and self._patient:
            raise ForwardError(f"device {self.device}: {strerror(error)}", refused)
        return refused

    def _hand_over_all(self) -> tuple[int, int]:
        """Hand over until all is taken or, unless patient, none; return the last error and what is left."""
        before = int(self._ring.placed[0])
        while True:
            error = self._hand_over()
            self._look()
            left = int(self._answer[0])
            is_stuck = left == before
            if not left or error not in TRANSIENT or (is_stuck and not self._patient):
                return error, left
            if is_stuck:
                time.sleep(NAP)
            before = left

    def _hand_over(self) -> int:
        """Have the kernel take what is requested; return the error that it stopped with."""
        try:
            self._socket.send(b"", MSG_DONTWAIT)
        except OSError as error:
            return error.errno or 0
        return 0

    def close(self) -> None:
        """Send what was placed, unmap the ring, close its socket. What the driver holds leaves by itself."""
        if not self._map.closed:
            self._patient = False  # what an interrupted `send` had taken without noting it never is again
            with suppress(ForwardError):
                self.send()
            self._map.close()
            self._socket.close()


def slot_size(mtu: int) -> int:
    """Return the bytes of a slot for IP packets of *mtu* bytes."""
    size = SMALLEST_SLOT
    while size < min(FRAME + ethernet.HEADER_LEN + mtu, LARGEST_SLOT):
        size *= 2
    return size


def _socket(device: str) -> socket:
    try:
        return socket(AF_PACKET, SOCK_RAW, 0)
    except OSError as error:
        hint = " (packet sockets need CAP_NET_RAW)" if error.errno == EPERM else ""
        raise ForwardError(f"device {device}: {strerror(error.errno or 0)}{hint}") from None


def _column(ring: mmap) -> U8:
    """Return *ring* as a column that does not hold it: a mapping that has a view cannot be closed.

    It has to be, because mmap duplicates the descriptor: the socket lives until both are closed.
    """
    address = np.frombuffer(ring, np.uint8).ctypes.data
    return np.ctypeslib.as_array((c_uint8 * len(ring)).from_address(address))


@kernel
def place(data: U8, ring: Slots, copies: Copies, first: I64, placed: I64) -> None:
    """Give the copies from row `first[0]` on the free slots from the head on; answer how many got one."""
    at, n_slots, size = ring.head[0], ring.slots[0], ring.size[0]
    room = min(n_slots - ring.placed[0], copies.count[0] - first[0])
    row = first[0]
    while room > 0 and not le32(data, at * size + STATUS) & BUSY:
        length = int(copies.length[row])
        put_le32(data, at * size + LENGTH, virtio_net.LEN + length)
        virtio_net.emit_linear(data, at * size + LACKING, min(length, LINEAR))
        copies.offset[row] = at * size + FRAME
        at = at + 1 if at + 1 < n_slots else 0
        row += 1
        room -= 1
    placed[0] = row - first[0]
    ring.placed[0] += placed[0]
    ring.head[0] = at


@kernel
def request(data: U8, ring: Slots) -> None:
    """Mark what was placed as to be sent."""
    n_slots, size = ring.slots[0], ring.size[0]
    for back in range(1, ring.placed[0] + 1):
        at = (ring.head[0] - back + n_slots) % n_slots
        put_le32(data, at * size + STATUS, TP_STATUS_SEND_REQUEST)


@kernel
def look(data: U8, ring: Slots, left: I64) -> None:
    """Answer how many of those placed the kernel has not taken: the last ones, as it takes them in order."""
    n_slots, size = ring.slots[0], ring.size[0]
    left[0] = 0
    for back in range(1, ring.placed[0] + 1):
        at = (ring.head[0] - back + n_slots) % n_slots
        if not le32(data, at * size + STATUS) & (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT):
            break
        left[0] += 1


@kernel
def take_back(data: U8, ring: Slots, left: I64) -> None:
    """Free the last `left[0]` slots placed: the head is then where the kernel reads on."""
    n_slots, size = ring.slots[0], ring.size[0]
    for _ in range(left[0]):
        ring.head[0] = (ring.head[0] - 1 + n_slots) % n_slots
        put_le32(data, ring.head[0] * size + STATUS, TP_STATUS_AVAILABLE)
    ring.placed[0] = 0
