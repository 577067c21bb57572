"""All fields of the rules of one (source, direction, IP version).

Owns which field of a rule becomes which trie. Must not know sessions: it is given rules in the order of
their bits.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrorplane.model import ANY_PORT, PortRange, Rule
from mirrorplane.plan.intervals import Range, cut, pack, summarise, words
from mirrorplane.plan.tries import Tries
from mirrorplane.wire import transport

ADDRESS_BYTES = {4: 4, 6: 16}
PORT_BYTES = 2
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
    source_port_root: int
    destination_port_root: int
    protocol_root: int
    source_port_absent: int
    destination_port_absent: int


EMPTY = Classifier(0, 0, 0, 0, 0, 0, 0, 0, 0)
"""No rules: nothing matches, nothing is looked up."""


def classifier(rules: Sequence[Rule], tries: Tries) -> Classifier:
    """Return the classifier of *rules*, all of one IP version, the nth of which is bit n.

    Keep its tables in *tries*.
    """
    if not rules:
        return EMPTY
    version = rules[0].version

    def root(of: Callable[[Rule], list[Range]], n_bytes: int) -> int:
        return tries.root(cut([of(rule) for rule in rules]), n_bytes)

    def absent(of: Callable[[Rule], PortRange]) -> int:
        return tries.vector(_bits([of(rule) == ANY_PORT for rule in rules]))

    count = words(len(rules))
    return Classifier(
        words=count,
        summaries=summarise(np.zeros((1, count), np.uint64)).shape[1] - count,
        source_root=root(lambda rule: _addresses(rule.source_cidr_block), ADDRESS_BYTES[version]),
        destination_root=root(lambda rule: _addresses(rule.destination_cidr_block), ADDRESS_BYTES[version]),
        source_port_root=root(lambda rule: _ports(rule.source_port_range), PORT_BYTES),
        destination_port_root=root(lambda rule: _ports(rule.destination_port_range), PORT_BYTES),
        protocol_root=root(lambda rule: _protocols(rule.protocol, version), 1),
        source_port_absent=absent(lambda rule: rule.source_port_range),
        destination_port_absent=absent(lambda rule: rule.destination_port_range),
    )


def _bits(holds: Sequence[bool]) -> NDArray[np.uint64]:
    row = np.zeros((1, words(len(holds)) * 64), np.uint8)
    row[0, : len(holds)] = holds
    return pack(row).reshape(-1)


def _addresses(network: IPv4Network | IPv6Network) -> list[Range]:
    return [Range(int(network.network_address), int(network.broadcast_address))]


def _ports(ports: PortRange) -> list[Range]:
    return [ANY_PORTS if ports == ANY_PORT else Range(ports.low, ports.high)]


def _protocols(name: str, version: int) -> list[Range]:
    if name == "ALL":
        return [ANY_PROTOCOL]
    return [Range(number, number) for number in _NUMBERS[name][version]]
