"""Single values: what a user may write for each, and what it becomes.

Owns ids, numbers, flags, MAC and IP addresses, networks, port ranges and names of the host. Must not know
which key holds them. Each type takes the text of a document or, from Python, the value itself. Texts are
read strictly: "1_000", "010", "1.0" and "yes" are refused rather than guessed at.
"""

from collections.abc import Hashable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from re import Pattern
from re import compile as pattern
from typing import NamedTuple, TypeGuard, TypeVar

from pydantic import PlainValidator

from mirrorplane.model.faults import Problem, refuse, shown

MAX_ID = 64
"""Characters of an id. The clouds' own have 24 or 25; other lengths are nobody's business, but bounded."""

MAX_PORT = 65535

_NUMBER = pattern(r"0|[1-9][0-9]{0,9}")
_MAC = pattern(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_CIDR = pattern(r"[0-9A-Fa-f.:]+/[0-9]{1,3}")
_PORTS = pattern(r"([0-9]{1,5})/([0-9]{1,5})")
_DEVICE = pattern(r"[^\s/:\0]+")
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAC_LENGTH = 6
_MULTICAST = 1  # the bit of a MAC address's first byte that stands for a group (IEEE 802-2014, 8.2.2)
_DEVICE_LENGTH = 15  # IFNAMSIZ of include/uapi/linux/if.h less the terminating zero
_PATH_LENGTH = 4095  # PATH_MAX of include/uapi/linux/limits.h less the terminating zero

Value = TypeVar("Value", bound=Hashable)


class PortRange(NamedTuple):
    """The ports from `low` to `high`, both included."""

    low: int
    high: int


ANY_PORT = PortRange(-1, -1)
"""Every port, and packets that show none."""


def identifier(*prefixes: str) -> PlainValidator:
    """Return the validator of ids that begin with one of *prefixes*, such as "eni-"."""
    room = MAX_ID - max(map(len, prefixes))
    wanted = pattern(rf"(?:{'|'.join(prefixes)})[A-Za-z0-9-]{{1,{room}}}")
    expected = f"{' or '.join(prefixes)} and then 1-{room} letters, digits or hyphens"

    def validate(value: object) -> str:
        if isinstance(value, str) and wanted.fullmatch(value):
            return value
        raise _unlike(expected, value)

    return PlainValidator(validate)


def whole(low: int, high: int) -> PlainValidator:
    """Return the validator of whole numbers from *low* to *high*, in digits without a leading zero."""

    def validate(value: object) -> int:
        number = int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
        if type(number) is int and low <= number <= high:
            return number
        raise _unlike(f"a whole number from {low} to {high}", value)

    return PlainValidator(validate)


def distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return *values*; refuse each that was there before."""
    if len(set(values)) < len(values):
        first = {value: at for at, value in reversed(list(enumerate(values)))}
        refuse(
            Problem((at,), f"{value} is listed twice")
            for at, value in enumerate(values)
            if at != first[value]
        )
    return values


def some(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return *values*; refuse them if there are none, or one twice."""
    if not values:
        raise ValueError("must not be empty")
    return distinct(values)


def flag(value: object) -> bool:
    """Return the truth value that YAML's core schema reads: true or false; not yes, on or 1."""
    truth = _FLAGS.get(value) if isinstance(value, str) else value
    if isinstance(truth, bool):
        return truth
    raise _unlike("true or false", value)


def mac(value: object) -> bytes:
    """Return the six bytes of an interface's MAC address, which is no group address."""
    octets = bytes.fromhex(value.replace(":", "").replace("-", "")) if _matches(value, _MAC) else value
    if not isinstance(octets, bytes) or len(octets) != _MAC_LENGTH:
        raise _unlike("a MAC address such as 02:00:00:00:00:01", value)
    if octets[0] & _MULTICAST:
        raise ValueError(f"{shown(value)} is a multicast MAC address: no interface has one")
    return octets


def address(value: object) -> IPv4Address | IPv6Address:
    """Return the unicast IP address that an interface has."""
    found = _address(value) if isinstance(value, str) else value
    if not isinstance(found, IPv4Address | IPv6Address):
        raise _unlike("an IPv4 or IPv6 address", value)
    if found.is_multicast or found.is_unspecified or found == IPv4Address("255.255.255.255"):
        raise ValueError(f"{found} is no address that an interface can have")
    return found


def network(value: object) -> IPv4Network | IPv6Network:
    """Return the network of a CIDR; refuse one with host bits, naming the network that was probably meant."""
    found = _network(value) if isinstance(value, str) else value
    if isinstance(found, IPv4Network | IPv6Network):
        return found
    raise _unlike("a CIDR such as 10.0.0.0/8 or 2001:db8::/32", value)


def port_range(value: object) -> PortRange:
    """Return the ports of `low/high`, or ANY_PORT for -1/-1."""
    found = _port_range(value) if isinstance(value, str) else value
    if found == ANY_PORT:
        return ANY_PORT
    if not isinstance(found, PortRange) or not 0 <= found.low <= MAX_PORT or not 0 <= found.high <= MAX_PORT:
        raise _unlike(f"a port range low/high of 0-{MAX_PORT}, such as 80/80, or -1/-1 for any", value)
    if found.low > found.high:
        raise ValueError(f"begins above its end: did you mean {found.high}/{found.low}?")
    return found


def device(value: object) -> str:
    """Return the name of a network device, as the kernel takes it (dev_valid_name of net/core/dev.c)."""
    named = _matches(value, _DEVICE) and value not in {".", ".."}
    if named and len(str(value).encode(errors="replace")) <= _DEVICE_LENGTH:
        return str(value)
    raise _unlike(f"a device's name: 1-{_DEVICE_LENGTH} bytes without space, slash or colon", value)


def namespace(value: object) -> str:
    """Return a network namespace's name, or its absolute path (a container's: /proc/PID/ns/net)."""
    if isinstance(value, str) and 0 < len(value) <= _PATH_LENGTH and "\0" not in value:
        named = "/" not in value and value not in {".", ".."}
        if named or value.startswith("/"):
            return value
    raise _unlike("a network namespace's name or absolute path", value)


def _matches(value: object, wanted: Pattern[str]) -> TypeGuard[str]:
    return isinstance(value, str) and wanted.fullmatch(value) is not None


def _unlike(expected: str, value: object) -> ValueError:
    return ValueError(f"must be {expected}, not {shown(value)}")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)  # a zone is a matter of one host's links
    except ValueError:
        return None


@lru_cache(maxsize=16384)  # rules name the same few networks again and again
def _network(text: str) -> IPv4Network | IPv6Network | None:
    if not _CIDR.fullmatch(text):
        host = _address(text)
        if host is None:
            return None
        raise ValueError(f"{text} has no prefix length: did you mean {ip_network(host)}?")
    try:
        return ip_network(text)
    except ValueError:
        meant = _network_around(text)
    if meant is None:
        return None
    raise ValueError(f"{text} has host bits set: did you mean {meant}?")


def _network_around(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=16384)
def _port_range(text: str) -> PortRange | None:
    if text == "-1/-1":
        return ANY_PORT
    ports = _PORTS.fullmatch(text)
    return PortRange(int(ports[1]), int(ports[2])) if ports else None
