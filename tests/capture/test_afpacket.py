"""The receive ring: every packet of the device once, as it was on the wire, and nothing left behind."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from socket import AF_INET, AF_PACKET, SOCK_DGRAM, SOCK_RAW, SOL_UDP, socket
from struct import Struct
from time import monotonic, sleep

import numpy as np
import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from mirrorplane import batch
from mirrorplane.batch import EGRESS, INGRESS
from mirrorplane.capture import afpacket
from mirrorplane.capture.afpacket import ReceiveRing
from mirrorplane.capture.device import inspect, namespace_path
from mirrorplane.capture.source import CaptureError
from mirrorplane.jit import zeros
from mirrorplane.lab.network import End, Host, Lab

NUMBER = Struct("!I")
ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
DATAGRAM = IP(src="10.0.0.2", dst="10.0.0.99") / UDP(sport=1000, dport=2000, chksum=0)
"""To nobody: no host answers."""

UDP_SEGMENT = 103
"""include/uapi/linux/udp.h: the bytes of each datagram that one send makes, by segmentation offload."""

NOISE = (b"\x08\x06", b"\x86\xdd")
"""ARP and IPv6."""

Rows = list[tuple[bytes, int, int]]


class Pair:
    """Two hosts, joined by eth0 (10.0.0.1, 10.0.0.2) and eth1."""

    def __init__(self, lab: Lab) -> None:
        self.left, self.right = lab.host("left"), lab.host("right")
        lab.link(
            End(self.left, "eth0", "02:00:00:00:00:01", ("10.0.0.1/24",)),
            End(self.right, "eth0", "02:00:00:00:00:02", ("10.0.0.2/24",)),
        )
        lab.link(End(self.left, "eth1"), End(self.right, "eth1"))

    @contextmanager
    def ring(self, blocks: int = 16) -> Iterator[ReceiveRing]:
        ring = ReceiveRing(inspect("eth0", self.left.namespace.reference), blocks=blocks)
        try:
            ring.admit(None)
            yield ring
        finally:
            ring.close()


@pytest.fixture
def pair(allowed: None) -> Iterator[Pair]:
    with Lab() as lab:
        yield Pair(lab)


def send(host: Host, *packets: Packet | bytes, device: str = "eth0") -> None:
    frames = [bytes(packet) for packet in packets]

    def body() -> None:
        with socket(AF_PACKET, SOCK_RAW, 0) as sender:
            sender.bind((device, 0))
            for frame in frames:
                sender.send(frame)

    host.call(body)


def turn(host: Host, state: str) -> None:
    """Have the host's eth0 down, or up and its link with it."""
    host.netlink(lambda link: link.link("set", ifname="eth0", state=state))
    end = monotonic() + 5
    while (
        state == "up" and host.netlink(lambda link: link.get_links(ifname="eth0"))[0].get("operstate") != "UP"
    ):
        assert monotonic() < end
        sleep(0.005)


def delete(host: Host) -> None:
    host.netlink(lambda link: link.link("del", ifname="eth0"))


def number(count: int, size: int = 46) -> list[bytes]:
    """Return so many frames of *size* bytes, each with its number at its end."""
    frame = bytes(ETHER / DATAGRAM / Raw(bytes(size - 42)))
    return [frame[: -NUMBER.size] + NUMBER.pack(index) for index in range(count)]


def numbers(rows: Rows) -> list[int]:
    return [NUMBER.unpack(frame[-4:])[0] for frame, _, _ in rows]


def filled(ring: ReceiveRing, at_least: int, seconds: float = 5.0) -> Rows:
    """Return (frame, wire length, direction) of what comes, less the hosts' noise, until it is so many."""
    rows: Rows = []
    frames, end = batch.frames(), monotonic() + seconds
    while len(rows) < at_least and monotonic() < end:
        for row in range(ring.fill(frames)):
            start, length = int(frames.offset[row]), int(frames.length[row])
            data = ring.data[start : start + length].tobytes()
            if data[12:14] not in NOISE:
                rows.append((data, int(frames.wire_length[row]), int(frames.direction[row])))
        sleep(0.001)
    return rows


def test_every_packet_comes_once_and_in_order_with_its_direction(pair: Pair) -> None:
    with pair.ring() as ring:
        send(pair.right, *number(3000))
        send(pair.left, *number(10))
        rows = filled(ring, 3010)
    assert numbers([row for row in rows if row[2] == INGRESS]) == list(range(3000))
    assert numbers([row for row in rows if row[2] == EGRESS]) == list(range(10))
    assert all(length == len(frame) == 46 for frame, length, _ in rows)


def test_source_and_time_are_told(pair: Pair) -> None:
    frames = batch.frames()
    before = pair.left.run(
        ["date", "+%s%N"]
    ).stdout  # before the ring is there: hosts say things by themselves
    with pair.ring() as ring:
        ring.source = 7
        send(pair.right, *number(5))
        deadline = monotonic() + 5
        while not ring.fill(frames) and monotonic() < deadline:
            sleep(0.001)
        count = int(frames.count[0])
    assert count > 0
    assert set(frames.source[:count]) == {7}
    assert all(0 <= time - int(before) < 5_000_000_000 for time in frames.time[:count].tolist())


def test_packets_of_other_devices_never_come(pair: Pair) -> None:
    stray = [ETHER / DATAGRAM / Raw(b"stray") for _ in range(50)]
    for _ in range(5):
        send(pair.right, *stray, device="eth1")
        with pair.ring() as ring:
            send(pair.right, *stray, device="eth1")
            send(pair.right, *number(3))
            assert numbers(filled(ring, 3)) == [0, 1, 2]


@pytest.mark.parametrize(
    "tags",
    [Dot1Q(vlan=10), Dot1Q(vlan=4095, prio=7, dei=1), Dot1AD(vlan=20), Dot1AD(vlan=20) / Dot1Q(vlan=10)],
)
def test_a_tag_that_the_kernel_took_out_is_put_back(pair: Pair, tags: Packet) -> None:
    packet = ETHER / tags / DATAGRAM / Raw(b"tagged")
    with pair.ring() as ring:
        send(pair.right, packet)
        send(pair.left, packet)
        rows = filled(ring, 2)
    assert [(frame, length) for frame, length, _ in rows] == [(bytes(packet), len(packet))] * 2


def test_what_finds_the_ring_full_is_counted(pair: Pair) -> None:
    with pair.ring(blocks=2) as ring:
        send(pair.right, *number(1000, 1200))
        rows = filled(ring, 1000, seconds=0.2)
        dropped = ring.drops()
        assert ring.drops() == 0, "a drop is told once"
        send(pair.right, *number(3))
        assert numbers(filled(ring, 3)) == [0, 1, 2], "the ring goes on"
    assert numbers(rows) == list(range(len(rows))), "the last ones found no room"
    assert 0 < 1000 - len(rows) <= dropped <= 1000 - len(rows) + 5, "the hosts' noise is dropped as well"


def test_a_device_that_is_down_comes_back_by_itself(pair: Pair) -> None:
    with pair.ring() as ring:
        turn(pair.left, "down")
        assert not ring.is_gone()
        turn(pair.left, "up")
        send(pair.right, *number(3))
        assert numbers(filled(ring, 3)) == [0, 1, 2]
        assert not ring.is_gone()


def test_a_removed_device_is_gone(pair: Pair) -> None:
    with pair.ring() as ring:
        delete(pair.left)
        assert ring.is_gone()
        assert filled(ring, 1, seconds=0.05) == []


def test_a_device_that_moves_away_is_gone(pair: Pair) -> None:
    with pair.ring() as ring:
        descriptor = pair.right.namespace.descriptor
        index = ring.device.ifindex
        pair.left.netlink(lambda link: link.link("set", index=index, ifname="eth9"))
        assert not ring.is_gone()
        pair.left.netlink(lambda link: link.link("set", index=index, net_ns_fd=descriptor))
        assert ring.is_gone()


def test_a_namespace_whose_name_is_gone_is_not_held_on_to(pair: Pair, tmp_path: Path) -> None:
    name = tmp_path / "namespace"
    name.symlink_to(namespace_path(pair.left.namespace.reference))
    ring = ReceiveRing(inspect("eth0", str(name)), blocks=2)
    assert not ring.is_gone()
    name.unlink()
    assert ring.is_gone()
    name.symlink_to(namespace_path(pair.right.namespace.reference))
    assert ring.is_gone(), "another namespace has the name"
    ring.close()


def test_nothing_is_left_after_close(pair: Pair) -> None:
    with pair.ring() as ring:
        assert len(packet_sockets(pair.left)) == 1
        (link,) = pair.left.netlink(lambda netlink: tuple(netlink.link("get", ifname="eth0")))
        assert link.get("IFLA_PROMISCUITY") == 0
    ring.close()
    assert packet_sockets(pair.left) == []
    assert ring.fill(batch.frames()) == 0


def packet_sockets(host: Host) -> list[str]:
    return host.run(["cat", "/proc/net/packet"]).stdout.splitlines()[1:]


def test_a_device_that_goes_before_the_ring_opens_is_refused(pair: Pair) -> None:
    device = inspect("eth0", pair.left.namespace.reference)
    delete(pair.left)
    with pytest.raises(CaptureError, match="device eth0: No such device"):
        ReceiveRing(device)
    assert packet_sockets(pair.left) == []


PACKET = Struct("<IIIIIIHHIIHH")
"""struct tpacket3_hdr without its padding."""


LACKING = Struct("<BBHHHH")
"""struct virtio_net_hdr: flags, GSO type, header length, GSO size, checksum from, checksum at from there."""

WHOLE = LACKING.pack(0, 0, 0, 0, 0, 0)
GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 1, 4, 5, 0x80


def a_block(
    *packets: tuple[bytes, int, int, int, int], lacking: Sequence[bytes] = (WHOLE,) * 3
) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return packets (frame, type, status, TCI, TPID) as the kernel lays them out, and what each lacks."""
    block = bytearray()
    for (frame, kind, status, tci, tpid), before in zip(packets, lacking, strict=True):
        header = PACKET.pack(160, 5, 6, len(frame), len(frame) + 100, status, 82, 96, 0, tci, tpid, 0)
        block += (header.ljust(58, b"\0") + bytes([kind])).ljust(72, b"\xa5") + before
        block += frame.ljust(78, b"\xa5")
    return np.frombuffer(block, np.uint8).copy()


@pytest.mark.parametrize("walk", [afpacket.walk, afpacket.walk.python], ids=["compiled", "python"])
def test_a_block_is_walked_batch_by_batch(walk: object) -> None:
    assert callable(walk)
    frame = bytes(range(60))
    tagged = frame[:12] + bytes.fromhex("88a80123") + frame[12:]
    valid, told = afpacket.TP_STATUS_VLAN_VALID, afpacket.TP_STATUS_VLAN_TPID_VALID
    data = a_block((frame, 0, 1, 0, 0), (frame, 4, valid | told, 0x123, 0x88A8), (frame, 1, valid, 0x0FFF, 0))
    cursor, frames = zeros(afpacket.Cursor, 1), batch.frames(2)
    cursor.left[0], cursor.source[0] = 3, 9
    walk(data, cursor, frames)
    assert (frames.count[0], cursor.left[0]) == (2, 1)
    assert frames.offset.tolist() == [82, 160 + 78]
    assert frames.length.tolist() == [60, 64]
    assert frames.wire_length.tolist() == [160, 164]
    assert frames.direction.tolist() == [INGRESS, EGRESS]
    assert frames.time.tolist() == [5_000_000_006] * 2
    assert frames.source.tolist() == [9, 9]
    assert data[238 : 238 + 64].tobytes() == tagged
    walk(data, cursor, frames)
    assert (frames.count[0], cursor.left[0], frames.direction[0]) == (1, 0, INGRESS)
    assert data[320 + 78 :][12:16].tobytes().hex() == "81000fff"


@pytest.mark.parametrize("walk", [afpacket.walk, afpacket.walk.python], ids=["compiled", "python"])
def test_what_a_packet_lacks_is_told_from_its_start(walk: object) -> None:
    assert callable(walk)
    frame, valid = bytes(range(60)), afpacket.TP_STATUS_VLAN_VALID
    lacking = [
        LACKING.pack(1, GSO_TCPV4 | GSO_ECN, 54, 1448, 34, 16),
        LACKING.pack(1, GSO_UDP_L4, 42, 1000, 34, 6),
        LACKING.pack(2, GSO_TCPV6, 74, 1220, 0, 0),
        LACKING.pack(1, 0, 0, 0, 54, 16),
        LACKING.pack(0, 0, 60, 99, 7, 8),
    ]
    told = [(frame, 0, valid if row in (1, 3) else 0, 5, 0) for row in range(5)]
    data = a_block(*told, lacking=lacking)
    cursor, frames = zeros(afpacket.Cursor, 1), batch.frames(5)
    cursor.left[0] = 5
    walk(data, cursor, frames)
    assert frames.super_packet.tolist() == [6, 17, 6, 0, 0]
    assert frames.segment_size.tolist() == [1448, 1000, 1220, 0, 0]
    assert frames.unfinished.tolist() == [34, 38, 0, 58, 0]
    assert frames.checksum_at.tolist() == [50, 44, 0, 74, 0]


def test_a_super_packet_comes_as_one_row_that_says_what_it_stands_for(pair: Pair) -> None:
    content = bytes(range(256)) * 30
    with pair.ring() as ring, pair.right.call(socket, AF_INET, SOCK_DGRAM) as sender:
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
        sender.sendto(content, ("10.0.0.1", 9))
        frames, end = batch.frames(), monotonic() + 5
        while not ring.fill(frames) or frames.super_packet[: frames.count[0]].max() == 0:
            assert monotonic() < end
        (row,) = np.flatnonzero(frames.super_packet[: frames.count[0]])
        start, length = int(frames.offset[row]), int(frames.length[row])
        assert ring.data[start + 42 : start + length].tobytes() == content
    assert (frames.super_packet[row], frames.segment_size[row]) == (17, 1000)
    assert (frames.unfinished[row], frames.checksum_at[row]) == (34, 40)


def test_a_ring_begins_closed_and_takes_what_its_program_wants(pair: Pair) -> None:
    cut = afpacket.INSTRUCTION.pack(6, 0, 0, 50)
    with closing(ReceiveRing(inspect("eth0", pair.left.namespace.reference), blocks=16)) as ring:
        send(pair.right, *number(3))
        assert filled(ring, 1, seconds=0.05) == []
        ring.admit(cut)
        send(pair.right, *number(2, 200))
        assert [(len(frame), length) for frame, length, _ in filled(ring, 2)] == [(50, 200)] * 2
        ring.admit(None)
        send(pair.right, *number(2, 200))
        assert [(len(frame), length) for frame, length, _ in filled(ring, 2)] == [(200, 200)] * 2
        with pytest.raises(CaptureError, match="device eth0: Invalid argument"):
            ring.admit(afpacket.INSTRUCTION.pack(0x05, 0, 0, 7))
        send(pair.right, *number(1, 200))
        assert len(filled(ring, 1)) == 1, "the one before goes on"
