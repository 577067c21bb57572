"""Interfaces."""

from ipaddress import ip_address

import pytest

from mirrorplane.model import DEFAULT_MTU, Interface, read
from tests.model.documents import only_problem


def interface(keys: str) -> Interface:
    return read(f"interfaces:\n  eni-a: {{{keys} }}\n", "lab.yaml").interfaces["eni-a"]


def refused(keys: str) -> str:
    """Return what is wrong with an interface of one key, after its path."""
    return only_problem(f"interfaces:\n  eni-a:\n    {{{keys} }}\n").removeprefix("3: interfaces.eni-a.")


def test_defaults() -> None:
    assert interface("") == Interface(
        id="eni-a",
        device=None,
        netns=None,
        side=None,
        mac=None,
        addresses=(),
        mtu=None,
        also_mirror=frozenset(),
        attached=True,
        status="available",
        type="eni",
        instance="present",
        instance_supports_mirroring=True,
        business_type="supported",
    )
    assert DEFAULT_MTU == 1500


def test_everything_said() -> None:
    assert interface(
        "device: eth0, netns: web, side: eni, mac: 02:00:00:00:00:01, addresses: "
        "[10.0.0.1, 'fd00::1'], mtu: 9000, "
        "also_mirror: [arp, dhcp, non-ip], attached: false, status: unavailable, type: "
        "bond, instance: missing, "
        "instance_supports_mirroring: false, business_type: unsupported"
    ) == Interface(
        id="eni-a",
        device="eth0",
        netns="web",
        side="eni",
        mac=b"\x02\0\0\0\0\x01",
        mtu=9000,
        addresses=(ip_address("10.0.0.1"), ip_address("fd00::1")),
        also_mirror=frozenset({"arp", "dhcp", "non-ip"}),
        attached=False,
        status="unavailable",
        type="bond",
        instance="missing",
        instance_supports_mirroring=False,
        business_type="unsupported",
    )


@pytest.mark.parametrize("text", ["02:00:00:00:00:01", "10:22:33:44:55:59", "00:01:02:03:04:05"])
def test_an_unquoted_mac_is_no_sexagesimal_number(text: str) -> None:
    assert interface(f"mac: {text}").mac == bytes.fromhex(text.replace(":", ""))


def test_scalars_that_yaml_takes_for_something_else() -> None:
    found = interface("device: 12e3, netns: yes")
    assert (found.device, found.netns) == ("12e3", "yes")


@pytest.mark.parametrize("keys", ["mac: ~", "mtu: null", "device: ", "netns: ~", "side: ~"])
def test_nothing_where_nothing_is_the_default(keys: str) -> None:
    assert interface(keys) == Interface(id="eni-a")


@pytest.mark.parametrize(
    "keys",
    [
        "mtu: 256",
        "mtu: 65535",
        "addresses: [10.0.0.1], mtu: 256",
        "addresses: ['fd00::1'], mtu: 1280",
        "addresses: [10.0.0.1, 'fd00::1'], mtu: 256",
    ],
)
def test_mtu(keys: str) -> None:
    assert interface(keys).mtu == int(keys.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("mtu: 255", "mtu: must be at least 256 for IPv4, not 255"),
        ("addresses: [10.0.0.1], mtu: 255", "mtu: must be at least 256 for IPv4, not 255"),
        ("addresses: ['fd00::1'], mtu: 1279", "mtu: must be at least 1280 for IPv6, not 1279"),
        ("mtu: 1279, addresses: ['fd00::1']", "mtu: must be at least 1280 for IPv6, not 1279"),
        ("addresses: ['fd00::1', 10.0.0.1], mtu: 1279", "mtu: must be at least 1280 for IPv6, not 1279"),
        ("mtu: 65536", "mtu: must be a whole number from 1 to 65535, not '65536'"),
        ("mtu: 1.5e3", "mtu: must be a whole number from 1 to 65535, not '1.5e3'"),
        (
            "mac: 03:00:00:00:00:01",
            "mac: '03:00:00:00:00:01' is a multicast MAC address: no interface has one",
        ),
        ("mac: 2:0:0:0:0:1", "mac: must be a MAC address such as 02:00:00:00:00:01, not '2:0:0:0:0:1'"),
        ("addresses: 10.0.0.1", "addresses: must be a list, not a text"),
        ("addresses: {}", "addresses: must be a list, not a mapping"),
        ("addresses: ", "addresses: must be a list, not nothing"),
        ("addresses: [~]", "addresses[0]: must be an IPv4 or IPv6 address, not nothing"),
        ("addresses: [10.0.0.1, [10.0.0.2]]", "addresses[1]: must be an IPv4 or IPv6 address, not a list"),
        ("addresses: [10.0.0.1, 10.0.0.2, 10.0.0.1]", "addresses[2]: 10.0.0.1 is listed twice"),
        ("side: guest", "side: must be 'eni' or 'host', not 'guest'"),
        ("also_mirror: arp", "also_mirror: must be a list, not a text"),
        ("also_mirror: [arp, dchp]", "also_mirror[1]: must be 'arp', 'dhcp' or 'non-ip', not 'dchp'"),
        ("also_mirror: [[arp]]", "also_mirror[0]: must be 'arp', 'dhcp' or 'non-ip', not a list"),
        ("attached: yes", "attached: must be true or false, not 'yes'"),
        ("attached: ", "attached: must be true or false, not nothing"),
        ("status: up", "status: must be 'available' or 'unavailable', not 'up'"),
        ("type: natgw", "type: must be 'eni', 'bond' or 'nat_gateway', not 'natgw'"),
        ("instance: gone", "instance: must be 'present' or 'missing', not 'gone'"),
        ("instance_supports_mirroring: 1", "instance_supports_mirroring: must be true or false, not '1'"),
        ("business_type: other", "business_type: must be 'supported' or 'unsupported', not 'other'"),
        (
            "device: veth-web-too-long",
            "device: must be a device's name: 1-15 bytes without space, slash or colon, not "
            "'veth-web-too-long'",
        ),
        ("devise: eth0", "devise: unknown key (did you mean device?)"),
        ("colour: red", "colour: unknown key"),
        ("id: eni-a", "id: unknown key"),
    ],
)
def test_refused(keys: str, text: str) -> None:
    assert refused(keys) == text


def test_two_interfaces_may_have_one_address() -> None:
    """They may lie in different namespaces."""
    found = read("interfaces: {eni-a: {addresses: [10.0.0.1]}, eni-b: {addresses: [10.0.0.1]}}", "lab.yaml")
    assert found.interfaces["eni-a"].addresses == found.interfaces["eni-b"].addresses
