"""Single values, at both sides of every bound."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any

import pytest
from pydantic import PlainValidator, TypeAdapter, ValidationError

from mirrorplane.model.scalars import (
    ANY_PORT,
    PortRange,
    address,
    device,
    distinct,
    flag,
    identifier,
    mac,
    namespace,
    network,
    port_range,
    some,
    whole,
)

IDS = TypeAdapter(Annotated[str, identifier("eni-", "lb-")])
NUMBERS = TypeAdapter(Annotated[int, whole(64, 8500)])
FLAGS = TypeAdapter(Annotated[bool, PlainValidator(flag)])


@pytest.mark.parametrize("text", ["eni-a", "lb-1", "eni--", "eni-Ab-9", "eni-" + 60 * "x"])
def test_ids(text: str) -> None:
    assert IDS.validate_python(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "eni-",
        "lb",
        "web",
        "ENI-a",
        "eni-a.b",
        "eni-a_b",
        "eni-a b",
        "eni-é",
        "eni-a\n",
        "tmf-a",
        7,
        None,
        "eni-" + 61 * "x",
    ],
)
def test_refused_ids(value: object) -> None:
    with pytest.raises(ValidationError, match="must be eni- or lb- and then 1-60 letters, digits or hyphens"):
        IDS.validate_python(value)


@pytest.mark.parametrize(("value", "number"), [("64", 64), ("8500", 8500), (64, 64), (8500, 8500)])
def test_numbers(value: object, number: int) -> None:
    assert NUMBERS.validate_python(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "63",
        "8501",
        63,
        8501,
        "1_000",
        "100.0",
        "1e2",
        "0x64",
        "0100",
        "+100",
        "-100",
        " 100",
        "100 ",
        "",
        "\u0667\u0667\u0667",
        "100\n",
        9 * "9",
        400 * "9",
        True,
        100.0,
        None,
        [],
        "one",
    ],
)
def test_refused_numbers(value: object) -> None:
    with pytest.raises(ValidationError, match="must be a whole number from 64 to 8500, not "):
        NUMBERS.validate_python(value)


@pytest.mark.parametrize("value", ["true", "True", "TRUE", True])
def test_true(value: object) -> None:
    assert FLAGS.validate_python(value) is True


@pytest.mark.parametrize("value", ["false", "False", "FALSE", False])
def test_false(value: object) -> None:
    assert FLAGS.validate_python(value) is False


@pytest.mark.parametrize("value", ["yes", "no", "on", "off", "1", "0", 1, 0, "tRUE", "", None, [], {}])
def test_refused_flags(value: object) -> None:
    with pytest.raises(ValidationError, match="must be true or false, not "):
        FLAGS.validate_python(value)


@pytest.mark.parametrize("value", ["02:00:00:00:00:0a", "02-00-00-00-00-0A", b"\x02\0\0\0\0\x0a"])
def test_macs(value: object) -> None:
    assert mac(value) == bytes([2, 0, 0, 0, 0, 10])


@pytest.mark.parametrize(
    "value",
    [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:01:02",
        "02:00:00:00:00:0g",
        "2:0:0:0:0:1",
        "020000000001",
        "02:00:00:00:00:01 ",
        2 << 40,
        b"",
        b"\x02\0\0\0\0",
        None,
    ],
)
def test_refused_macs(value: object) -> None:
    with pytest.raises(ValueError, match="must be a MAC address such as"):
        mac(value)


@pytest.mark.parametrize(
    "value", ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", b"\x01\0\0\0\0\0"]
)
def test_multicast_macs(value: object) -> None:
    with pytest.raises(ValueError, match="is a multicast MAC address"):
        mac(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("10.0.0.1", IPv4Address("10.0.0.1")),
        ("127.0.0.1", IPv4Address("127.0.0.1")),
        ("169.254.0.1", IPv4Address("169.254.0.1")),
        ("fd00::1", IPv6Address("fd00::1")),
        ("fe80::1", IPv6Address("fe80::1")),
        (IPv4Address("10.0.0.1"), IPv4Address("10.0.0.1")),
    ],
)
def test_addresses(value: object, found: object) -> None:
    assert address(value) == found


@pytest.mark.parametrize(
    "value", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1/24", "fe80::1%eth0", "::g", "web", 1, None]
)
def test_refused_addresses(value: object) -> None:
    with pytest.raises(ValueError, match="must be an IPv4 or IPv6 address, not"):
        address(value)


@pytest.mark.parametrize("value", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"])  # noqa: S104
def test_addresses_that_no_interface_has(value: str) -> None:
    with pytest.raises(ValueError, match="is no address that an interface can have"):
        address(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("10.0.0.1/32", IPv4Network("10.0.0.1/32")),
        ("::/0", IPv6Network("::/0")),
        ("2001:db8::/32", IPv6Network("2001:db8::/32")),
        ("2001:DB8::1/128", IPv6Network("2001:db8::1/128")),
        (IPv4Network("10.0.0.0/8"), IPv4Network("10.0.0.0/8")),
    ],
)
def test_networks(value: object, found: object) -> None:
    assert network(value) == found


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?"),
        ("10.0.0.3/31", "10.0.0.3/31 has host bits set: did you mean 10.0.0.2/31?"),
        ("1.2.3.4/0", "1.2.3.4/0 has host bits set: did you mean 0.0.0.0/0?"),
        ("2001:db8::1/32", "2001:db8::1/32 has host bits set: did you mean 2001:db8::/32?"),
        ("10.0.0.1", "10.0.0.1 has no prefix length: did you mean 10.0.0.1/32?"),
        ("fd00::1", "fd00::1 has no prefix length: did you mean fd00::1/128?"),
    ],
)
def test_networks_that_were_meant(value: str, meant: str) -> None:
    with pytest.raises(ValueError, match="did you mean") as refused:
        network(value)
    assert str(refused.value) == meant


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/0.255.255.255",
        "10/8",
        "10.0.0.0/8/8",
        "::/129",
        "fe80::%eth0/64",
        "10.0.0.0/ 8",
        "any",
        8,
        None,
    ],
)
def test_refused_networks(value: object) -> None:
    with pytest.raises(ValueError, match="must be a CIDR such as"):
        network(value)


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("-1/-1", ANY_PORT),
        ("0/0", (0, 0)),
        ("0/65535", (0, 65535)),
        ("80/80", (80, 80)),
        ("80/81", (80, 81)),
        (ANY_PORT, ANY_PORT),
        (PortRange(1, 2), (1, 2)),
    ],
)
def test_port_ranges(value: object, ports: tuple[int, int]) -> None:
    assert port_range(value) == ports
    assert isinstance(port_range(value), PortRange)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "80",
        "80/",
        "/80",
        "80-81",
        "80/81/82",
        "-1/80",
        "80/-1",
        "-1",
        "-2/-2",
        "0/65536",
        "65536/65536",
        "0/99999",
        "1.0/2",
        " 80/80",
        "http/http",
        "0/100000",
        PortRange(-1, 0),
        PortRange(0, 65536),
        80,
        (80,),
        None,
    ],
)
def test_refused_port_ranges(value: object) -> None:
    with pytest.raises(ValueError, match="must be a port range low/high of 0-65535"):
        port_range(value)


@pytest.mark.parametrize("value", ["81/80", "65535/0", PortRange(81, 80)])
def test_port_ranges_the_wrong_way_round(value: object) -> None:
    with pytest.raises(ValueError, match="begins above its end: did you mean"):
        port_range(value)


@pytest.mark.parametrize("value", ["eth0", "veth-web", "a", "x" * 15, "enp0s31f6", "eth0.100", "br_lan", "…"])
def test_devices(value: str) -> None:
    assert device(value) == value


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a b", "a/b", "a:b", "a\tb", "a\0", "x" * 16, "é" * 8, None, 3]
)
def test_refused_devices(value: object) -> None:
    with pytest.raises(ValueError, match="must be a device's name"):
        device(value)


@pytest.mark.parametrize("value", ["web", "web 2", "/proc/123/ns/net", "/run/netns/web"])
def test_namespaces(value: str) -> None:
    assert namespace(value) == value


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "../web", "a\0", "x" * 4096, None, 3])
def test_refused_namespaces(value: object) -> None:
    with pytest.raises(ValueError, match="must be a network namespace's name or absolute path"):
        namespace(value)


def test_distinct_names_every_repetition() -> None:
    assert distinct(("a", "b")) == ("a", "b")
    assert distinct(()) == ()
    with pytest.raises(ValidationError) as refused:
        distinct(("a", "b", "a", "c", "b", "a"))
    found: list[Any] = [(error["loc"], error["msg"]) for error in refused.value.errors()]
    assert found == [((2,), "a is listed twice"), ((4,), "b is listed twice"), ((5,), "a is listed twice")]


def test_some_needs_one() -> None:
    assert some(("a",)) == ("a",)
    with pytest.raises(ValueError, match="must not be empty"):
        some(())
