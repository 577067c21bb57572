"""Devices of this host as interfaces."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from mirrorplane.control.discovery import discover
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.model import Interface

MAC = "02:00:00:00:00:01"


@pytest.fixture
def host(allowed: None) -> Iterator[Host]:
    with Lab() as lab:
        left, right = lab.host("left"), lab.host("right")
        lab.link(End(left, "up.7", None, ()), End(right, "eth1"))
        lab.link(End(left, "guest", None, ("10.0.0.9/24",)), End(right, "eth0"))
        addresses = ("169.254.0.1/16", "10.0.0.1/24", "fd00::1/64")
        lab.link(End(left, "here0", MAC, addresses), End(left, "here1"))
        left.netlink(
            lambda link: link.link(
                "add", ifname="mp-0123abcd-sa", kind="veth", peer={"ifname": "mp-0123abcd-sb"}
            )
        )
        left.netlink(lambda link: link.link("add", ifname="tun0", kind="tuntap", mode="tun"))
        yield left


def test_devices_are_interfaces(host: Host) -> None:
    """Not the loopback, nor what has no Ethernet frames, nor a name that makes no id, nor an engine's own."""
    found = host.call(discover)
    assert set(found) == {"eni-guest", "eni-here0", "eni-here1"}
    assert found["eni-here0"] == Interface(
        id="eni-here0",
        device="here0",
        mac=bytes.fromhex(MAC.replace(":", "")),
        addresses=(ip_address("10.0.0.1"), ip_address("fd00::1")),
    )


def test_at_a_host_end_addresses_are_not_the_interfaces(host: Host) -> None:
    assert host.call(discover)["eni-guest"] == Interface(id="eni-guest", device="guest")


def test_what_is_known_is_not_found_again(host: Host) -> None:
    assert set(host.call(discover, {"guest", "here1"})) == {"eni-here0"}
