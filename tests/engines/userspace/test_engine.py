"""What is of the userspace engine alone: its rings."""

from tests.engines.live.network import (
    Network,
    document,
    guest,
    numbers_in,
    on_host,
    until,
)


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
        assert numbers_in(sent) == list(range(len(numbers_in(sent)))), "the last ones found no room"
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
        until(engine, lambda: guest(engine)["not_mirrored"].get("send_failed") == 2)
        assert numbers_in(sent) == [0, 1, 2]
