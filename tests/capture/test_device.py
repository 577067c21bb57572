"""Devices as the host describes them, in namespaces: found, missing, and which end of the wire they are."""

from collections.abc import Iterator
from ipaddress import ip_address
from threading import get_native_id

import pytest

from mirrorplane.capture.device import inside, inspect, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.lab.network import End, Host, Lab

OWN = "/proc/thread-self/ns/net"


@pytest.fixture
def hosts(allowed: None) -> Iterator[tuple[Host, Host]]:
    with Lab() as lab:
        left, right = lab.host("left"), lab.host("right")
        addresses = ("169.254.0.1/16", "fe80::1/64", "10.0.0.1/24", "fd00::1/64", "10.0.0.2/24")
        lab.link(End(left, "eth0", "02:00:00:00:00:01", addresses), End(right, "eth0"), mtu=1400)
        left.netlink(lambda link: link.link("add", ifname="here0", kind="veth", peer={"ifname": "here1"}))
        left.netlink(lambda link: link.link("add", ifname="tap0", kind="tuntap", mode="tap"))
        left.netlink(lambda link: link.link("add", ifname="tun0", kind="tuntap", mode="tun"))
        yield left, right


def test_a_device_is_described(hosts: tuple[Host, Host]) -> None:
    device = inspect("eth0", hosts[0].namespace.reference)
    assert (device.name, device.netns) == ("eth0", hosts[0].namespace.reference)
    assert device.mac == bytes.fromhex("020000000001")
    assert (device.kind, device.mtu, device.up) == ("veth", 1400, True)
    ours = [address for address in device.addresses if str(address) in {"10.0.0.1", "10.0.0.2", "fd00::1"}]
    assert ours == [ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("fd00::1")]
    assert device.addresses[-1].is_link_local, "what is good on this link only comes last"


@pytest.mark.parametrize(
    ("name", "side"), [("eth0", "host"), ("here0", "eni"), ("here1", "eni"), ("tap0", "host"), ("lo", "eni")]
)
def test_the_side_follows_from_the_device(hosts: tuple[Host, Host], name: str, side: str) -> None:
    assert inspect(name, hosts[0].namespace.reference).side == side


def test_the_callers_own_namespace_is_the_default(hosts: tuple[Host, Host]) -> None:
    assert hosts[0].call(inspect, "tap0").kind == "tun"
    with pytest.raises(CaptureError, match=r"^device tap0: not there$"):
        hosts[1].call(inspect, "tap0")


def test_what_is_missing_is_named(hosts: tuple[Host, Host]) -> None:
    reference = hosts[0].namespace.reference
    with pytest.raises(CaptureError, match=f"^device eth7 in network namespace {reference}: not there$"):
        inspect("eth7", reference)
    with pytest.raises(CaptureError, match=r"^network namespace mp-no-such: No such file or directory$"):
        inspect("eth0", "mp-no-such")
    with pytest.raises(CaptureError, match=r"^network namespace /proc/self/status: Invalid argument$"):
        inspect("eth0", "/proc/self/status")


def test_a_device_without_ethernet_frames_is_refused(hosts: tuple[Host, Host]) -> None:
    with pytest.raises(CaptureError, match="does not carry Ethernet frames"):
        inspect("tun0", hosts[0].namespace.reference)


def test_the_callers_thread_never_moves(hosts: tuple[Host, Host]) -> None:
    before, reference = namespace_id(OWN), hosts[0].namespace.reference
    assert inside(reference, lambda: namespace_id(OWN)) == namespace_id(reference) != before
    assert inside(reference, get_native_id) != get_native_id()
    with pytest.raises(ZeroDivisionError):
        inside(reference, lambda: 1 // 0)
    assert namespace_id(OWN) == before


def test_a_namespace_that_is_not_there_has_no_identity() -> None:
    assert namespace_id("mp-no-such") is None
