"""What the stack leaves to its device is made up for as the kernel would do it, bit by bit (DESIGN 3.6).

The same packets are sent over a device without offloads, before which the kernel has to finish them.
"""

from collections.abc import Callable, Iterator
from random import Random
from struct import pack

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.sctp import crc32c
from scapy.packet import Packet, Raw

from mirrorplane.engines.kernel.host.offloads import SENDING, switch_off
from mirrorplane.lab.network import End, Lab
from mirrorplane.lab.recorder import Recorder
from tests.engines.live import offloaded
from tests.engines.live.checks import check_counts, differences, in_both_versions
from tests.engines.live.mirror import Mirror
from tests.engines.live.network import EGRESS, document, frames_passed, inside
from tests.engines.live.offloaded import SENDER, VNET, Offloaded, random_super_packet, random_unfinished
from tests.engines.live.traffic import send_offloaded
from tests.engines.live.wire import Copy
from tests.oracle.flow import flow_of, source_port
from tests.oracle.headers import read

SEED = 90_000
SUPER_PACKETS, UNFINISHED = 400, 300

NOISE = 20
"""More than the hosts say by themselves meanwhile."""

WIDE = 1600
"""MTU of a link that carries a whole packet behind two tags."""

SIZE = 1000
"""Bytes of a segment of a super-packet that is made by hand."""

Finish = Callable[[list[Offloaded]], list[bytes]]


@pytest.fixture(scope="module")
def finish(allowed: None) -> Iterator[Finish]:
    """What the kernel makes of packets that it has to finish itself."""
    with Lab() as lab:
        one, other = lab.host("one"), lab.host("other")
        lab.link(End(one, "eth0"), End(other, "eth0"), mtu=WIDE)
        assert one.call(switch_off, "eth0", SENDING) == []

        def finished(packets: list[Offloaded]) -> list[bytes]:
            with Recorder(other, "eth0", outgoing=False) as recorder:
                send_offloaded(one, "eth0", packets)
            assert recorder.lost == 0
            return [seen.frame for seen in recorder.frames if is_ours(seen.frame)]

        yield finished


def is_ours(frame: bytes) -> bool:
    """Return whether a frame is one of those made here."""
    return frame[6:12] == SENDER


def mirrored(mirror: Mirror, packets: list[Offloaded]) -> list[Copy]:
    """Return the copies of *packets*, which the guest sends, and which reach the host as they are."""
    network = mirror.network
    with mirror.recording(in_both_versions()) as recorder:
        before = frames_passed(network.host, "gst")
        send_offloaded(network.guest, "eth0", packets)
        n_frames = frames_passed(network.host, "gst") - before
        found = mirror.got(recorder)
    check_counts(mirror, found)
    assert n_frames < len(packets) + NOISE
    return [copy for copy in found if is_ours(copy.frame)]


def check(found: list[Copy], expected: list[bytes]) -> None:
    """Assert that those left, as of what the guest sent, each flow's in order."""
    wanted = [Copy(EGRESS, source_port(flow_of(read(frame))), frame) for frame in expected]
    assert differences(found, wanted) == []


def test_segments_are_the_kernels_own(mirror: Mirror, finish: Finish) -> None:
    rng = Random(SEED)
    packets = [random_super_packet(rng) for _ in range(SUPER_PACKETS)]
    expected = finish(packets)
    assert len(expected) > 3 * SUPER_PACKETS
    check(mirrored(mirror, packets), expected)


def test_segments_of_what_had_its_checksum(mirror: Mirror, finish: Finish) -> None:
    """The kernel takes such TCP packets without tags, and gives each segment a checksum of its own."""
    rng = Random(SEED + 1)
    packets = [random_super_packet(rng) for _ in range(SUPER_PACKETS)]
    chosen = [without_need(packet) for packet in packets if is_untagged_tcp(packet)]
    expected = finish(chosen)
    assert len(expected) > 2 * len(chosen) > SUPER_PACKETS // 10
    check(mirrored(mirror, chosen), expected)


def is_untagged_tcp(packet: Offloaded) -> bool:
    """Return whether it is of TCP, and has no VLAN tag."""
    return (
        packet.frame[12:14] in (offloaded.IPV4, offloaded.IPV6) and packet.lacking[1] != offloaded.GSO_UDP_L4
    )


def without_need(packet: Offloaded) -> Offloaded:
    """Return it with the checksum taken for finished."""
    _, *how, _, _ = VNET.unpack(packet.lacking)
    return Offloaded(VNET.pack(0, *how, 0, 0), packet.frame)


@pytest.mark.parametrize("protocol", [offloaded.TCP, offloaded.UDP])
def test_checksums_are_the_kernels_own(mirror: Mirror, finish: Finish, protocol: int) -> None:
    rng = Random(SEED + protocol)
    packets = [random_unfinished(rng, protocol) for _ in range(UNFINISHED)]
    expected = finish(packets)
    assert len(expected) == UNFINISHED
    check(mirrored(mirror, packets), expected)


@pytest.mark.parametrize("mode", ["userspace", "two workers"], indirect=True)
def test_checksums_of_sctp(mirror: Mirror) -> None:
    """A packet socket cannot ask the kernel for a CRC32c, as a host's SCTP does; a ring shows no more."""
    rng = Random(SEED)
    packets = [random_unfinished(rng, offloaded.SCTP) for _ in range(UNFINISHED)]
    check(mirrored(mirror, packets), [with_crc(packet) for packet in packets])


def with_crc(packet: Offloaded) -> bytes:
    """Return the frame with its CRC32c, of which scapy has the bytes as they are sent."""
    *_, start, offset = VNET.unpack(packet.lacking)
    at, crc = start + offset, int(crc32c(packet.frame[start:]))
    return packet.frame[:at] + crc.to_bytes(4) + packet.frame[at + 4 :]


def tagged(*tags: Packet) -> Packet:
    """Return the beginning of a frame that the guest sends, with those tags."""
    frame = Ether(dst="02:00:00:00:01:01", src="02:00:00:00:77:01")
    for tag in tags:
        frame /= tag
    return frame


TAGS = [
    [],
    [Dot1Q(vlan=7, prio=3)],
    [Dot1AD(vlan=8)],
    [Dot1AD(vlan=8, prio=5), Dot1Q(vlan=7)],
    [Dot1Q(vlan=0, prio=6)],
]


def super_packet(*tags: Packet) -> Packet:
    """Return a TCP super-packet as a guest hands it out: its checksum is that of the pseudo-header alone."""
    start = tagged(*tags) / IP(src="10.1.0.2", dst="10.1.0.1", id=65534, flags="DF")
    segment = TCP(sport=1, dport=2, seq=2**32 - 2000, flags="PA", chksum=0) / Raw(bytes(range(256)) * 20)
    frame = start / segment
    pseudo = bytes([10, 1, 0, 2, 10, 1, 0, 1]) + pack("!HH", offloaded.TCP, len(segment))
    frame[TCP].chksum = int.from_bytes(pseudo) % 0xFFFF
    return Ether(bytes(frame))


def segments(frame: Packet) -> list[bytes]:
    """Return the wire's packets: what Linux makes of it (net/ipv4/tcp_offload.c, tcp_gso_segment)."""
    content, found = bytes(frame[TCP].payload), []
    for number, at in enumerate(range(0, len(content), SIZE)):
        segment = frame.copy()
        segment[TCP].remove_payload()
        segment[TCP].seq = (frame[TCP].seq + at) % 2**32
        segment[TCP].flags = "A" if at + SIZE < len(content) else "PA"
        segment[IP].id = (frame[IP].id + number) % 2**16
        del segment[IP].len, segment[IP].chksum, segment[TCP].chksum
        found.append(bytes(segment / Raw(content[at : at + SIZE])))
    return found


def lacking(frame: Packet) -> bytes:
    """Return what tells the kernel to finish the checksum and to make segments."""
    start = len(frame) - len(frame[TCP])
    at = offloaded.CHECKSUM_AT[offloaded.TCP]
    return VNET.pack(offloaded.NEEDS_CSUM, offloaded.GSO_TCPV4, start + 20, SIZE, start, at)


@pytest.mark.parametrize("place", ["host", "guest"])
def test_super_packets_of_virtual_machines(mirror: Mirror, place: str) -> None:
    """As vhost and tap devices bring them: the kernel has not looked at them yet, nor counted segments."""
    said, network = document(), mirror.network
    if place == "guest":
        said["interfaces"]["eni-guest"] |= inside(network.guest)
    frames = [super_packet(*tags) for tags in TAGS]
    with mirror.recording(said) as recorder:
        send_offloaded(network.guest, "eth0", [Offloaded(lacking(frame), bytes(frame)) for frame in frames])
        found = mirror.got(recorder)
    check_counts(mirror, found)
    ours = [copy for copy in found if is_ours(copy.frame)]
    check(ours, [segment for frame in frames for segment in segments(frame)])
