"""What only the programs meet: tags that cannot all be put back, packets of the host's own tunnels."""

from collections.abc import Callable, Iterator
from socket import AF_INET, IPPROTO_UDP, SOCK_DGRAM, socket

import pytest
from pyroute2 import IPRoute

from mirrorplane.batch import INGRESS
from mirrorplane.counters import Reason
from mirrorplane.lab.network import Lab
from mirrorplane.lab.recorder import Recorder
from tests.engines.kernel.rig import Rig
from tests.engines.live.bench import Way, live_plan
from tests.engines.live.traffic import UDP_SEGMENT
from tests.oracle import Packet
from tests.vectors.world import VLAN, http4, setup


@pytest.fixture(scope="module")
def rig(allowed: None, bpf: None) -> Iterator[Rig]:
    """A bench for all of them."""
    with Lab() as lab, Rig(lab.host("bench")) as made:
        yield made


def test_as_many_tags_as_can_be_put_back(rig: Rig) -> None:
    """One more is taken out of what arrives: the copy is lost, and counted once. With eight it is not."""
    config = setup(source={"also_mirror": ["non-ip"]})
    more = Packet("eni-web", http4(tags=(VLAN,) * 9), 0, "ingress")
    lost = rig.run(live_plan(config), [more], Way.LIVE)
    reasons = lost.counters.reasons.reshape(-1, len(Reason))
    assert (lost.copies, reasons.sum(), reasons[INGRESS, Reason.SEND_FAILED]) == ([], 1, 1)


def over_a_tunnel(netlink: IPRoute) -> None:
    """Let the bench's host send over a VXLAN tunnel through the device that is mirrored."""
    source = netlink.link_lookup(ifname="src")[0]
    netlink.addr("add", index=source, address="10.5.0.1/24")
    kind = {"kind": "vxlan", "vxlan_id": 5, "vxlan_port": 4790, "vxlan_local": "10.5.0.1"}
    netlink.link(
        "add", ifname="tunnel", vxlan_group="10.5.0.2", vxlan_link=source, vxlan_learning=False, **kind
    )
    tunnel = netlink.link_lookup(ifname="tunnel")[0]
    netlink.link("set", index=tunnel, arp=False, state="up")
    netlink.addr("add", index=tunnel, address="10.6.0.1/24")


def datagrams(size: int, segment: int = 0) -> Callable[[], int]:
    """Return what sends *size* bytes through the tunnel, at once, in datagrams of *segment* bytes."""

    def send() -> int:
        with socket(AF_INET, SOCK_DGRAM) as sender:
            sender.setsockopt(IPPROTO_UDP, UDP_SEGMENT, segment)
            return sender.sendto(bytes(range(250)) * (size // 250), ("10.6.0.2", 9))

    return send


def test_packets_of_a_tunnel_are_cut(allowed: None, bpf: None) -> None:
    """The kernel does not cut a packet that it knows to be a tunnel's; the programs do it themselves."""
    plan = live_plan(setup(session={"packet_length": 64}))
    with Lab() as lab, Rig(lab.host("bench")) as rig:
        rig.host.netlink(over_a_tunnel)
        with Recorder(rig.host, "far", outgoing=False) as wire:
            (copy,) = rig.overhear(plan, datagrams(500), 1)
            wire.wait_for(1)
            assert copy[50:] == wire.frames[0].frame[: 14 + 64]
        copies = rig.overhear(plan, datagrams(1000, 250), 4)
    assert [len(copy) for copy in copies] == [50 + 14 + 64] * 4
    assert {copy[66:68] for copy in copies} == {(20 + 8 + 8 + 14 + 20 + 8 + 250).to_bytes(2, "big")}
