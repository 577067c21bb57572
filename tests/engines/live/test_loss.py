"""What an engine cannot keep up with is lost to the sensor, counted, and no harm to the traffic itself."""

from collections.abc import Callable
from socket import AF_INET, IPPROTO_UDP, SOCK_DGRAM, socket

import pytest
from pyroute2 import IPRoute

from tests.engines.live.checks import MTU, check_streams, in_both_versions, truncating
from tests.engines.live.mirror import Mirror
from tests.engines.live.modes import HOST6, names
from tests.engines.live.network import EGRESS, document
from tests.engines.live.traffic import MEGABYTE, RATE, UDP_SEGMENT, transfer
from tests.engines.live.wire import UDP, Copy, are_checksums_right, protocol

INNER, INNER_HEADERS = 14 + 20 + 8 + 8, 14 + 20 + 8
"""Where a tunnel's frame begins in its packet, and the bytes before its own payload."""


def check_loss(mirror: Mirror, found: list[Copy], reason: str) -> int:
    """Assert that what left was counted as mirrored, and more for *reason*; return how much was seen."""
    counted = mirror.counted().values()
    assert sum(count["mirrored"] for count in counted) == len(found) > 0
    assert sum(count[reason] for count in counted) > 0
    return sum(count["seen"] for count in counted)


@pytest.mark.parametrize("mode", names("kernel"), indirect=True)
def test_a_backlog_that_is_full(mirror: Mirror) -> None:
    network, kernel = mirror.network, mirror.settings["kernel"]
    mirror.settings = {"kernel": kernel | {"backlog": 64}}
    try:
        with mirror.recording(truncating(128)) as recorder:
            ends = transfer(network.guest, network.host, "10.1.0.1", 20 * MEGABYTE)
            found = mirror.got(recorder)
            seen = check_loss(mirror, found, "backlog_full")
    finally:
        mirror.settings = {"kernel": kernel}
    assert all(sent.received == sent.content for sent in ends)
    assert seen > sum(len(sent.content) for sent in ends) // MTU, "all that passed was seen"


@pytest.mark.parametrize("mode", ["userspace"], indirect=True)
def test_a_ring_that_is_full(mirror: Mirror) -> None:
    """What the kernel drops is not known to have been one packet or many."""
    network = mirror.network
    with mirror.recording(truncating(128)) as recorder:
        with mirror.held():
            ends = transfer(network.guest, network.host, "10.1.0.1", 20 * MEGABYTE)
        found = mirror.got(recorder)
        check_loss(mirror, found, "ring_full")
    assert all(sent.received == sent.content for sent in ends)


def over_a_tunnel(netlink: IPRoute) -> None:
    """Let the guest send over a VXLAN tunnel of its own to its host."""
    own = {"vxlan_id": 5, "vxlan_port": 4790, "vxlan_local": "10.1.0.2", "vxlan_group": "10.1.0.1"}
    link = netlink.link_lookup(ifname="eth0")[0]
    netlink.link("add", ifname="tunnel", kind="vxlan", vxlan_link=link, vxlan_learning=False, **own)
    tunnel = netlink.link_lookup(ifname="tunnel")[0]
    netlink.link("set", index=tunnel, arp=False, state="up")
    netlink.addr("add", index=tunnel, address="10.6.0.1/24")


def without_tunnel(netlink: IPRoute) -> None:
    netlink.link("del", ifname="tunnel")


def send_datagrams(size: int, segment: int) -> None:
    """Send *size* bytes through the tunnel, at once, in datagrams of *segment* bytes."""
    with socket(AF_INET, SOCK_DGRAM) as sender:
        sender.setsockopt(IPPROTO_UDP, UDP_SEGMENT, segment)
        sender.sendto(bytes(range(250)) * (size // 250), ("10.6.0.2", 9))


def test_super_packets_of_a_tunnel(mirror: Mirror) -> None:
    """A ring does not say where the tunnel's own headers end; what one wire packet is long is mirrored."""
    network = mirror.network
    network.guest.netlink(over_a_tunnel)
    try:
        with mirror.recording(document()) as recorder:
            network.guest.call(send_datagrams, 500, 0)
            network.guest.call(send_datagrams, 10_000, 1000)
            found = [copy.frame for copy in mirror.got(recorder) if copy.vni == EGRESS]
            counted = mirror.counted()["egress"]
    finally:
        network.guest.netlink(without_tunnel)
    udp = [frame for frame in found if protocol(frame) == UDP]
    assert all(are_checksums_right(frame) and are_checksums_right(frame[INNER:]) for frame in udp)
    sizes = [len(frame) - INNER - INNER_HEADERS for frame in udp]
    if mirror.engine_name == "kernel":
        assert sizes == [500] + [1000] * 10
    else:
        assert (sizes, counted["unsegmented"]) == ([500], 10)


def big(size: int) -> Callable[[IPRoute], None]:
    """Return what lets the super-packets of a host's devices be so long."""

    def allow(netlink: IPRoute) -> None:
        for link in netlink.get_links(kind="veth"):
            netlink.link("set", index=link["index"], gso_max_size=size)

    return allow


def test_jumbograms(mirror: Mirror) -> None:
    """BIG TCP: beyond 64 KB a super-packet of IPv6 has a header that is not on the wire."""
    network = mirror.network
    ends = network.guest, network.host
    for host in ends:
        host.netlink(big(190_000))
    try:
        with mirror.recording(in_both_versions()) as recorder:
            sent = transfer(*ends, HOST6, 5 * MEGABYTE, RATE)
            found = mirror.got(recorder)
            counted = mirror.counted()
    finally:
        for host in ends:
            host.netlink(big(65_536))
    if mirror.engine_name == "kernel":
        check_streams(found, sent)
    for way, end in zip(("egress", "ingress"), sent, strict=True):
        assert end.received == end.content
        assert counted[way]["seen"] >= end.data_segments
        assert bool(counted[way]["unsegmented"]) == (mirror.engine_name == "userspace")
