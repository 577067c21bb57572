"""What changes while an engine runs: sources and targets. It goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from mirrorplane.capture.device import namespace_path
from mirrorplane.lab.network import Host
from tests.engines.live.network import (
    SOON,
    Live,
    Network,
    configuration,
    document,
    guest,
    numbers_in,
    on_host,
    settle,
    until,
)


def link(host: Host, device: str = "eth0", **settings: Any) -> None:
    def change(netlink: IPRoute) -> None:
        netlink.link("set", index=netlink.link_lookup(ifname=device)[0], **settings)

    host.netlink(change)


def address(host: Host, cidr: str, device: str = "eth0") -> None:
    """Give the device another address."""
    host.netlink(
        lambda netlink: netlink.addr("add", index=netlink.link_lookup(ifname=device)[0], address=cidr)
    )


@on_host
def test_a_source_that_goes_away_may_be_reloaded_and_is_mirrored_when_it_is_back(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(10))
        network.unplug()
        until(engine, lambda: len(network.lines) == 1, SOON)
        assert numbers_in(sent) == list(range(10)), "what the ring still held"
        engine.reload(configuration(document()))
        network.plug()
        until(engine, lambda: len(network.lines) == 2, SOON)
        talk.guest_sends(range(10, 20))
        until(engine, lambda: len(numbers_in(sent)) >= 20)
        assert numbers_in(sent) == list(range(20))
    assert network.lines == [
        "interface eni-guest: device gst has gone; looking for it every 1 s",
        "interface eni-guest: device gst is back",
    ]


@on_host
def test_a_source_that_is_down_for_a_while_goes_on(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        link(network.host, "gst", state="down")
        settle(engine)
        link(network.host, "gst", state="up")
        talk.guest_sends(range(5))
        until(engine, lambda: len(numbers_in(sent)) >= 5)
    assert network.lines == []


def sending_until(live: Live, reason: str) -> Callable[[], bool]:
    """Return a condition that has the guest send a packet each time, until one counts as *reason*."""

    def count() -> int:
        ways = guest(live.engine)
        return ways["mirrored"] if reason == "mirrored" else ways["not_mirrored"].get(reason, 0)

    before = count()

    def holds() -> bool:
        live.talk.guest_sends(range(1))
        return count() > before

    return holds


@on_host
def test_a_target_that_goes_down_is_mirrored_to_when_it_is_up(network: Network) -> None:
    with network.mirroring(document()) as live:
        until(live.engine, sending_until(live, "mirrored"))
        link(network.sensor, state="down")
        until(live.engine, sending_until(live, "no_route"), SOON)
        link(network.sensor, state="up")
        until(live.engine, sending_until(live, "mirrored"), SOON)
        settle(live.engine)
        assert 2 <= len(numbers_in(live.sent)) <= guest(live.engine)["mirrored"], "some found a dead wire"


@on_host
def test_a_target_that_does_not_answer_is_asked_until_it_does(network: Network) -> None:
    said = document()
    said["interfaces"]["eni-sensor"]["addresses"] = ["10.9.0.77"]
    with network.mirroring(said) as live:
        until(live.engine, sending_until(live, "no_neighbour"))
        until(live.engine, lambda: bool(network.lines), SOON)
        address(network.sensor, "10.9.0.77/24")
        until(live.engine, sending_until(live, "mirrored"), SOON)
    assert network.lines == [
        "target 10.9.0.77: 10.9.0.77 does not answer on up; looking again every 1 s",
        "target 10.9.0.77: reached by up",
    ]


@on_host
def test_an_uplink_that_is_replaced_is_opened_again(network: Network) -> None:
    with network.mirroring(document()) as live:
        until(live.engine, sending_until(live, "mirrored"))
        network.host.netlink(lambda netlink: netlink.link("del", ifname="up"))
        until(live.engine, sending_until(live, "no_route"), SOON)
        network.join_sensor()
        until(live.engine, sending_until(live, "mirrored"), SOON)


@on_host
def test_an_uplink_that_was_elsewhere_for_a_moment_is_opened_again(network: Network) -> None:
    """The same index again, so the same next hop; only the ring knows."""
    with network.mirroring(document()) as live:
        until(live.engine, sending_until(live, "mirrored"))
        index = network.host.netlink(lambda netlink: netlink.link_lookup(ifname="up")[0])
        elsewhere = network.lab.host("elsewhere")
        link(network.host, "up", net_ns_fd=elsewhere.namespace.descriptor)
        link(elsewhere, "up", net_ns_fd=network.host.namespace.descriptor)
        link(network.host, "up", state="up")
        address(network.host, "10.9.0.1/24", "up")
        assert network.host.netlink(lambda netlink: netlink.link_lookup(ifname="up")[0]) == index
        until(live.engine, sending_until(live, "mirrored"), SOON)


@on_host
def test_a_larger_route_mtu_is_used(network: Network) -> None:
    said = document()
    said["sessions"]["tms-out"]["packet_length"] = 8500
    with network.mirroring(said) as (engine, talk, _, sent):
        for device in ("up", "gst"):
            link(network.host, device, mtu=9000)
        for host in (network.sensor, network.guest):
            link(host, mtu=9000)
        settle(engine, 1.1)
        talk.guest_sends(range(3), size=8000)
        until(engine, lambda: len(numbers_in(sent)) == 3)
        assert engine.counters()["sessions"]["tms-out"]["truncated_packets"] == 0


def test_a_namespace_is_let_go_when_others_have_let_go(network: Network, tmp_path: Path) -> None:
    name, said = tmp_path / "namespace", document()
    name.symlink_to(namespace_path(network.guest.namespace.reference))
    said["interfaces"]["eni-guest"] |= {"device": "eth0", "netns": str(name)}

    def body() -> None:
        with network.engine(said) as engine:
            name.unlink()
            until(engine, lambda: len(network.lines) == 1, SOON)
            assert network.guest.run(["cat", "/proc/net/packet"]).stdout.count("\n") == 1
            name.symlink_to(namespace_path(network.guest.namespace.reference))
            until(engine, lambda: len(network.lines) == 2, SOON)

    network.host.call(body)
