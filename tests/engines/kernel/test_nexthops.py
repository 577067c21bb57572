"""The ways that the programs send by: templates and devices that follow the network, at once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import ip_address
from select import POLLIN, poll
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from pyroute2 import IPRoute

from mirrorplane.counters import Reason
from mirrorplane.engines.kernel.nexthops import REST, Ways
from mirrorplane.engines.targets import LOOK_EVERY
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.plan import Plan, compile_plan, templates
from mirrorplane.plan.tables import HEADER_STRIDE
from mirrorplane.plan.templates import Outer
from tests.engines.live.network import MTU, Network, configuration, document, on_host

SOON = 0.5
"""Seconds: less than until a target is looked up again without reason."""

SENSOR, OTHER_MAC = "02:00:00:00:09:02", "02:00:00:00:09:0f"
NUD_REACHABLE = 0x02


@pytest.fixture
def network(allowed: None) -> Iterator[Network]:
    with Lab() as lab:
        yield Network(lab)


def plan(*targets: str, mtu: int | None = None, address: str | None = "10.1.0.2") -> Plan:
    """Return a plan for the guest, with a session for each target."""
    said = document()
    for name, target in zip(("tms-in", "tms-out"), targets, strict=True):
        said["interfaces"][f"eni-of-{name}"] = {"addresses": [target]} | ({"mtu": mtu} if mtu else {})
        said["sessions"][name]["target"] = f"eni-of-{name}"
    said["interfaces"]["eni-guest"]["addresses"] = [address] if address else []
    return compile_plan(configuration(said))


def balanced() -> Plan:
    """Return a plan whose flows go to the sensor's two addresses."""
    said = document()
    said["interfaces"]["eni-second"] = {"addresses": ["10.9.0.3"]}
    said["load_balancers"] = {"lb-both": {"backends": ["eni-sensor", "eni-second"]}}
    for session in said["sessions"].values():
        session["target"] = "lb-both"
    return compile_plan(configuration(said))


def until(ways: Ways, condition: Callable[[], bool], seconds: float = SOON) -> None:
    """Look whenever it is time to, as an engine does, until *condition* holds."""
    waiting = poll()
    waiting.register(ways, POLLIN)
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, ways.ways()
        waiting.poll(1000 * max(min(ways.due(), end) - monotonic(), 0))
        ways.look()


def reasons(ways: Ways) -> list[int]:
    found: list[int] = ways.templates.rows["reason"].tolist()
    return found


def header(ways: Ways, row: int) -> bytes:
    return ways.templates.header[row * HEADER_STRIDE : (row + 1) * HEADER_STRIDE].tobytes()


def index_of(host: Host, device: str) -> int:
    return int(host.netlink(lambda netlink: netlink.link_lookup(ifname=device)[0]))


def change(host: Host, what: Callable[[IPRoute, int], Any], device: str = "up") -> None:
    host.netlink(lambda netlink: what(netlink, netlink.link_lookup(ifname=device)[0]))


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def mac_of(host: Host, device: str) -> bytes:
    return mac(host.netlink(lambda netlink: netlink.get_links(ifname=device)[0].get("address")))


@on_host
def test_templates_say_how_targets_are_reached(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "fd09::2", mtu=1500))
        assert (reasons(ways), ways.outlets.tolist()) == ([Reason.NO_ROUTE] * 2, [0, 0]), "not looked up yet"
        ways.settle(2.0)
        assert ways.ways() == {"10.9.0.2": "by up", "fd09::2": "by up"}
        assert ways.outlets.tolist() == [index_of(network.host, "up")] * 2
        expected = templates.empty(2)
        for row, (source, target) in enumerate([("10.1.0.2", "10.9.0.2"), ("fd09::1", "fd09::2")]):
            outer = Outer(
                source_mac=mac_of(network.host, "up"),
                destination_mac=mac(SENSOR),
                source=ip_address(source),
                destination=ip_address(target),
                port=4789,
                vni=(11, 22)[row],
                mtu=1500,
                packet_length=1500,
                session=row,
            )
            templates.fill(expected, row, outer)
        assert (ways.templates.header == expected.header).all()
        assert (ways.templates.rows == expected.rows).all()
    assert network.lines == []


@on_host
def test_the_uplinks_mtu_is_a_limit(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "10.9.0.2", mtu=9000))
        ways.settle(2.0)
        assert ways.templates.rows["room"].tolist() == [MTU - 36] * 2
        for device, host in (("up", network.host), ("eth0", network.sensor)):
            change(host, lambda netlink, index: netlink.link("set", index=index, mtu=4000), device)
        until(ways, lambda: ways.templates.rows["room"].tolist() == [4000 - 36] * 2)


@on_host
def test_a_new_mac_is_taken_over_at_once(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "fd09::2"))
        ways.settle(2.0)
        ipv6 = header(ways, 1)
        assert header(ways, 0).startswith(mac(SENSOR))
        change(
            network.host,
            lambda netlink, index: netlink.neigh(
                "replace", dst="10.9.0.2", lladdr=OTHER_MAC, ifindex=index, state="permanent"
            ),
        )
        until(ways, lambda: header(ways, 0).startswith(mac(OTHER_MAC)))
        assert header(ways, 1) == ipv6


@on_host
def test_a_link_that_goes_down_and_up(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "10.9.0.2"))
        ways.settle(2.0)
        change(network.sensor, lambda netlink, index: netlink.link("set", index=index, state="down"), "eth0")
        until(ways, lambda: reasons(ways) == [Reason.NO_ROUTE] * 2)
        assert ways.outlets.tolist() == [0, 0]
        assert ways.ways() == {"10.9.0.2": "up is down"}
        until(ways, lambda: bool(network.lines), 3.0)
        change(network.sensor, lambda netlink, index: netlink.link("set", index=index, state="up"), "eth0")
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED] * 2, 2.0)
    assert network.lines == [
        "target 10.9.0.2: up is down; looking again every 1 s",
        "target 10.9.0.2: reached by up",
    ]


@on_host
def test_a_route_to_elsewhere_is_followed(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "172.16.0.1"))
        ways.settle(0.1)
        assert reasons(ways) == [Reason.MIRRORED, Reason.NO_ROUTE]
        until(ways, lambda: ways.due() > monotonic() + LOOK_EVERY / 2, 3.0)
        network.host.netlink(lambda netlink: netlink.route("add", dst="172.16.0.0/16", gateway="10.9.0.2"))
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED] * 2, 0.3)
        network.host.netlink(lambda netlink: netlink.route("del", dst="172.16.0.0/16"))
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED, Reason.NO_ROUTE], 0.3)


@on_host
def test_a_neighbour_that_does_not_answer_is_asked_until_it_does(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "10.9.0.77"))
        ways.settle(0.1)
        assert reasons(ways) == [Reason.MIRRORED, Reason.NO_NEIGHBOUR]
        change(
            network.sensor,
            lambda netlink, index: netlink.addr("add", index=index, address="10.9.0.77/24"),
            "eth0",
        )
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED] * 2, 2.5)


@on_host
def test_nothing_new_is_nothing_to_install(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "fd09::2"))
        ways.settle(2.0)
        before = ways.templates.rows.tobytes(), ways.templates.header.tobytes(), ways.outlets.tobytes()
        end = monotonic() + 1.2 * LOOK_EVERY
        while monotonic() < end:
            assert not ways.look()
        assert before == (
            ways.templates.rows.tobytes(),
            ways.templates.header.tobytes(),
            ways.outlets.tobytes(),
        )


@on_host
def test_changes_that_come_thick_are_taken_together(network: Network) -> None:
    def stir(netlink: IPRoute) -> None:
        for number in range(3):
            netlink.route("add", dst=f"10.5{number}.0.0/16", gateway="10.9.0.2")
            netlink.route("del", dst=f"10.5{number}.0.0/16")

    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "10.9.0.2"))
        ways.settle(2.0)
        waiting = poll()
        waiting.register(ways, POLLIN)
        is_over = True
        while is_over:  # on a busy machine the rest can be, before there is another change
            ways.look()
            sleep(max(0, ways._rests_until - monotonic()))
            network.host.netlink(stir)
            ways.look()
            looked = monotonic()
            network.host.netlink(stir)
            is_over = monotonic() > ways._rests_until
            ways.look()
        assert not waiting.poll(0), "whoever polls is not called again and again"
        assert REST / 2 < ways.due() - looked < LOOK_EVERY / 2, "but the change is not forgotten"
        until(ways, lambda: ways.due() > looked + LOOK_EVERY / 2)


@on_host
def test_a_plan_with_other_targets_keeps_what_is_known(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.2", "172.16.0.1"))
        ways.settle(0.1)
        ways.turn_to(plan("fd09::2", "10.9.0.2"))
        assert sorted(reasons(ways)) == [Reason.MIRRORED, Reason.NO_ROUTE], "reached before, reached at once"
        assert ways.due() <= monotonic()
        assert ways.look()


@on_host
def test_a_target_on_this_host_leaves_by_lo(network: Network) -> None:
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(plan("10.9.0.1", "fd09::1", address="10.1.0.1"))
        ways.settle(2.0)
        assert ways.outlets.tolist() == [1, 1]
        assert header(ways, 0).startswith(bytes(12))
        assert ways.templates.rows["room"].tolist() == [65535 - 36, 65535 - 56]
    assert network.lines == [
        "target 10.9.0.1: is this host, and so is 10.1.0.1: only a capture on lo sees packets"
    ]


def test_without_a_source_address_there_is_no_way(allowed: None) -> None:
    """A device without addresses lends none; a source that has one of its own does without."""
    lines: list[str] = []

    def body() -> None:
        with IPRoute() as netlink:
            (index,) = netlink.link_lookup(ifname="up")
            netlink.route("add", dst="10.9.0.0/24", oif=index, scope="link")
            netlink.neigh("add", dst="10.9.0.2", lladdr=SENSOR, ifindex=index, state="permanent")
        for address, expected in ((None, Reason.NO_ROUTE), ("10.1.0.2", Reason.MIRRORED)):
            with closing(Ways(lines.append)) as ways:
                ways.turn_to(plan("10.9.0.2", "10.9.0.2", address=address))
                ways.settle(0.0)
                assert ways.ways() == {"10.9.0.2": "by up"}
                assert reasons(ways) == [expected] * 2

    with Lab() as lab:
        host = lab.host("bare")
        lab.link(End(host, "up"), End(lab.host("sensor"), "eth0"))
        host.call(body)


@on_host
def test_a_lost_backends_flows_go_to_the_other_and_come_back(network: Network) -> None:
    chosen = balanced()
    with closing(Ways(network.lines.append)) as ways:
        ways.turn_to(chosen)
        ways.settle(0.1)
        assert sorted(reasons(ways)) == [Reason.MIRRORED] * 2 + [Reason.NO_NEIGHBOUR] * 2
        assert not ways.slots.any(), "all have the first"
        change(
            network.sensor,
            lambda netlink, index: netlink.addr("add", index=index, address="10.9.0.3/24"),
            "eth0",
        )
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED] * 4, 2.5)
        assert (ways.slots == chosen.tables.slots).all()
        lost = {"dst": "10.9.0.2", "state": "failed"}
        change(network.host, lambda netlink, index: netlink.neigh("change", ifindex=index, **lost))
        until(ways, lambda: Reason.NO_NEIGHBOUR in reasons(ways))
        assert np.unique(ways.slots).tolist() == [1]
        until(ways, lambda: reasons(ways) == [Reason.MIRRORED] * 4, 2.5)
        assert (ways.slots == chosen.tables.slots).all()
