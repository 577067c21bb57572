"""The programs beside the pipeline: random configurations and packets, and what only the kernel has.

Every frame, in order, and every counter must be the same, each way that a packet can take.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from socket import AF_INET, IPPROTO_UDP, SOCK_DGRAM, socket
from typing import Any

import pytest
from pyroute2 import IPRoute

from mirrorplane.batch import INGRESS
from mirrorplane.counters import Reason
from mirrorplane.lab.network import Lab
from mirrorplane.lab.recorder import Recorder
from tests.engines.kernel.rig import Rig, Way, differences, hooked, live_plan, piped
from tests.generate import random_scenario
from tests.generate.packets import random_packets
from tests.oracle import Packet
from tests.vectors.world import VLAN, http4, rule, setup

SCENARIOS, PACKETS = 100, 50
FIRST_SEED = 70_000
"""Other scenarios than those that the pipeline is compared with the oracle by."""

MOST_RULES = 4416
"""Of a source, a direction and an IP version: what check_size lets through."""

UDP_SEGMENT = 103
"""include/uapi/linux/udp.h: what is sent at once leaves in datagrams of that size."""


@pytest.fixture(scope="module")
def rig(allowed: None, bpf: None) -> Iterator[Rig]:
    """A bench for all of them."""
    with Lab() as lab, Rig(lab.host("bench")) as made:
        yield made


def check(rig: Rig, config: dict[str, Any], packets: list[Packet], what: str) -> None:
    """Assert that the programs do what the pipeline does with *packets*, whose directions are hooks."""
    plan = live_plan(config)
    for way in Way:
        chosen = [packet for packet in packets if way.takes(packet)]
        assert differences(rig.run(plan, chosen, way), piped(plan, chosen)) == [], f"{what}, {way}"


def told(config: dict[str, Any], packets: list[Packet], rng: Random) -> list[Packet]:
    """Return *packets* as a device meets them, on either hook where a capture could not tell."""
    return [
        replace(packet, direction=rng.choice(("ingress", "egress")))
        if packet.direction == "unknown"
        else packet
        for packet in hooked(config, packets, "unknown")
    ]


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + SCENARIOS, 10))
def test_the_pipeline_agrees(rig: Rig, first: int) -> None:
    for seed in range(first, first + 10):
        scenario = random_scenario(seed, PACKETS)
        packets = told(scenario.config, scenario.packets, Random(seed))
        check(rig, scenario.config, packets, f"seed {seed}")


def many_rules(rng: Random, count: int) -> list[dict[str, Any]]:
    """Return rules that overlap in each field, so that many words of the bit vectors are looked at."""
    blocks = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "198.51.100.0/24", "10.0.0.1/32")
    ends = sorted(rng.sample(range(65536), 64))

    def ports() -> str:
        low, high = sorted(rng.sample(ends, 2))
        return f"{low}/{high if rng.random() < 0.2 else low}"

    return [
        rule(
            priority,
            rng.choice(("accept", "drop")),
            rng.choice(("TCP", "UDP")),
            source=rng.choice(blocks),
            destination=rng.choice(blocks),
            sports=ports(),
            dports=ports(),
        )
        for priority in range(1, count + 1)
    ]


def test_as_many_rules_as_there_may_be(rig: Rig) -> None:
    rng = Random(FIRST_SEED)
    config = setup(ingress=many_rules(rng, MOST_RULES), egress=many_rules(rng, 65))
    check(rig, config, told(config, random_packets(rng, config, 400), rng), "many rules")


def test_as_many_tags_as_can_be_put_back(rig: Rig) -> None:
    """One more is taken out of what arrives than that: the copy is lost, and counted once."""
    config = setup(source={"also_mirror": ["non-ip"]})
    most, more = (Packet("eni-web", http4(tags=(VLAN,) * count), 0, "ingress") for count in (8, 9))
    check(rig, config, [most], "8 tags")
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
