"""Next hops: what the kernel would do, in words that a template needs, and why not where it would not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, AF_PACKET, SOCK_DGRAM, SOCK_RAW, socket
from time import monotonic, sleep
from typing import Any

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from mirrorplane.counters import Reason
from mirrorplane.forward.nexthop import NextHop, NextHops, Unreachable
from mirrorplane.lab.network import End, Host, Lab

LEFT, RIGHT = "02:00:00:00:00:01", "02:00:00:00:00:02"
NUD_REACHABLE, NUD_STALE = 0x02, 0x04

Answer = NextHop | Unreachable


class Network:
    """Left and right, joined by eth0: 10.0.0.1 and fd00::1, 10.0.0.2 and fd00::2."""

    def __init__(self, lab: Lab) -> None:
        self.left, self.right = lab.host("left"), lab.host("right")
        lab.link(
            End(self.left, "eth0", LEFT, ("10.0.0.1/24", "fd00::1/64")),
            End(self.right, "eth0", RIGHT, ("10.0.0.2/24", "fd00::2/64")),
        )

    def route(self, destination: str, **settings: Any) -> None:
        """Add a route on the left, as netlink calls the settings."""
        self.left.netlink(lambda netlink: netlink.route("add", dst=destination, **settings))

    def eth0(self) -> int:
        """Return the index of the left's eth0."""
        return int(self.left.netlink(lambda netlink: netlink.link_lookup(ifname="eth0")[0]))

    def resolve(self, target: str, until: Callable[[Answer], bool] = lambda _: True) -> Answer:
        """Return the answer for *target*, asked until it is as wanted, 3 s at most."""

        def body() -> Answer:
            with closing(NextHops()) as hops:
                end = monotonic() + 3
                while not until(answer := hops.resolve(ip_address(target))) and monotonic() < end:
                    sleep(0.005)
                return answer

        return self.left.call(body)


def is_reached(answer: Answer) -> bool:
    return isinstance(answer, NextHop)


@pytest.fixture
def network(allowed: None) -> Iterator[Network]:
    with Lab() as lab:
        yield Network(lab)


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


@pytest.mark.parametrize(("target", "source"), [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")])
def test_a_neighbour_is_solicited_and_found(network: Network, target: str, source: str) -> None:
    first = network.resolve(target)
    assert first == Unreachable(Reason.NO_NEIGHBOUR, f"{target} does not answer on eth0")
    hop = network.resolve(target, is_reached)
    assert isinstance(hop, NextHop)
    index = network.left.netlink(lambda netlink: netlink.link_lookup(ifname="eth0")[0])
    assert hop == NextHop("eth0", index, mac(LEFT), mac(RIGHT), ip_address(source), 1500, is_here=False)


@pytest.mark.parametrize(
    ("destination", "router", "target"),
    [
        ("10.5.0.0/16", {"gateway": "10.0.0.2"}, "10.5.1.1"),
        ("fd05::/16", {"gateway": "fd00::2"}, "fd05::1"),
        ("10.6.0.0/16", {"via": {"family": AF_INET6, "addr": "fd00::2"}}, "10.6.1.1"),
    ],
    ids=["IPv4", "IPv6", "IPv4 by an IPv6 router"],
)
def test_a_router_is_the_neighbour_and_the_routes_mtu_counts(
    network: Network, destination: str, router: dict[str, Any], target: str
) -> None:
    network.route(destination, **router, metrics={"mtu": 1400}, oif=network.eth0())
    hop = network.resolve(target, is_reached)
    assert isinstance(hop, NextHop)
    assert (hop.destination_mac, hop.mtu) == (mac(RIGHT), 1400)


@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        ("", "172.16.0.1", "there is no route to 172.16.0.1"),
        ("", "fd99::1", "there is no route to fd99::1"),
        ("blackhole", "10.6.0.1", "there is a blackhole route to 10.6.0.1"),
        ("blackhole", "fd06::1", "there is a blackhole route to fd06::1"),
        ("unreachable", "10.6.0.1", "there is an unreachable route to 10.6.0.1"),
        ("prohibit", "10.6.0.1", "there is a prohibiting route to 10.6.0.1"),
        ("", "10.0.0.255", "10.0.0.255 is not the address of one host"),
    ],
)
def test_no_route_says_why(network: Network, kind: str, target: str, why: str) -> None:
    if kind:
        destination = f"{target}/128" if ":" in target else f"{target}/32"
        network.route(destination, type=kind, family=AF_INET6 if ":" in target else AF_INET)
    assert network.resolve(target) == Unreachable(Reason.NO_ROUTE, why)


def test_a_device_that_is_down_is_no_route(network: Network) -> None:
    change(network.left, state="down")
    assert network.resolve("10.0.0.2") == Unreachable(Reason.NO_ROUTE, "there is no route to 10.0.0.2")


@pytest.mark.parametrize(
    ("destination", "router", "mtu", "least"),
    [("10.5.0.0/16", "10.0.0.2", 20, 256), ("10.5.0.0/16", "10.0.0.2", 255, 256)],
)
def test_a_route_that_carries_too_little_is_none(
    network: Network, destination: str, router: str, mtu: int, least: int
) -> None:
    network.route(destination, gateway=router, metrics={"mtu": mtu})
    why = f"MTU too small: {mtu} by eth0, at least {least} is needed"
    assert network.resolve("10.5.1.1") == Unreachable(Reason.NO_ROUTE, why)


def test_a_device_that_carries_too_little_is_no_route(network: Network) -> None:
    change(network.left, mtu=255)
    why = "MTU too small: 255 by eth0, at least 256 is needed"
    assert network.resolve("10.0.0.2") == Unreachable(Reason.NO_ROUTE, why)
    change(network.left, mtu=256)
    hop = network.resolve("10.0.0.2", is_reached)
    assert isinstance(hop, NextHop)
    assert hop.mtu == 256


def test_an_ipv6_route_that_carries_too_little_is_none(network: Network) -> None:
    network.route("fd05::/16", gateway="fd00::2", metrics={"mtu": 1279})
    why = "MTU too small: 1279 by eth0, at least 1280 is needed"
    assert network.resolve("fd05::1") == Unreachable(Reason.NO_ROUTE, why)


def change(host: Host, device: str = "eth0", **settings: Any) -> None:
    """Change a link of *host*, as netlink calls the settings."""
    host.netlink(lambda netlink: netlink.link("set", index=netlink.link_lookup(ifname=device)[0], **settings))


def test_a_link_without_carrier_is_no_route(network: Network) -> None:
    change(network.right, state="down")
    assert network.resolve("10.0.0.2") == Unreachable(Reason.NO_ROUTE, "eth0 is down")


def test_a_device_without_ethernet_frames_is_no_route(network: Network) -> None:
    def build(netlink: IPRoute) -> None:
        netlink.link("add", ifname="tun0", kind="tuntap", mode="tun")
        index = netlink.link_lookup(ifname="tun0")[0]
        netlink.addr("add", index=index, address="10.8.0.1/24")
        netlink.link("set", index=index, state="up")

    network.left.netlink(build)
    assert network.resolve("10.8.0.2") == Unreachable(Reason.NO_ROUTE, "tun0 does not carry Ethernet frames")


def test_a_neighbour_that_does_not_answer_is_asked_on_and_on(network: Network) -> None:
    assert not is_reached(network.resolve("10.0.0.77"))
    index = network.right.netlink(lambda netlink: netlink.link_lookup(ifname="eth0")[0])
    network.right.netlink(lambda netlink: netlink.addr("add", index=index, address="10.0.0.77/24"))
    assert is_reached(network.resolve("10.0.0.77", is_reached))


def test_a_new_mac_is_noticed_because_stale_neighbours_are_verified(network: Network) -> None:
    assert is_reached(network.resolve("10.0.0.2", is_reached))
    for setting in ("delay_first_probe_time", "retrans_time_ms"):
        network.left.sysctl(f"net/ipv4/neigh/eth0/{setting}", "1" if setting[0] == "d" else "50")
    wrong = {"dst": "10.0.0.2", "lladdr": "02:00:00:00:00:0f", "state": "stale", "ifindex": network.eth0()}
    network.left.netlink(lambda netlink: netlink.neigh("change", **wrong))
    hop = network.resolve("10.0.0.2")
    assert isinstance(hop, NextHop)
    assert hop.destination_mac == mac("02:00:00:00:00:0f"), "a stale entry is used while it is verified"
    assert neighbour_state(network.left, "10.0.0.2") not in (NUD_REACHABLE, NUD_STALE)
    found = network.resolve("10.0.0.2", lambda answer: is_reached(answer) and answer != hop)
    assert isinstance(found, NextHop)
    assert found.destination_mac == mac(RIGHT)


def neighbour_state(host: Host, address: str) -> int:
    def ask(netlink: IPRoute) -> int:
        return next(int(entry["state"]) for entry in netlink.get_neighbours(dst=address))

    return host.netlink(ask)


HERE = [
    ("10.9.9.9", "10.0.0.1", False),
    ("10.0.0.2", "10.0.0.1", False),
    ("10.0.0.1", "10.0.0.1", True),
    ("10.9.9.9", "127.0.0.1", True),
    ("127.0.0.1", "10.0.0.1", True),
    ("fd00::1", "fd00::1", False),
    ("::1", "::1", False),
    ("fd99::9", "fd00::1", False),
]


@pytest.mark.parametrize(("source", "target", "refused"), HERE)
def test_this_host_is_reached_as_foretold(network: Network, source: str, target: str, refused: bool) -> None:
    """The next hop is lo, and its own sockets get the packets where we say that they do."""

    def body() -> tuple[Answer, bool, bytes | None]:
        with closing(NextHops()) as hops:
            hop = hops.resolve(ip_address(target))
            foretold = hops.is_martian(ip_address(source), ip_address(target))
        assert isinstance(hop, NextHop)
        return hop, foretold, over_loopback(hop, source, target)

    hop, foretold, received = network.left.call(body)
    assert isinstance(hop, NextHop)
    assert (hop.device, hop.destination_mac, hop.mtu, hop.is_here) == ("lo", bytes(6), 65535, True)
    assert foretold == refused
    assert received == (None if refused else b"hello")


def over_loopback(hop: NextHop, source: str, target: str) -> bytes | None:
    """Send a datagram as a transmit ring would; return what a UDP socket of this host receives."""
    over = IPv6(src=source, dst=target) if ":" in target else IP(src=source, dst=target)
    frame = Ether(src=hop.source_mac, dst=hop.destination_mac) / over / UDP(dport=4789) / Raw(b"hello")
    with socket(AF_INET6 if ":" in target else AF_INET, SOCK_DGRAM) as receiver:
        receiver.bind((target, 4789))
        receiver.settimeout(0.1)
        with socket(AF_PACKET, SOCK_RAW, 0) as sender:
            sender.bind((hop.device, 0))
            sender.send(bytes(frame))
        try:
            return receiver.recv(100)
        except TimeoutError:
            return None
