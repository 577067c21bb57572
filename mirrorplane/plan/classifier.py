"""All fields of the rules of one (source, direction, IP version).

Owns which field of a rule becomes which trie. Must not know sessions: it is given rules in the order of
their bits.

Protocol and destination port are looked up as one field of three bytes, and the source port only where some
rule names one: each field that a packet does not have to be looked up by is a vector less to be searched.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from mirrorplane.model import ANY_PORT, PortRange, Rule
from mirrorplane.plan.intervals import Range, cut, words
from mirrorplane.plan.tables import NONE
from mirrorplane.plan.tries import Tries
from mirrorplane.wire import transport

ADDRESS_BYTES = {4: 4, 6: 16}
PORT_BYTES, PORT_BITS = 2, 16
SERVICE_BYTES = 1 + PORT_BYTES
ANY_PROTOCOL, ANY_PORTS = Range(0, 0xFF), Range(0, 0xFFFF)
_NUMBERS: dict[str, dict[int, tuple[int, ...]]] = {
    "TCP": {4: (transport.TCP,), 6: (transport.TCP,)},
    "UDP": {4: (transport.UDP,), 6: (transport.UDP,)},
    "ICMP": {4: (transport.ICMP,), 6: (transport.ICMP, transport.ICMPV6)},
}
"""What a rule's protocol means, by the IP version of its CIDRs (DESIGN 3.2)."""


class Classifier(NamedTuple):
    """A row of `tables.CLASSIFIER`, without its decisions."""

    words: int
    summaries: int
    source_root: int
    destination_root: int
    service_root: int
    portless_root: int
    source_port_root: int


EMPTY = Classifier(0, 0, 0, 0, 0, 0, NONE)
"""No rules: nothing matches, nothing is looked up."""


def classifier(rules: Sequence[Rule], tries: Tries) -> Classifier:
    """Return the classifier of *rules*, all of one IP version, the nth of which is bit n; fill *tries*."""
    if not rules:
        return EMPTY

    def root(ranges_of: Callable[[Rule], list[Range]], n_bytes: int) -> int:
        return tries.root(cut([ranges_of(rule) for rule in rules]), n_bytes)

    width = ADDRESS_BYTES[rules[0].version]
    count = words(len(rules))
    names_source_ports = any(rule.source_port_range != ANY_PORT for rule in rules)
    return Classifier(
        words=count,
        summaries=words(count) if count > 1 else 0,
        source_root=root(lambda rule: [addresses(rule.source_cidr_block)], width),
        destination_root=root(lambda rule: [addresses(rule.destination_cidr_block)], width),
        service_root=root(_services, SERVICE_BYTES),
        portless_root=root(_portless, 1),
        source_port_root=root(lambda rule: [_ports(rule.source_port_range)], PORT_BYTES)
        if names_source_ports
        else NONE,
    )


def _services(rule: Rule) -> list[Range]:
    """Return the values of (protocol, destination port) that satisfy *rule*."""
    ports = _ports(rule.destination_port_range)
    if ports == ANY_PORTS:
        return [Range(low << PORT_BITS, high << PORT_BITS | ANY_PORTS.high) for low, high in protocols(rule)]
    numbers = (number for low, high in protocols(rule) for number in range(low, high + 1))
    return [Range(number << PORT_BITS | ports.low, number << PORT_BITS | ports.high) for number in numbers]


def _portless(rule: Rule) -> list[Range]:
    """Return the protocols of packets without ports that satisfy *rule*: none where it names a port."""
    names_none = rule.source_port_range == rule.destination_port_range == ANY_PORT
    return protocols(rule) if names_none else []


def addresses(network: IPv4Network | IPv6Network) -> Range:
    """Return the addresses of a network, as numbers."""
    return Range(int(network.network_address), int(network.broadcast_address))


def _ports(ports: PortRange) -> Range:
    return ANY_PORTS if ports == ANY_PORT else Range(ports.low, ports.high)


def protocols(rule: Rule) -> list[Range]:
    """Return the protocol numbers that a rule stands for: ICMP with IPv6 CIDRs for ICMPv6 too."""
    if rule.protocol == "ALL":
        return [ANY_PROTOCOL]
    return [Range(number, number) for number in _NUMBERS[rule.protocol][rule.version]]
