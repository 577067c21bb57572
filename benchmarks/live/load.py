"""What the guest does while it is mirrored: floods of packets, and TCP.

Owns the generators. Must not know who mirrors. Each runs on one CPU, so that it is known which CPU a mirror's
work falls on.

* A flood leaves by a packet socket, past the queueing discipline, from a prepared list of frames that one
  sendmmsg(2) after the other hands to the kernel: little but the kernel's own work for a packet is spent on
  it. The frames are UDP of FLOWS flows with right checksums; their destination MAC is nobody's, so the host
  drops them as soon as whoever mirrors has had them.
* TCP is iperf3's, from the guest to the host, offloads as veth has them by default: super-packets of up to
  64 KB. Both ends are on the same CPU. At a given rate iperf3 sends in bursts, a block of 128 KB or more
  whenever its timer (PACING) finds it behind.
"""

import json
import os
import time
from ctypes import (
    CDLL,
    POINTER,
    Structure,
    addressof,
    byref,
    c_char,
    c_int,
    c_size_t,
    c_uint,
    c_void_p,
    get_errno,
    pointer,
)
from errno import ENOBUFS
from ipaddress import IPv4Address
from socket import AF_PACKET, SOCK_RAW, socket
from typing import NamedTuple

from benchmarks.live.network import DEVICE, GUEST, GUEST_MAC, HOST, Network
from mirrorplane.forward.afpacket import PACKET_QDISC_BYPASS, SOL_PACKET
from mirrorplane.lab.namespaces import LabError
from mirrorplane.wire import checksum, ethernet, ipv4, transport, udp

FLOWS = 256
"""Also the frames that one system call hands over."""

FIRST_PORT, FLOOD_PORT = 20_000, 5000
NOBODY = bytes.fromhex("0200000001fe")

IPERF = "iperf3"
PACING = 1000
"""Microseconds between two looks of iperf3's at whether it is behind its rate."""

STARTING = 30.0
"""Seconds that a run of iperf3 may take beyond those that it sends for."""


class _Vector(Structure):
    """struct iovec, readv(2)."""

    _fields_ = (("base", c_void_p), ("length", c_size_t))


class _Header(Structure):
    """struct msghdr, sendmsg(2)."""

    _fields_ = (
        ("name", c_void_p),
        ("name_length", c_uint),
        ("vectors", POINTER(_Vector)),
        ("n_vectors", c_size_t),
        ("control", c_void_p),
        ("control_length", c_size_t),
        ("flags", c_int),
    )


class _Message(Structure):
    """struct mmsghdr, sendmmsg(2)."""

    _fields_ = (("header", _Header), ("sent", c_uint))


_LIBC = CDLL(None, use_errno=True)


class Flood:
    """Frames of one size, ready to leave by the guest's device."""

    def __init__(self, network: Network, size: int, cpu: int) -> None:
        """Prepare frames of *size* bytes, FCS not counted, to be sent by *cpu*."""
        self._network, self._cpu = network, cpu
        self._socket = network.guest.call(socket, AF_PACKET, SOCK_RAW, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self._socket.bind((DEVICE, 0))
        self._frames = [(c_char * size).from_buffer_copy(frame(size, flow)) for flow in range(FLOWS)]
        self._vectors = [_Vector(addressof(each), size) for each in self._frames]
        self._messages = (_Message * FLOWS)()
        for message, vector in zip(self._messages, self._vectors, strict=True):
            message.header.vectors, message.header.n_vectors = pointer(vector), 1

    def last(self, seconds: float) -> None:
        """Send for so long, flat out, on the CPU given: the calling thread stays there."""
        os.sched_setaffinity(0, {self._cpu})
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._send(FLOWS)

    def send(self, count: int) -> None:
        """Send so many frames, flat out, on the CPU given: the calling thread stays there."""
        os.sched_setaffinity(0, {self._cpu})
        while count:
            count -= self._send(min(count, FLOWS))

    def _send(self, count: int) -> int:
        """Send the first *count* frames; return how many of them the device took."""
        taken = int(_LIBC.sendmmsg(self._socket.fileno(), byref(self._messages), count, 0))
        if taken >= 0:
            return taken
        if (code := get_errno()) != ENOBUFS:
            raise LabError(f"sending by {DEVICE}: {os.strerror(code)}")
        return 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def frame(size: int, flow: int) -> bytes:
    """Return a frame of *size* bytes: UDP from the guest to the host's address, at nobody's MAC."""
    length = size - ethernet.HEADER_LEN
    source, destination = IPv4Address(GUEST), IPv4Address(HOST)
    network = ipv4.emit(ipv4.IPv4(source, destination, transport.UDP, length))
    header = udp.UDP(FIRST_PORT + flow, FLOOD_PORT, length - ipv4.HEADER_LEN)
    pseudo = source.packed + destination.packed + transport.UDP.to_bytes(2, "big")
    total = checksum.total(pseudo + header.length.to_bytes(2, "big") + udp.emit(header))
    right = checksum.fold(total) ^ 0xFFFF or 0xFFFF  # RFC 768: zero would be none
    layer_2 = ethernet.emit(
        ethernet.Ethernet(NOBODY, bytes.fromhex(GUEST_MAC.replace(":", "")), ethernet.IPV4)
    )
    return (layer_2 + network + udp.emit(header._replace(checksum=right))).ljust(size, b"\0")


class Transfer(NamedTuple):
    """What iperf3 moved: payload bytes that were received, bits a second, and segments sent again."""

    payload: int
    rate: float
    retransmits: int


class Listener:
    """An iperf3 server on the host, which listens; it is for one transfer."""

    def __init__(self, network: Network, cpu: int) -> None:
        self._network, self._cpu = network, cpu
        self._server = network.host.spawn([IPERF, "-s", "-1", "-B", HOST, "--forceflush"])
        output = self._server.stdout
        while output is not None and "listening" not in (line := output.readline()):
            if not line:
                raise LabError(f"{IPERF} does not listen: {self._server.communicate()[1].strip()}")

    def transfer(self, seconds: int, rate: float | None) -> Transfer:
        """Send from the guest for so long, flat out or *rate* bits a second. Raises LabError."""
        paced = ["-b", f"{rate:.0f}", "--pacing-timer", str(PACING)] if rate else []
        affinity = ["-A", f"{self._cpu},{self._cpu}"]
        command = [IPERF, "-c", HOST, "-t", str(seconds), "-J", *affinity, *paced]
        done = json.loads(self._network.guest.run(command, timeout=seconds + STARTING).stdout)["end"]
        received, sent = done["sum_received"], done["sum_sent"]
        return Transfer(received["bytes"], received["bits_per_second"], sent["retransmits"])

    def close(self) -> None:
        """See the server off: it ends by itself after the transfer."""
        self._server.terminate()
        self._server.communicate()
