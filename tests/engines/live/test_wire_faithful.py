"""The sensor sees what was on the wire, also when the host's stack holds something else (DESIGN 3.6)."""

from collections.abc import Callable
from contextlib import closing
from socket import AF_INET, IPPROTO_ICMP, SOCK_RAW, SOL_UDP, socket

import pytest
from pyroute2 import Ethtool, IPRoute
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import Recorder
from tests.engines.live import wire
from tests.engines.live.checks import (
    check_counts,
    check_streams,
    in_both_versions,
    of,
    truncating,
)
from tests.engines.live.mirror import Mirror
from tests.engines.live.modes import HOST6, Mode, names
from tests.engines.live.network import EGRESS, INGRESS, PORT, Network, bound, document, frames_passed, inside
from tests.engines.live.traffic import MEGABYTE, RATE, UDP_SEGMENT, send_frames, transfer
from tests.engines.live.wire import are_ascending, are_checksums_right, protocol, said_length, tcp

ETHERNET = {"dst": "02:00:00:00:01:01", "src": "02:00:00:00:01:02"}
ADDRESSES = {"src": "10.1.0.2", "dst": "10.1.0.1"}

SOMEBODYS = 7 << 16
"""Handle of a qdisc."""


def test_tcp_arrives_segment_by_segment(mirror: Mirror, mode: Mode) -> None:
    """Takes some five seconds: 50 MB each way, which is Linux's work less than that of the checks."""
    network = mirror.network
    with mirror.recording(document()) as recorder:
        before = frames_passed(network.host, "gst")
        ends = transfer(network.guest, network.host, "10.1.0.1", mode.enough * MEGABYTE, RATE)
        n_frames = frames_passed(network.host, "gst") - before
        found = mirror.got(recorder)
    check_streams(found, ends)
    check_counts(mirror, found)
    assert n_frames < len(found) / 2, "there were super-packets"


@pytest.mark.parametrize("mode", names("userspace"), indirect=True)
def test_order_is_kept_at_full_speed(mirror: Mirror) -> None:
    """As much as a ring holds, so that nothing is lost whoever else is at work on this machine."""
    network = mirror.network
    for _ in range(3):
        with mirror.recording(document()) as recorder:
            ends = transfer(network.guest, network.host, "10.1.0.1", 2 * MEGABYTE)
            found = mirror.got(recorder)
        check_streams(found, ends)
        check_counts(mirror, found)


@pytest.mark.parametrize("mode", ["handed over"], indirect=True)
def test_super_packets_that_wait_go_in_their_turn(mirror: Mirror) -> None:
    """Judged by streams in which the mirrored wire itself had nothing overtaken, as far as TCP knows.

    Inline nobody waits; but a sender that moves to another CPU leaves segments in the queue of the first.
    """
    network, ascending = mirror.network, list[bool]()
    for _ in range(20):
        with mirror.recording(document()) as recorder:
            ends = transfer(network.guest, network.host, "10.1.0.1", 10 * MEGABYTE)
            segments = [tcp(copy.frame) for copy in of(mirror.got(recorder), wire.TCP)]
        for sent in ends:
            own = [segment for segment in segments if segment.source_port == sent.port]
            ascending += [] if sent.n_overtaken else [are_ascending(own)]
        if len(ascending) >= 6:
            break
    assert ascending.count(True) > ascending.count(False), ascending


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


def test_offloads_and_qdiscs_stay_as_they_are(network: Network) -> None:
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
