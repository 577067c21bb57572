"""What is of the userspace engine alone: its rings."""

from itertools import pairwise
from time import sleep

from mirrorplane.engines.userspace.taps import LAST_BLOCK
from tests.engines.live.network import (
    Engine,
    Network,
    document,
    guest,
    numbers_in,
    on_host,
    until,
)

ODD = 20
"""Packets that the kernel may take for ones that find the ring full because it closes a block just then: one
each time at most (`capture.afpacket.RETIRE_MS`); mostly there is none, and more than one was never seen."""


@on_host
def test_what_finds_the_ring_full_is_seen_and_not_mirrored(network: Network) -> None:
    n_sent, size = 14_000, 1400  # more than the ring holds
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(n_sent), size)
        until(engine, lambda: not engine.poll(0))
        report = guest(engine)
        sent.wait_for(report["mirrored"])
        lost = report["not_mirrored"]["ring_full"]
        assert lost > 0
        assert n_sent <= report["seen"]
        assert lost + len(numbers_in(sent)) <= report["seen"], "ARP may be among those lost"
        mirrored = numbers_in(sent)
        assert all(one < next_one for one, next_one in pairwise(mirrored))
        assert mirrored[-1] < n_sent - 1, "the last ones found no room"
        assert mirrored[-1] + 1 - len(mirrored) <= ODD, "those before them did"
        drops = {"seen": lost, "mirrored": 0, "not_mirrored": {"ring_full": lost}}
        assert report["directions"]["unknown"] == drops
        talk.guest_sends(range(3))
        until(engine, lambda: numbers_in(sent)[-3:] == [0, 1, 2])


@on_host
def test_what_a_link_that_is_down_refuses_is_counted(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(3))
        until(engine, lambda: guest(engine)["mirrored"] == 3)
        network.sensor.netlink(lambda netlink: netlink.link("set", ifname="eth0", state="down"))
        talk.guest_sends(range(3, 5))
        sleep(LAST_BLOCK)  # what is ready is sent before the engine hears of the link, and is refused
        until(engine, lambda: sum(unsent(engine)) == 2)
        send_failed, _ = unsent(engine)
        assert send_failed
        assert numbers_in(sent) == [0, 1, 2]


def unsent(engine: Engine) -> tuple[int, int]:
    """Return how many packets of the guest a link refused, and for how many there was no route."""
    reasons = guest(engine)["not_mirrored"]
    return reasons.get("send_failed", 0), reasons.get("no_route", 0)
