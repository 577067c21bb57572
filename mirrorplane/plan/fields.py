"""A rule's fields, as ranges of the values that satisfy them.

Owns what a rule's words stand for (DESIGN 3.2). Must not know how a field is looked up.
"""

from ipaddress import IPv4Network, IPv6Network

from mirrorplane.model import ANY_PORT, PortRange, Rule
from mirrorplane.plan.intervals import Range
from mirrorplane.wire import transport

ADDRESS_BYTES = {4: 4, 6: 16}
ANY_PROTOCOL, ANY_PORTS = Range(0, 0xFF), Range(0, 0xFFFF)
_NUMBERS: dict[str, dict[int, tuple[int, ...]]] = {
    "TCP": {4: (transport.TCP,), 6: (transport.TCP,)},
    "UDP": {4: (transport.UDP,), 6: (transport.UDP,)},
    "ICMP": {4: (transport.ICMP,), 6: (transport.ICMP, transport.ICMPV6)},
}
"""What a rule's protocol means, by the IP version of its CIDRs (DESIGN 3.2)."""


def addresses(network: IPv4Network | IPv6Network) -> Range:
    """Return the addresses of a network, as numbers."""
    return Range(int(network.network_address), int(network.broadcast_address))


def port_numbers(ports: PortRange) -> Range:
    """Return the port numbers that a range stands for."""
    return ANY_PORTS if ports == ANY_PORT else Range(ports.low, ports.high)


def protocols(rule: Rule) -> list[Range]:
    """Return the protocol numbers that a rule stands for: ICMP with IPv6 CIDRs for ICMPv6 too."""
    if rule.protocol == "ALL":
        return [ANY_PROTOCOL]
    return [Range(number, number) for number in _NUMBERS[rule.protocol][rule.version]]
