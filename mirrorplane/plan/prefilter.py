"""What of a source's packets its sessions can mirror at all: a superset, small enough to be asked of each.

Owns how many rules become a few boxes. Must not know who tests a packet against them, or how.

Rules that drop are left out, and so is the order of rules: what no box holds is not mirrored, what one holds
may be. Where there are too many boxes, neighbours become one that holds both, first those that lose least.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise
from math import inf, prod
from typing import NamedTuple

from mirrorplane.batch import EGRESS, INGRESS
from mirrorplane.model import ANY_PORT, Configuration, Filter, PortRange, Rule
from mirrorplane.plan.fields import ADDRESS_BYTES, ANY_PROTOCOL, addresses, protocols
from mirrorplane.plan.intervals import Range
from mirrorplane.wire import dhcp, ipv4, ipv6, transport

BOXES = 32
"""Boxes a direction: as many as there are rules where a cloud's quotas are kept to (3 sessions, 10 rules)."""

ANY_PORTS = Range(transport.NO_PORT, 0xFFFF)
"""Every port, and packets that show none; 0-65535 are those that show one."""

_COMPARED = 16
_BYTE_BITS = 8


class Box(NamedTuple):
    """Packets of one IP version whose fields lie within these ranges; those of addresses are networks."""

    version: int
    protocol: Range
    source: Range
    destination: Range
    source_ports: Range
    destination_ports: Range

    def holds(self, other: "Box") -> bool:
        """Return whether every packet of *other* is one of this box."""
        if self.version != other.version:
            return False
        return all(
            low <= first and last <= high
            for (low, high), (first, last) in zip(self[1:], other[1:], strict=True)
        )


class Wanted(NamedTuple):
    """What may be mirrored of what a device receives and of what it sends, and beside IP."""

    received: tuple[Box, ...]
    sent: tuple[Box, ...]
    arp: bool
    non_ip: bool


@cache
def everything(version: int) -> Box:
    """Return the box of all packets of an IP *version*."""
    anywhere = Range(0, (1 << ADDRESS_BYTES[version] * _BYTE_BITS) - 1)
    return Box(version, ANY_PROTOCOL, anywhere, anywhere, ANY_PORTS, ANY_PORTS)


def wanted(configuration: Configuration, source: str, *, turned: bool, boxes: int = BOXES) -> Wanted:
    """Return what the enabled sessions of *source* may mirror, in at most *boxes* (2 or more) a direction.

    *turned* says that its device is a host end: what it receives, the ENI sent (DESIGN 3.1).
    """
    sessions = (session for session in configuration.sessions.values() if source in session.sources)
    filters = [configuration.filters[session.filter] for session in sessions if session.enabled]
    also = configuration.interfaces[source].also_mirror if filters else frozenset()
    messages = _dhcp() if "dhcp" in also else ()
    ingress, egress = (
        _few((*_accepted(filters, direction), *messages), boxes) for direction in (INGRESS, EGRESS)
    )
    received, sent = (egress, ingress) if turned else (ingress, egress)
    return Wanted(received, sent, arp="arp" in also, non_ip="non-ip" in also)


def _accepted(filters: Iterable[Filter], direction: int) -> Iterable[Box]:
    for chosen in filters:
        for rule in chosen.ingress if direction == INGRESS else chosen.egress:
            if rule.action == "accept":
                yield from _boxes(rule)


def _boxes(rule: Rule) -> Iterable[Box]:
    for numbers in protocols(rule):
        yield Box(
            rule.version,
            numbers,
            addresses(rule.source_cidr_block),
            addresses(rule.destination_cidr_block),
            _ports(rule.source_port_range),
            _ports(rule.destination_port_range),
        )


def _ports(ports: PortRange) -> Range:
    return ANY_PORTS if ports == ANY_PORT else Range(ports.low, ports.high)


def _dhcp() -> tuple[Box, ...]:
    udp = Range(transport.UDP, transport.UDP)
    return tuple(
        everything(version)._replace(protocol=udp, source_ports=ports, destination_ports=ports)
        for version, ports in ((ipv4.VERSION, Range(*dhcp.PORTS4)), (ipv6.VERSION, Range(*dhcp.PORTS6)))
    )


@lru_cache(maxsize=16)  # many sources may have the same rules
def _few(boxes: tuple[Box, ...], most: int) -> tuple[Box, ...]:
    """Return at most *most* boxes that hold what *boxes* hold, in order."""
    left = sorted(_outermost(boxes))
    losses = [_loss(*pair) for pair in pairwise(left)]
    while len(left) > most:
        at = losses.index(min(losses))
        left[at : at + 2] = [_around(left[at], left[at + 1])]
        before = max(at - 1, 0)
        losses[before : at + 2] = [_loss(*pair) for pair in pairwise(left[before : at + 2])]
    return tuple(sorted(_outermost(left)))


def _outermost(boxes: Iterable[Box]) -> list[Box]:
    """Return *boxes*, the widest first, without those that one of the widest holds.

    The rest are not compared: a filter may have thousands of rules, of which none holds another.
    """
    kept: list[Box] = []
    for box in sorted(set(boxes), key=lambda box: (-_size(box), box)):
        if not any(wider.holds(box) for wider in kept[:_COMPARED]):
            kept.append(box)
    return kept


def _around(one: Box, other: Box) -> Box:
    """Return the smallest box that holds both, which are of one IP version."""
    return Box(
        one.version,
        _span(one.protocol, other.protocol),
        _network(one.source, other.source),
        _network(one.destination, other.destination),
        _span(one.source_ports, other.source_ports),
        _span(one.destination_ports, other.destination_ports),
    )


def _span(one: Range, other: Range) -> Range:
    return Range(min(one.low, other.low), max(one.high, other.high))


def _network(one: Range, other: Range) -> Range:
    low, high = _span(one, other)
    host = (1 << (low ^ high).bit_length()) - 1
    return Range(low & ~host, high | host)


def _loss(one: Box, other: Box) -> float:
    """Return how many more packets the box around both holds than they do, each packet counted alike."""
    if one.version != other.version:
        return inf
    return _size(_around(one, other)) - _size(one) - _size(other)


def _size(box: Box) -> float:
    """Return how many packets a box holds; an address stands for a share of its version's 2**32 or 2**128."""
    every = everything(box.version)
    return prod(
        (high - low + 1) / (last - first + 1)
        for (low, high), (first, last) in zip(box[1:], every[1:], strict=True)
    )
