"""The outer header of each (source, session, backend): everything that does not differ from packet to packet.

Owns the bytes of a template and what is patched into it. Must not know who patches, or whether the target
can be reached.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import numpy as np

from mirrorplane.counters import Reason
from mirrorplane.plan.tables import HEADER_STRIDE, TEMPLATE, Templates
from mirrorplane.wire import checksum, ethernet, ipv4, ipv6, transport, udp, vxlan
from mirrorplane.wire.ethernet import Ethernet
from mirrorplane.wire.ipv4 import IPv4
from mirrorplane.wire.ipv6 import IPv6
from mirrorplane.wire.udp import UDP

Address = IPv4Address | IPv6Address

UNDERLAY = {4: ipv4.HEADER_LEN, 6: ipv6.HEADER_LEN}
"""Bytes of the outer IP header."""


class Outer(NamedTuple):
    """What the outer header of a template says, and how much may follow it.

    `mtu` is the target's limit at IP level (DESIGN 3.3); `source` and `destination` are of one family.
    """

    source_mac: bytes
    destination_mac: bytes
    source: Address
    destination: Address
    port: int
    vni: int
    mtu: int
    packet_length: int
    session: int


def empty(rows: int) -> Templates:
    """Return zeroed templates, to be filled."""
    return Templates(np.zeros(rows * HEADER_STRIDE, np.uint8), np.zeros(rows, TEMPLATE))


def fill(templates: Templates, row: int, outer: Outer, reason: Reason = Reason.MIRRORED) -> None:
    """Write the template of *row*; its packets count as *reason* unless that is MIRRORED."""
    header = emit(outer)
    at = row * HEADER_STRIDE
    templates.header[at : at + len(header)] = np.frombuffer(header, np.uint8)
    record = templates.rows[row]
    record["length"] = len(header)
    record["checksum"] = _constant_sum(outer, header)
    room = outer.mtu - UNDERLAY[outer.destination.version] - udp.HEADER_LEN - vxlan.HEADER_LEN
    record["room"] = max(room, 0)  # whatever a route says, lengths are not negative
    record["packet_length"] = outer.packet_length
    record["session"] = outer.session
    record["reason"] = reason


def emit(outer: Outer) -> bytes:
    """Return the outer header, its lengths, checksums and source port zero: 50 bytes, 70 with IPv6."""
    parts: Sequence[bytes] = (
        _ethernet(outer),
        _without_checksum(outer),
        udp.emit(UDP(0, outer.port, 0)),
        vxlan.emit(outer.vni),
    )
    return b"".join(parts)


def _ethernet(outer: Outer) -> bytes:
    kind = {4: ethernet.IPV4, 6: ethernet.IPV6}[outer.destination.version]
    return ethernet.emit(Ethernet(outer.destination_mac, outer.source_mac, kind))


def _without_checksum(outer: Outer) -> bytes:
    if isinstance(outer.source, IPv4Address) and isinstance(outer.destination, IPv4Address):
        header = bytearray(ipv4.emit(IPv4(outer.source, outer.destination, transport.UDP, 0)))
        header[ipv4.CHECKSUM] = bytes(2)
        return bytes(header)
    if isinstance(outer.source, IPv6Address) and isinstance(outer.destination, IPv6Address):
        return ipv6.emit(IPv6(outer.source, outer.destination, transport.UDP, 0))
    raise ValueError(f"{outer.source} and {outer.destination} are not of one family")


def _constant_sum(outer: Outer, header: bytes) -> int:
    """Return what the template adds to the checksum that is computed for each packet.

    Over IPv4 that is the IP header's (RFC 791), UDP's being zero; over IPv6 UDP's (RFC 8200, section 8.1).
    """
    network = header[ethernet.HEADER_LEN :]
    if outer.destination.version == ipv4.VERSION:
        return checksum.total(network[: ipv4.HEADER_LEN])
    addresses = network[ipv6.SOURCE.start : ipv6.DESTINATION.stop]
    return checksum.total(addresses) + transport.UDP + checksum.total(network[ipv6.HEADER_LEN :])
