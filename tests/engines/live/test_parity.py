"""Both engines mirror the same source at the same time: what leaves is the same, byte for byte."""

from collections.abc import Iterator
from random import Random
from socket import AF_INET, IPPROTO_ICMP, SOCK_RAW, SOL_UDP, socket
from typing import Any

import pytest
from scapy.layers.inet import ICMP

from mirrorplane.lab.network import End, Lab
from tests.engines.live.bench import on_one_cpu
from tests.engines.live.checks import check_counts, differences, in_both_versions
from tests.engines.live.mirror import Mirror
from tests.engines.live.modes import HOST6, MODES, with_ipv6
from tests.engines.live.network import MTU, PORT, Network, bound
from tests.engines.live.offloaded import TCP as TCP_NUMBER
from tests.engines.live.offloaded import random_super_packet, random_unfinished
from tests.engines.live.traffic import MEGABYTE, RATE, UDP_SEGMENT, send_offloaded, transfer
from tests.engines.live.wire import Copy, protocol

Both = tuple[Mirror, Mirror]
BY_THEMSELVES = {0, 58}
"""ICMPv6, and what has a hop-by-hop header before it: neighbours looked for, multicast groups reported."""


@pytest.fixture(scope="module", params=["userspace", "two workers"])
def both(request: pytest.FixtureRequest, allowed: None, bpf: None) -> Iterator[Both]:
    """The kernel engine, which mirrors to the sensor, and the other one, which mirrors to another sensor."""
    with Lab() as lab:
        network = with_ipv6(Network(lab))
        other = lab.host("other")
        ends = End(network.host, "up2", None, ("10.8.0.1/24",)), End(other, "eth0", None, ("10.8.0.2/24",))
        lab.link(*ends, mtu=MTU)
        said, there = in_both_versions(), MODES[request.param].settings
        elsewhere = {"interfaces": said["interfaces"] | {"eni-sensor": {"addresses": ["10.8.0.2"]}}}
        with (
            Mirror(network, said, MODES["inline"].settings, "kernel") as one,
            Mirror(network, said, elsewhere | there, "userspace", other) as two,
        ):
            yield one, two


def talk(network: Network) -> None:
    """Have guest and host say all kinds of things."""
    guest, host, rng = network.guest, network.host, Random(1)
    transfer(guest, host, "10.1.0.1", 3 * MEGABYTE, RATE)
    transfer(guest, host, HOST6, MEGABYTE, RATE)
    with bound(guest, "10.1.0.2") as one, bound(host, "10.1.0.1") as other:
        for sender, to in ((one, "10.1.0.1"), (other, "10.1.0.2")):
            sender.sendto(rng.randbytes(20_000), (to, PORT))
            sender.setsockopt(SOL_UDP, UDP_SEGMENT, 700)
            for size in (700, 701, 12_345):
                sender.sendto(rng.randbytes(size), (to, PORT))
    with guest.call(socket, AF_INET, SOCK_RAW, IPPROTO_ICMP) as ping:
        for size in (0, 1, 1400, 4000):
            ping.sendto(bytes(ICMP(id=7, seq=size)) + rng.randbytes(size), ("10.1.0.1", 0))
    made = [random_super_packet(rng) for _ in range(30)]
    send_offloaded(guest, "eth0", made + [random_unfinished(rng, TCP_NUMBER) for _ in range(30)])


def with_length(packet_length: int) -> dict[str, Any]:
    """Return a document that mirrors everything, with that PacketLength."""
    said = in_both_versions()
    for session in said["sessions"].values():
        session["packet_length"] = packet_length
    return said


def talked(found: list[Copy]) -> list[Copy]:
    """Return the copies of what `talk` says: what hosts say by themselves, one engine may record alone."""
    return [copy for copy in found if protocol(copy.frame) not in BY_THEMSELVES]


@pytest.mark.parametrize("packet_length", [1500, 128])
def test_both_engines_send_the_same(both: Both, packet_length: int) -> None:
    kernel, userspace = both
    said = with_length(packet_length)
    with kernel.recording(said) as first, userspace.recording(said) as second, on_one_cpu():
        talk(kernel.network)
        by_kernel, by_userspace = kernel.got(first), userspace.got(second)
    check_counts(kernel, by_kernel)
    check_counts(userspace, by_userspace)
    assert len(by_kernel) > 5000
    assert differences(talked(by_kernel), talked(by_userspace)) == []
