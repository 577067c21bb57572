"""Real conversations of the guest with its host: TCP both ways at once, and frames made by hand."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from socket import (
    AF_INET,
    AF_INET6,
    AF_PACKET,
    IPPROTO_TCP,
    SHUT_WR,
    SOCK_RAW,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_INFO,
    socket,
)
from struct import unpack_from
from time import sleep
from typing import NamedTuple

import numpy as np

from mirrorplane.lab.network import Host
from tests.engines.live.offloaded import Offloaded

SO_MAX_PACING_RATE = 47
"""include/uapi/asm-generic/socket.h: bytes a second, in super-packets still."""

DATA_SEGS_OUT, RCV_OOOPACK, TCP_INFO_LENGTH = 156, 224, 256
"""struct tcp_info, include/uapi/linux/tcp.h; segments are counted as on the wire (tcp_skb_pcount)."""

SOL_PACKET, PACKET_VNET_HDR = 263, 15

UDP_SEGMENT = 103
"""include/uapi/linux/udp.h: the bytes of each datagram that one send makes, by segmentation offload."""

MEGABYTE = 1_000_000
RATE = 40 * MEGABYTE
"""Bytes a second and direction, which the recorder keeps up with."""

CHUNK = 1 << 18
TIMEOUT = 20.0
BREATH = 0.001
"""Seconds between two packets that segments are made of."""


class Sent(NamedTuple):
    """One direction of a connection: the sender's port, what it sent, and what arrived.

    `data_segments` is the sender's own count, `n_overtaken` the receiver's of those that came too early: the
    lab's wire has a queue for each CPU.
    """

    port: int
    content: bytes
    received: bytes
    data_segments: int
    n_overtaken: int


def transfer(one: Host, other: Host, address: str, size: int, rate: int | None = None) -> tuple[Sent, Sent]:
    """Have *one* connect to *other* at *address*, and each send *size* bytes, at *rate* bytes a second.

    Return what each sent, *one* first.
    """
    family = AF_INET6 if ":" in address else AF_INET
    with ExitStack() as stack:
        listener = stack.enter_context(other.call(socket, family, SOCK_STREAM))
        near = stack.enter_context(one.call(socket, family, SOCK_STREAM))
        listener.bind((address, 0))
        listener.listen()
        near.settimeout(TIMEOUT)
        if rate:
            near.setsockopt(SOL_SOCKET, SO_MAX_PACING_RATE, rate)
            listener.setsockopt(SOL_SOCKET, SO_MAX_PACING_RATE, rate)
        near.connect(listener.getsockname()[:2])
        far = stack.enter_context(listener.accept()[0])
        far.settimeout(TIMEOUT)
        return _exchange(near, far, size)


def _exchange(near: socket, far: socket, size: int) -> tuple[Sent, Sent]:
    contents = [np.random.default_rng(seed).bytes(size) for seed in (1, 2)]
    with ThreadPoolExecutor(4) as threads:
        received = [threads.submit(_receive, end) for end in (far, near)]
        for done in [threads.submit(_send, *work) for work in zip((near, far), contents, strict=True)]:
            done.result()
        arrived = [done.result() for done in received]
    there = _sent(near, far, contents[0], arrived[0])
    return there, _sent(far, near, contents[1], arrived[1])


def _send(end: socket, content: bytes) -> None:
    end.sendall(content)
    end.shutdown(SHUT_WR)


def _receive(end: socket) -> bytes:
    content = bytearray()
    while received := end.recv(CHUNK):
        content += received
    return bytes(content)


def _sent(sender: socket, receiver: socket, content: bytes, received: bytes) -> Sent:
    data_segments, n_overtaken = _info(sender, DATA_SEGS_OUT), _info(receiver, RCV_OOOPACK)
    return Sent(sender.getsockname()[1], content, received, data_segments, n_overtaken)


def _info(end: socket, at: int) -> int:
    return int(unpack_from("=I", end.getsockopt(IPPROTO_TCP, TCP_INFO, TCP_INFO_LENGTH), at)[0])


def send_frames(host: Host, device: str, frames: Iterable[bytes]) -> None:
    """Send frames as they are."""
    with host.call(socket, AF_PACKET, SOCK_RAW, 0) as raw:
        raw.bind((device, 0))
        for frame in frames:
            raw.send(frame)


def send_offloaded(host: Host, device: str, packets: Iterable[Offloaded]) -> None:
    """Send what the stack is to finish, slowly: what it makes of it has to find room in its queues."""
    with host.call(socket, AF_PACKET, SOCK_RAW, 0) as raw:
        raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        raw.bind((device, 0))
        for packet in packets:
            raw.send(packet.lacking + packet.frame)
            sleep(BREATH)
