"""A live source: the packets of one device, read from a ring that the kernel writes (packet(7), TPACKET_V3).

Owns the receive ring. Must not know rules, targets, or which end of the wire the device is: INGRESS here is
what the device received. The kernel's side is Documentation/networking/packet_mmap.rst and
net/packet/af_packet.c; the offsets below are those of include/uapi/linux/if_packet.h, in the machine's byte
order, which is little-endian wherever this runs.

*Blocks.* The ring is a circle of blocks; the kernel fills one with packets until it is full or RETIRE_MS
old, and marks it TP_STATUS_USER. It is ours then until we mark it TP_STATUS_KERNEL, which happens at the
`fill` after the one that took its last packet: the bytes of a batch lie in the ring itself and are never
copied. A block with more packets than a batch has rows lasts several batches.

*Order in memory.* The kernel writes a block's packets before its status, so we must read the status before
the packets and finish with the packets before we write the status. On x86 loads stay in order and so do
stores after them; arm64 promises neither. Each step is a call of its own, so no compiler reorders across
it, and `_Barrier` keeps the processor from doing so.

*What a socket disturbs.* Nothing on the device: no promiscuous mode (a host end sees every frame anyway, and
a NIC that is the ENI itself should show its own traffic, not its neighbours'), no offload is changed, and
closing the ring removes it. But an open socket keeps its network namespace alive, and a mirrored container's
devices with it: see `is_gone`.

*What the stack has left to others.* Super-packets of segmentation offload come as the stack holds them, one
row each, and checksums as far as they are finished; the header that PACKET_VNET_HDR puts before each packet
says so (`wire.virtio_net`), and its columns of `Frames` what is lacking. A super-packet that it has no word
for (of a tunnel protocol before Linux 6.17, say) the kernel drops, and counts as if the ring were full. A tag
that was taken out of a frame is put back here, over that header.

*The filter.* A ring begins closed. `admit` lets packets in, by a classic BPF program if there is one, which
says how many bytes of each are wanted; it replaces the one before at once, between two packets.
"""

from ctypes import addressof, c_uint8, create_string_buffer
from errno import EPERM
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from os import strerror
from socket import AF_PACKET, PACKET_OUTGOING, SO_ERROR, SOCK_RAW, SOL_SOCKET, socket
from struct import Struct
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np

from mirrorplane.batch import EGRESS, INGRESS, Frames
from mirrorplane.capture.device import Device, inside, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.jit import I64, U8, Bound, inline, kernel, zeros
from mirrorplane.jit.memory import be32, le16, le32, put_be16, put_be32
from mirrorplane.wire import ethernet, virtio_net

ETH_P_ALL = 3
"""include/uapi/linux/if_ether.h: every protocol, and what is sent too."""

SOL_PACKET = 263
"""include/linux/socket.h."""

PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_VNET_HDR = 5, 6, 10, 15
SO_ATTACH_FILTER = 26
"""include/uapi/asm-generic/socket.h."""

TPACKET_V3 = 2
TP_STATUS_KERNEL, TP_STATUS_USER = 0, 1
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6

REQUEST = Struct("7I")
"""struct tpacket_req3: block size, blocks, frame size, frames, retire time in ms, private bytes, features."""

FILTER, INSTRUCTION = Struct("HP"), Struct("HBBI")
"""struct sock_fprog: instructions, where; struct sock_filter (include/uapi/linux/filter.h)."""

_RETURN = 0x06
"""BPF_RET | BPF_K: so many bytes of the packet are wanted, at most; 0: it is not."""

NOTHING, EVERYTHING = INSTRUCTION.pack(_RETURN, 0, 0, 0), INSTRUCTION.pack(_RETURN, 0, 0, 0xFFFF_FFFF)

STATISTICS = Struct("3I")
"""struct tpacket_stats_v3: packets (drops too), drops, times that the queue froze; reading clears them."""

BLOCK_STATUS, BLOCK_PACKETS, BLOCK_FIRST = 8, 12, 16
"""struct tpacket_block_desc: block_status, num_pkts, offset_to_first_pkt."""

NEXT, SECONDS, NANOSECONDS, SNAPLEN, LENGTH, STATUS, MAC = 0, 4, 8, 12, 16, 20, 24
VLAN_TCI, VLAN_TPID, HEADER_LEN = 32, 36, 48
"""struct tpacket3_hdr, from the packet's start; a struct sockaddr_ll follows."""

PACKET_TYPE = HEADER_LEN + 10
"""sll_pkttype of that struct sockaddr_ll."""

WORD = 4

BLOCK_SIZE = 1 << 17
"""Bytes a block: a 64 KB super-packet fits, and a block of small packets is about a batch."""

BLOCKS = 128
"""Blocks a ring, 16 MB: 13 ms of 10 Gbit/s."""

RETIRE_MS = 8
"""How long a packet may wait for its block to fill. A block that is retired early is used up like a full one:
however little traffic there is, the reader may pause for BLOCKS times this, a second, and no longer.

Between a block's end and the beginning of the next the kernel (net/packet/af_packet.c, prb_close_block)
takes a packet of another CPU for one that finds the ring full. Bursts of 14,000 into a ring that nobody read
lost 6 of 1.2 million packets so, and none where all was on one CPU; 125,000 a second, read at once, none of a
million."""

NANO = 1_000_000_000
_TYPE_AT = ethernet.TYPE.start


class Cursor(NamedTuple):
    """Where the next batch begins: `at` the next packet in `data`, `left` how many its block still has."""

    at: I64
    left: I64
    source: I64


class Group(Protocol):
    """Sockets of one device that share its packets (packet(7), PACKET_FANOUT)."""

    def join(self, member: socket) -> None:
        """Make *member*, which is bound, one of them. Raises OSError."""


class ReceiveRing:
    """The packets of one device, as a Source: `data` is the ring, `source` the row of the ENI in the plan.

    `fileno` becomes readable when a block is ready, and reports an error when the device went down or away.
    """

    def __init__(
        self, device: Device, source: int = 0, blocks: int = BLOCKS, fanout: Group | None = None
    ) -> None:
        """Open a ring of *blocks* blocks on *device*, one of *fanout*'s; nothing comes until `admit`.

        Raises CaptureError where that is refused.
        """
        self.device = device
        self._namespace = namespace_id(device.netns) if device.netns is not None else None
        self._blocks = blocks
        self._block = 0
        self._taken = False
        self._cursor: Cursor = zeros(Cursor, 1)
        self._barrier = _Barrier()
        self._frames: Frames | None = None
        self._walk: Bound | None = None
        self.source = source
        walk.entry()  # compiled now if need be, not while packets come
        try:
            self._socket = inside(device.netns, lambda: socket(AF_PACKET, SOCK_RAW, 0))
        except OSError as error:
            raise _refused(device, error) from None
        try:
            self._map = self._open(fanout)
        except OSError as error:
            self._socket.close()
            raise _refused(device, error) from None
        self.data = _column(self._map)
        self._words = self.data.view(np.uint32)

    def _open(self, fanout: Group | None) -> mmap:
        """Set the ring up, closed, then bind it to this device: a socket of protocol 0 receives nothing."""
        self._socket.setblocking(False)
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._attach(NOTHING)
        request = REQUEST.pack(BLOCK_SIZE, self._blocks, BLOCK_SIZE, self._blocks, RETIRE_MS, 0, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        ring = mmap(self._socket.fileno(), BLOCK_SIZE * self._blocks, MAP_SHARED, PROT_READ | PROT_WRITE)
        try:
            self._socket.bind((self.device.name, ETH_P_ALL))
            if fanout is not None:
                fanout.join(self._socket)
        except OSError:
            ring.close()
            raise
        return ring

    def admit(self, program: bytes | None) -> None:
        """Let packets in from now on, as many bytes of each as *program* says; None: everything, whole.

        A program is an array of struct sock_filter. Raises CaptureError where the kernel refuses it.
        """
        try:
            self._attach(EVERYTHING if program is None else program)
        except OSError as error:
            raise _refused(self.device, error) from None

    def _attach(self, program: bytes) -> None:
        octets = create_string_buffer(program, len(program))
        described = FILTER.pack(len(program) // INSTRUCTION.size, addressof(octets))
        self._socket.setsockopt(SOL_SOCKET, SO_ATTACH_FILTER, described)

    @property
    def source(self) -> int:
        """The row of this ENI in the plan; a reload may change it between batches."""
        return int(self._cursor.source[0])

    @source.setter
    def source(self, row: int) -> None:
        self._cursor.source[0] = row

    def fileno(self) -> int:
        """Return the socket's descriptor, for poll; -1 after `close`."""
        return self._socket.fileno()

    def fill(self, frames: Frames) -> int:
        """Fill *frames* from the block at hand, or the next if ready; return their number, 0: nothing yet.

        The bytes of the last batch may be overwritten from now on.
        """
        frames.count[0] = 0
        while not self._cursor.left[0]:
            self._give_back()
            if self._map.closed or not self._take():
                return 0
        if frames is not self._frames or self._walk is None:
            self._frames, self._walk = frames, walk.bind(self.data, self._cursor, frames)
        self._walk()
        return int(frames.count[0])

    def _take(self) -> bool:
        """Take the next block if the kernel has finished it."""
        start = self._block * BLOCK_SIZE
        if not int(self._words[(start + BLOCK_STATUS) // WORD]) & TP_STATUS_USER:
            return False
        self._barrier()
        self._cursor.left[0] = self._words[(start + BLOCK_PACKETS) // WORD]
        self._cursor.at[0] = start + int(self._words[(start + BLOCK_FIRST) // WORD])
        self._taken = True
        return True

    def _give_back(self) -> None:
        """Give the block at hand back to the kernel."""
        if self._taken:
            self._barrier()
            self._words[(self._block * BLOCK_SIZE + BLOCK_STATUS) // WORD] = TP_STATUS_KERNEL
            self._block = (self._block + 1) % self._blocks
            self._taken = False

    def drops(self) -> int:
        """Return how many packets found the ring full since the last call; nothing else is known of them."""
        answer = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, STATISTICS.size)
        _, drops, _ = STATISTICS.unpack(answer)
        return int(drops)

    def is_gone(self) -> bool:
        """Return whether nothing more will come: the device has gone, or the name of its namespace.

        A device that is merely down is not gone: the kernel resumes when it comes up. Clears what `fileno`
        reports.
        """
        self._socket.getsockopt(SOL_SOCKET, SO_ERROR)
        name, netns = self._socket.getsockname()[0], self.device.netns
        return not name or (netns is not None and namespace_id(netns) != self._namespace)

    def close(self) -> None:
        """Unmap the ring and close its socket. `data` must not be read afterwards; `fill` gives nothing."""
        self._cursor.left[0] = 0
        self._taken = False
        self._map.close()
        self._socket.close()


class _Barrier:
    """Keeps the processor from moving reads and writes across a call.

    Released and acquired again, a lock that nobody else has is a release followed by an acquire of one word:
    what came before stays before, what comes after stays after, also by arm64's rules. Python has no plainer
    fence.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lock.acquire()

    def __call__(self) -> None:
        self._lock.release()
        self._lock.acquire()


def _column(ring: mmap) -> U8:
    """Return *ring* as a column that does not hold it: a mapping that has a view cannot be closed.

    It has to be, because mmap duplicates the descriptor: the socket goes on receiving until both are closed.
    """
    address = np.frombuffer(ring, np.uint8).ctypes.data
    return np.ctypeslib.as_array((c_uint8 * len(ring)).from_address(address))


def _refused(device: Device, error: OSError) -> CaptureError:
    hint = " (packet sockets need CAP_NET_RAW)" if error.errno == EPERM else ""
    return CaptureError(f"device {device.name}: {strerror(error.errno or 0)}{hint}")


@kernel
def walk(data: U8, cursor: Cursor, frames: Frames) -> None:
    """Fill *frames* with the packets of a block from `cursor.at` on, and move the cursor behind them."""
    rows = min(cursor.left[0], frames.source.size)
    at = cursor.at[0]
    for row in range(rows):
        start, tag = at + le16(data, at + MAC), 0
        lacking = start - virtio_net.LEN
        frames.super_packet[row] = virtio_net.super_packet(data, lacking)
        frames.segment_size[row] = virtio_net.segment_size(data, lacking)
        unfinished, checksum_at = virtio_net.checksum(data, lacking)
        if le32(data, at + STATUS) & TP_STATUS_VLAN_VALID:
            tag = ethernet.TAG_LEN
            start -= tag
            put_tag_back(data, start, _tpid(data, at), le32(data, at + VLAN_TCI))
        frames.unfinished[row] = unfinished + tag if unfinished else 0
        frames.checksum_at[row] = checksum_at + tag if unfinished else 0
        frames.source[row] = cursor.source[0]
        frames.offset[row] = start
        frames.length[row] = le32(data, at + SNAPLEN) + tag
        frames.wire_length[row] = le32(data, at + LENGTH) + tag
        frames.time[row] = le32(data, at + SECONDS) * NANO + le32(data, at + NANOSECONDS)
        frames.direction[row] = EGRESS if data[at + PACKET_TYPE] == PACKET_OUTGOING else INGRESS
        at += le32(data, at + NEXT)
    cursor.at[0] = at
    cursor.left[0] -= rows
    frames.count[0] = rows


@inline
def _tpid(data: U8, at: int) -> int:
    """Return the kind of the tag that the kernel took out of the packet at *at*: 802.1Q or 802.1ad."""
    is_told = le32(data, at + STATUS) & TP_STATUS_VLAN_TPID_VALID
    return le16(data, at + VLAN_TPID) if is_told else ethernet.VLAN


@inline
def put_tag_back(data: U8, start: int, tpid: int, tci: int) -> None:
    """Make a frame that begins 4 bytes before its MACs tagged again: MACs to the front, then the tag.

    The kernel takes a tag out of every frame that it receives; the 4 bytes are the last ones of the header
    that says what is lacking, which has been read.
    """
    destination, both, source = be32(data, start + 4), be32(data, start + 8), be32(data, start + 12)
    put_be32(data, start, destination)
    put_be32(data, start + 4, both)
    put_be32(data, start + 8, source)
    put_be16(data, start + _TYPE_AT, tpid)
    put_be16(data, start + _TYPE_AT + 2, tci)
