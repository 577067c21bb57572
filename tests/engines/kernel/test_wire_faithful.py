"""The sensor sees what was on the wire, also when the host's stack holds something else (DESIGN 3.6)."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from socket import AF_INET, IPPROTO_ICMP, SOCK_RAW, SOL_UDP, socket
from struct import pack
from typing import Any

import pytest
from pyroute2 import Ethtool, IPRoute
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from mirrorplane.lab.network import IFA_F_NODAD, Host, Lab
from mirrorplane.lab.recorder import Recorder
from tests.engines.live import wire
from tests.engines.live.checks import MTU, check_counts, check_streams, in_both_versions, of, truncating
from tests.engines.live.mirror import Mirror
from tests.engines.live.network import EGRESS, INGRESS, PORT, Network, bound, document
from tests.engines.live.traffic import (
    VIRTIO_NET_HDR_F_NEEDS_CSUM,
    VIRTIO_NET_HDR_GSO_TCPV4,
    VNET,
    send_frames,
    transfer,
)
from tests.engines.live.wire import are_checksums_right, protocol, said_length, tcp

MEGABYTE = 1_000_000
RATE = 40 * MEGABYTE
"""Bytes a second and direction, which the recorder keeps up with."""

GUEST6, HOST6 = "fd01::2", "fd01::1"
ETHERNET = {"dst": "02:00:00:00:01:01", "src": "02:00:00:00:01:02"}
ADDRESSES = {"src": "10.1.0.2", "dst": "10.1.0.1"}
UDP_SEGMENT = 103
"""include/uapi/linux/udp.h: the bytes of each datagram that one send makes, by segmentation offload."""

SOMEBODYS = 7 << 16
"""Handle of a qdisc."""

SIZE = 1000
"""Bytes of a super-packet's segment."""

CHECKSUM_AT = 16
"""Where it is in the TCP header (RFC 9293)."""


@pytest.fixture(scope="module", params=["inline", "handed over"])
def mirror(request: pytest.FixtureRequest, allowed: None, bpf: None) -> Iterator[Mirror]:
    """An engine at work, for all the tests of a mode: the sender's CPU does everything, or the last one."""
    online = sorted(os.sched_getaffinity(0))
    if request.param == "handed over" and len(online) == 1:
        pytest.skip("there is one CPU: none to hand copies over to")
    with Lab() as lab:
        network = Network(lab, "kernel")
        for host, device, address in ((network.host, "gst", HOST6), (network.guest, "eth0", GUEST6)):
            host.netlink(adding(device, address))
        before = network.traces()
        settings = {"kernel": {"cpus": "inline" if request.param == "inline" else online[-1:]}}
        with Mirror(network, document(), settings) as running:
            yield running
        assert network.traces() == before


def adding(device: str, address: str) -> Callable[[IPRoute], None]:
    """Return what gives a device an IPv6 address, usable at once."""

    def add(netlink: IPRoute) -> None:
        index = netlink.link_lookup(ifname=device)[0]
        netlink.addr("add", index=index, address=address, prefixlen=64, flags=IFA_F_NODAD)

    return add


def frames_passed(host: Host, device: str) -> int:
    """Return how many frames, super-packets or not, a device has carried."""
    statistics = host.netlink(lambda netlink: netlink.get_links(ifname=device)[0].get("IFLA_STATS64"))
    return int(statistics["rx_packets"] + statistics["tx_packets"])


def test_tcp_arrives_segment_by_segment(mirror: Mirror) -> None:
    """Takes some five seconds: 50 MB each way, which is Linux's work less than that of the checks."""
    network = mirror.network
    with mirror.recording(document()) as recorder:
        before = frames_passed(network.host, "gst")
        ends = transfer(network.guest, network.host, "10.1.0.1", 50 * MEGABYTE, RATE)
        n_frames = frames_passed(network.host, "gst") - before
        found = mirror.got(recorder)
    check_streams(found, ends)
    check_counts(mirror, found)
    assert n_frames < len(found) / 2, "there were super-packets"


def test_each_segment_is_cut_on_its_own(mirror: Mirror) -> None:
    network = mirror.network
    with mirror.recording(truncating(128)) as recorder:
        ends = transfer(network.guest, network.host, "10.1.0.1", 5 * MEGABYTE, RATE)
        found = mirror.got(recorder)
    check_counts(mirror, found)
    for sent, vni in zip(ends, (EGRESS, INGRESS), strict=True):
        frames = [copy.frame for copy in of(found, wire.TCP) if copy.vni == vni]
        full = [frame for frame in frames if tcp(frame).size > 0]
        assert len(full) == sent.data_segments
        assert sum(tcp(frame).size for frame in full) >= len(sent.content)
        assert {len(frame) for frame in full if said_length(frame) > 128} == {14 + 128}
        assert all(len(frame) == 14 + min(said_length(frame), 128) for frame in frames)


def test_tcp_over_ipv6(mirror: Mirror) -> None:
    network = mirror.network
    with mirror.recording(in_both_versions()) as recorder:
        ends = transfer(network.guest, network.host, HOST6, MEGABYTE, RATE)
        found = mirror.got(recorder)
    check_streams(found, ends)
    check_counts(mirror, found)


def test_an_outer_ipv6_header(mirror: Mirror) -> None:
    said, network = document(), mirror.network
    said["interfaces"]["eni-sensor"]["addresses"] = ["fd09::2"]
    with mirror.recording(said) as recorder:
        ends = transfer(network.guest, network.host, "10.1.0.1", MEGABYTE, RATE)
        found = mirror.got(recorder)
    check_streams(found, ends)
    check_counts(mirror, found)
    outer = [seen.frame for seen in recorder.frames if protocol(seen.frame) == wire.UDP]
    assert len(outer) == len(found)
    assert all(frame[60:62] != b"\0\0" and are_checksums_right(frame) for frame in outer)


def test_the_side_decides_on_directions(mirror: Mirror) -> None:
    said, network = document(), mirror.network
    said["interfaces"]["eni-guest"]["side"] = "eni"
    with mirror.recording(said) as recorder:
        ends = transfer(network.guest, network.host, "10.1.0.1", MEGABYTE, RATE)
        found = mirror.got(recorder)
    check_streams(found, ends, there=INGRESS, back=EGRESS)
    check_counts(mirror, found)


def inside(guest: Host) -> dict[str, Any]:
    """Return what the interface says of the guest's own device, in the guest's network namespace."""
    return {"device": "eth0", "side": "eni", "netns": guest.namespace.reference}


def test_a_source_in_another_namespace(mirror: Mirror) -> None:
    said, network = document(), mirror.network
    said["interfaces"]["eni-guest"] |= inside(network.guest)
    with mirror.recording(said) as recorder:
        ends = transfer(network.guest, network.host, "10.1.0.1", 5 * MEGABYTE, RATE)
        found = mirror.got(recorder)
    check_streams(found, ends)
    check_counts(mirror, found)


def test_udp_and_icmp(mirror: Mirror) -> None:
    guest = mirror.network.guest
    echo = bytes(ICMP(id=7, seq=1) / Raw(bytes(range(200))))
    with mirror.recording(document()) as recorder:
        with bound(guest, "10.1.0.2") as sender, guest.call(socket, AF_INET, SOCK_RAW, IPPROTO_ICMP) as ping:
            ping.settimeout(2)
            sender.sendto(b"one", ("10.1.0.1", PORT))
            ping.sendto(echo, ("10.1.0.1", 0))
            while ping.recv(2000)[20] != 0:  # ICMP errors of other tests
                pass
        found = mirror.got(recorder)
    check_counts(mirror, found)
    assert all(are_checksums_right(copy.frame) for copy in found)
    (datagram,) = of(found, wire.UDP)
    assert datagram.frame[42:] == b"one"
    request, answer = (copy for copy in of(found, wire.ICMP) if copy.frame[34] in {0, 8})
    assert (request.vni, request.frame[34:]) == (EGRESS, echo)
    assert (answer.vni, answer.frame[38:]) == (INGRESS, echo[4:])
    assert request.port == answer.port


def test_udp_segmentation_offload(mirror: Mirror) -> None:
    content = bytes(range(256)) * 39  # 9 datagrams of 1000, one of 984
    with mirror.recording(document()) as recorder, bound(mirror.network.guest, "10.1.0.2") as sender:
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
        sender.sendto(content, ("10.1.0.1", PORT))
        found = mirror.got(recorder)
    check_counts(mirror, found)
    frames = [copy.frame for copy in of(found, wire.UDP)]
    assert [len(frame) - 42 for frame in frames] == [1000] * 9 + [984]
    assert b"".join(frame[42:] for frame in frames) == content
    assert all(said_length(frame) == len(frame) - 14 and are_checksums_right(frame) for frame in frames)


def test_fragments(mirror: Mirror) -> None:
    guest = mirror.network.guest
    with Recorder(guest, "eth0") as tapped, mirror.recording(document()) as recorder:
        with bound(guest, "10.1.0.2") as sender:
            sender.sendto(bytes(range(256)) * 20, ("10.1.0.1", PORT))
        found = mirror.got(recorder)
    check_counts(mirror, found)
    sent = [seen.frame for seen in tapped.frames if seen.outgoing and protocol(seen.frame) == wire.UDP]
    copies = of(found, wire.UDP)
    assert [copy.frame for copy in copies] == sent
    assert (len(sent), len({copy.port for copy in copies})) == (4, 1)


def tagged(*tags: Packet) -> Packet:
    """Return the frame's beginning, with those tags."""
    frame = Ether(**ETHERNET)
    for tag in tags:
        frame /= tag
    return frame


TAGS = [
    [Dot1Q(vlan=7, prio=3)],
    [Dot1AD(vlan=8)],
    [Dot1AD(vlan=8, prio=5), Dot1Q(vlan=7)],
    [Dot1Q(vlan=0, prio=6)],
]
"""The last one is a priority without a VLAN."""


def test_tags_are_where_they_were(mirror: Mirror) -> None:
    content = IP(**ADDRESSES) / UDP(sport=1, dport=2)
    frames = [bytes(tagged(*tags) / content / Raw(bytes(size))) for tags in TAGS for size in (10, 1400)]
    with mirror.recording(document()) as recorder:
        send_frames(mirror.network.guest, "eth0", frames)
        found = mirror.got(recorder)
    check_counts(mirror, found)
    assert [copy.frame for copy in of(found, wire.UDP) if copy.vni == EGRESS] == frames


def super_packet(*tags: Packet) -> Packet:
    """Return a TCP super-packet as a guest hands it out: its checksum is that of the pseudo-header alone."""
    start = tagged(*tags) / IP(**ADDRESSES, id=65534, flags="DF")
    segment = TCP(sport=1, dport=2, seq=2**32 - 2000, flags="PA", chksum=0) / Raw(bytes(range(256)) * 20)
    frame = start / segment
    pseudo = bytes(map(int, ["10", "1", "0", "2", "10", "1", "0", "1"])) + pack("!HH", wire.TCP, len(segment))
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


def virtio_header(frame: Packet) -> bytes:
    """Return what tells the kernel to finish the checksum and to make segments."""
    layer4 = len(frame) - len(frame[TCP])
    return VNET.pack(
        VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, layer4 + 20, SIZE, layer4, CHECKSUM_AT
    )


@pytest.mark.parametrize("place", ["host", "guest"])
def test_super_packets_of_virtual_machines(mirror: Mirror, place: str) -> None:
    """As vhost and tap devices bring them: the kernel has not looked at them yet, nor counted segments."""
    said, network = document(), mirror.network
    if place == "guest":
        said["interfaces"]["eni-guest"] |= inside(network.guest)
    frames = [super_packet(*tags) for tags in ([], *TAGS)]
    with mirror.recording(said) as recorder:
        for frame in frames:
            send_frames(network.guest, "eth0", [bytes(frame)], virtio_header(frame))
        found = mirror.got(recorder)
    check_counts(mirror, found)
    expected = [segment for frame in frames for segment in segments(frame)]
    assert [copy.frame for copy in of(found, wire.TCP) if copy.vni == EGRESS] == expected


def settings(host: Host, device: str) -> tuple[dict[str, bool], list[str]]:
    """Return a device's features and its qdiscs but clsact, as ethtool -k and tc qdisc show them."""

    def features() -> dict[str, bool]:
        with closing(Ethtool()) as ethtool:
            return {name: feature.enable for name, feature in ethtool.get_features(device).features.items()}

    def qdiscs(netlink: IPRoute) -> list[str]:
        index = netlink.link_lookup(ifname=device)[0]
        found = [qdisc for qdisc in netlink.get_qdiscs(index=index) if qdisc.get("TCA_KIND") != "clsact"]
        return [f"{qdisc['handle']} {qdisc['parent']} {qdisc['attrs'][:2]}" for qdisc in found]

    return host.call(features), host.netlink(qdiscs)


def queueing(device: str) -> Callable[[IPRoute], None]:
    """Return what gives a device a queue of somebody's own making."""

    def add(netlink: IPRoute) -> None:
        netlink.tc("add", "pfifo", netlink.link_lookup(ifname=device)[0], SOMEBODYS, limit=5000)

    return add


def test_offloads_and_qdiscs_stay_as_they_are(bpf: None, allowed: None) -> None:
    with Lab() as lab:
        network = Network(lab, "kernel")
        host, devices = network.host, ("gst", "up")
        for device in devices:
            host.netlink(queueing(device))
        before = [settings(host, device) for device in devices]
        with Mirror(network, document(), {}) as mirror:
            with mirror.recording(document()) as recorder:
                ends = transfer(network.guest, network.host, "10.1.0.1", MEGABYTE, RATE)
                check_streams(mirror.got(recorder), ends)
            during = [settings(host, device) for device in devices]
        assert before == during == [settings(host, device) for device in devices]


def test_what_finds_no_room_is_counted_and_production_goes_on(mirror: Mirror) -> None:
    said, network = truncating(128), mirror.network
    mirror.settings["kernel"]["backlog"] = 64
    try:
        with mirror.recording(said) as recorder:
            ends = transfer(network.guest, network.host, "10.1.0.1", 20 * MEGABYTE)
            found = mirror.got(recorder)
            counted = mirror.counted()
    finally:
        del mirror.settings["kernel"]["backlog"]
    assert all(sent.received == sent.content for sent in ends)
    assert sum(count["mirrored"] for count in counted.values()) == len(found)
    assert sum(count["backlog_full"] for count in counted.values()) > 0
    n_bytes = sum(len(sent.content) for sent in ends)
    assert sum(count["seen"] for count in counted.values()) > n_bytes // MTU, "all that passed was seen"
