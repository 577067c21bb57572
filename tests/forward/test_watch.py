"""The watch: whatever a next hop depends on is noticed, what it does not is passed over, nothing waits."""

from collections.abc import Callable, Iterator
from contextlib import closing
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from select import POLLIN, poll
from socket import AF_INET, AF_INET6
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import binary
from pyroute2 import IPRoute

from mirrorplane.forward.sink import ForwardError
from mirrorplane.forward.watch import BEGINNING, CHANGES, Watch, concerns
from mirrorplane.lab.network import End, Host, Lab

MORE_THAN_FIT = 1000
LOOPBACK = 1
AF_BRIDGE, RTM_NEWNEIGH, NTF_SELF = 7, 28, 2
MAC = "02:00:00:00:00:%02x"

Change = Callable[[IPRoute, int], Any]


@pytest.fixture
def host(allowed: None) -> Iterator[Host]:
    """A host with eth0 (10.0.0.1, fd00::1), joined to another."""
    with Lab() as lab:
        left = lab.host("left")
        lab.link(
            End(left, "eth0", MAC % 1, ("10.0.0.1/24", "fd00::1/64")),
            End(lab.host("right"), "eth0", MAC % 2, ("10.0.0.2/24", "fd00::2/64")),
        )
        yield left


CHANGED: dict[str, Change] = {
    "a link": lambda netlink, index: netlink.link("set", index=index, mtu=1400),
    "an IPv4 address": lambda netlink, index: netlink.addr("add", index=index, address="10.7.0.1/32"),
    "an IPv6 address": lambda netlink, index: netlink.addr("add", index=index, address="fd07::1/128"),
    "an IPv4 route": lambda netlink, _: netlink.route("add", dst="10.5.0.0/16", gateway="10.0.0.2"),
    "an IPv6 route": lambda netlink, _: netlink.route("add", dst="fd05::/32", gateway="fd00::2"),
    "an IPv4 neighbour": lambda netlink, index: netlink.neigh(
        "add", dst="10.0.0.2", lladdr=MAC % 2, ifindex=index, state="permanent"
    ),
    "an IPv6 neighbour": lambda netlink, index: netlink.neigh(
        "add", dst="fd00::2", lladdr=MAC % 2, ifindex=index, state="permanent", family=AF_INET6
    ),
    "an IPv4 rule": lambda netlink, _: netlink.rule("add", table=100, priority=9, family=AF_INET),
    "an IPv6 rule": lambda netlink, _: netlink.rule("add", table=100, priority=9, family=AF_INET6),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_what_next_hops_depend_on_is_noticed(host: Host, change: Change) -> None:
    def body() -> None:
        with closing(Watch()) as watch, IPRoute() as netlink:
            (index,) = netlink.link_lookup(ifname="eth0")
            drain(watch)
            change(netlink, index)
            assert is_readable(watch, 1000)
            assert watch.changed()

    host.call(body)


def drain(watch: Watch) -> None:
    """Let what the lab itself has set going pass."""
    while is_readable(watch, 100):
        watch.changed()
    assert not watch.changed()


def is_readable(watch: Watch, milliseconds: int = 0) -> bool:
    waiting = poll()
    waiting.register(watch, POLLIN)
    return bool(waiting.poll(milliseconds))


def test_removal_is_noticed_too(host: Host) -> None:
    def body() -> None:
        with closing(Watch()) as watch, IPRoute() as netlink:
            netlink.route("add", dst="10.5.0.0/16", gateway="10.0.0.2")
            drain(watch)
            netlink.route("del", dst="10.5.0.0/16")
            assert watch.changed()
            assert not watch.changed(), "once"

    host.call(body)


def test_other_namespaces_are_not_watched(host: Host) -> None:
    with Lab() as lab:
        other = lab.host("other")

        def body() -> None:
            with closing(Watch()) as watch:
                drain(watch)
                other.vxlan("vx1", 1)
                assert not is_readable(watch, 100)

        host.call(body)


def talker(netlink: IPRoute, number: int) -> None:
    """Have the VXLAN device's forwarding table, which is a bridge's in all but name, know one MAC more."""
    (index,) = netlink.link_lookup(ifname="vx1")
    mac = f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}"
    netlink.fdb("add", ifindex=index, lladdr=mac, dst="10.0.0.2", flags=NTF_SELF)


def test_a_forwarding_table_concerns_nobody(host: Host) -> None:
    host.vxlan("vx1", 1)

    def body() -> None:
        with closing(Watch()) as watch, IPRoute() as netlink:
            drain(watch)
            talker(netlink, 1)
            assert is_readable(watch, 1000), "it is reported"
            assert not watch.changed(), "and passed over"
            assert not is_readable(watch)

    host.call(body)


def test_more_than_is_read_is_a_change(host: Host) -> None:
    """The messages that are kept concern nobody; those that were dropped may."""
    host.vxlan("vx1", 1)

    def body() -> None:
        with closing(Watch()) as watch, IPRoute() as netlink:
            drain(watch)
            for number in range(MORE_THAN_FIT):
                talker(netlink, number)
            assert watch.changed()
            drain(watch)
            netlink.addr("add", index=LOOPBACK, address="10.7.0.1/32")
            assert watch.changed(), "it goes on"

    host.call(body)


@given(binary(max_size=64))
def test_odd_messages_are_passed_over(message: bytes) -> None:
    assert concerns(message) == (
        len(message) >= BEGINNING.size
        and int.from_bytes(message[4:6], "little") in CHANGES
        and message[16] in (0, AF_INET, AF_INET6)
    )


def test_a_family_tells_neighbours_from_a_forwarding_table() -> None:
    answers = {
        family: concerns(BEGINNING.pack(40, RTM_NEWNEIGH, 0, 0, 0, family))
        for family in (AF_INET, AF_INET6, AF_BRIDGE)
    }
    assert answers == {AF_INET: True, AF_INET6: True, AF_BRIDGE: False}


def test_a_refusal_is_one_line() -> None:
    limits = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(
            ForwardError, match=r"^routes and neighbours cannot be watched: Too many open files"
        ):
            Watch()
    finally:
        setrlimit(RLIMIT_NOFILE, limits)


def test_it_may_be_closed_twice() -> None:
    watch = Watch()
    watch.close()
    watch.close()
