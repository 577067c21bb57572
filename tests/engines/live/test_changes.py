"""What changes while the userspace engine runs: sources, targets, the configuration. It goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute

from mirrorplane.capture.device import namespace_path
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.userspace import Userspace
from mirrorplane.lab.network import Host
from mirrorplane.plan import PlanError
from tests.engines.userspace.network import (
    EVERYTHING,
    Live,
    Network,
    configuration,
    document,
    guest,
    numbers_in,
    on_host,
    session,
    settle,
    until,
)

SOON = 2.5
"""Seconds: a change that is looked for once a second is acted on by then."""


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
def test_a_source_that_goes_away_is_mirrored_when_it_is_back(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(10))
        network.unplug()
        until(engine, lambda: len(network.lines) == 1, SOON)
        assert numbers_in(sent) == list(range(10)), "what the ring still held"
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
        until(live.engine, sending_until(live, "send_failed"), SOON)
        until(live.engine, sending_until(live, "no_route"), SOON)
        link(network.sensor, state="up")
        until(live.engine, sending_until(live, "mirrored"), SOON)
        settle(live.engine)
        assert len(numbers_in(live.sent)) == guest(live.engine)["mirrored"]


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


@on_host
def test_counts_outlive_a_reload(network: Network) -> None:
    without = document()
    del without["sessions"]["tms-out"]
    without["filters"]["tmf-both"] = {"ingress": [EVERYTHING], "egress": [EVERYTHING]}
    without["sessions"]["tms-new"] = session(3, "tmf-both", 33)
    with network.mirroring(document()) as (engine, talk, received, sent):
        talk.guest_sends(range(10))
        talk.guest_receives(range(4))
        until(engine, lambda: guest(engine)["mirrored"] == 14)
        engine.reload(configuration(without))
        talk.guest_sends(range(10, 15))
        talk.guest_receives(range(4, 6))
        until(engine, lambda: guest(engine)["mirrored"] == 21)
        assert mirrored(engine) == {"tms-in": 6, "tms-out": 10, "tms-new": 5}
        engine.reload(configuration(document()))
        talk.guest_sends(range(15, 18))
        until(engine, lambda: guest(engine)["mirrored"] == 24)
        assert mirrored(engine) == {"tms-in": 6, "tms-out": 13, "tms-new": 5}
        rules = engine.counters()["filters"]
        assert rules["tmf-out"]["egress"] == {"1": 13}
        assert rules["tmf-both"] == {"ingress": {"1": 0}, "egress": {"1": 5}}
        until(engine, lambda: len(numbers_in(received)) == 6 and len(numbers_in(sent)) == 13)
        assert numbers_in(received) == list(range(6)), "a session that did not change lost nothing"


def mirrored(engine: Userspace) -> dict[str, int]:
    return {name: session["mirrored_packets"] for name, session in engine.counters()["sessions"].items()}


def refused(**interface: str) -> dict[str, Any]:
    said = document()
    said["interfaces"]["eni-guest"] = {"addresses": ["10.1.0.2"], **interface}
    return said


REFUSALS = [
    (refused(), CaptureError, "^interface eni-guest: has no device to mirror$"),
    (refused(device="nope"), CaptureError, "^interface eni-guest: device nope: not there$"),
    (
        refused(device="gst", netns="mp-none"),
        CaptureError,
        "^interface eni-guest: network namespace mp-none: No such file or directory$",
    ),
]


@pytest.mark.parametrize(("said", "error", "line"), REFUSALS)
def test_a_source_that_is_not_there_is_refused(
    network: Network, said: dict[str, Any], error: type[Exception], line: str
) -> None:
    def body() -> None:
        with pytest.raises(error, match=line):
            Userspace(configuration(said), network.lines.append)

    network.host.call(body)
    assert network.host.run(["cat", "/proc/net/packet"]).stdout.count("\n") == 1


@on_host
def test_a_reload_that_is_refused_changes_nothing(network: Network) -> None:
    missing, no_network = document(), document()
    missing["interfaces"] |= {"eni-a": {"device": "up"}, "eni-b": {"device": "nope"}}
    missing["sessions"]["tms-in"]["sources"] = ["eni-a", "eni-b"]
    del no_network["sessions"]["tms-in"]["virtual_network_id"]
    with network.mirroring(document()) as (engine, talk, received, _):
        talk.guest_receives(range(5))
        for said, error in ((missing, CaptureError), (no_network, PlanError)):
            with pytest.raises(error, match=r"eni-b|tms-in"):
                engine.reload(configuration(said))
        assert network.host.run(["cat", "/proc/net/packet"]).stdout.count("\n") == 3, "a ring in, a ring out"
        talk.guest_receives(range(5, 10))
        until(engine, lambda: len(numbers_in(received)) >= 10)
        assert numbers_in(received) == list(range(10))


@on_host
def test_a_reload_may_name_a_source_that_is_away(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        network.unplug()
        until(engine, lambda: len(network.lines) == 1, SOON)
        engine.reload(configuration(document()))
        network.plug()
        until(engine, lambda: len(network.lines) == 2, SOON)
        talk.guest_sends(range(5))
        until(engine, lambda: len(numbers_in(sent)) >= 5)


@on_host
def test_a_source_may_move_to_another_device(network: Network) -> None:
    moved = document()
    reference = network.guest.namespace.reference
    moved["interfaces"]["eni-guest"] |= {"device": "eth0", "netns": reference, "side": "eni"}
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(5))
        until(engine, lambda: len(numbers_in(sent)) == 5)
        engine.reload(configuration(moved))
        talk.guest_sends(range(5, 10))
        until(engine, lambda: len(numbers_in(sent)) >= 10)
        assert numbers_in(sent) == list(range(10))
