"""Mirrored packets as lines for people.

Owns what is said of a packet. Must not know where it was received. Reads what is there: an inner packet is
often cut.
"""

from typing import NamedTuple

from mirrorplane.wire import ethernet, ipv4, ipv6, transport, udp, vxlan

_NAMES = {transport.ICMP: "ICMP", transport.TCP: "TCP", transport.UDP: "UDP", transport.ICMPV6: "ICMPv6"}
_TCP_OFFSET_AT, _TCP_HEADER_LEN = 12, 20
_MAX_TEXT = 40


class Received(NamedTuple):
    """One mirrored packet as it was received."""

    vni: int
    outer_source: str
    inner: bytes


def unwrap(frame: bytes, port: int = vxlan.PORT) -> Received | None:
    """Return what a received frame carries, None if it is not VXLAN to *port*.

    Raises ValueError where it is cut.
    """
    kind = ethernet.parse(frame).type
    packet = frame[ethernet.HEADER_LEN :]
    if kind == ethernet.IPV4:
        outer, length = ipv4.parse(packet)
        protocol, source = outer.protocol, str(outer.source)
    elif kind == ethernet.IPV6:
        outer6 = ipv6.parse(packet)
        protocol, source, length = outer6.next_header, str(outer6.source), ipv6.HEADER_LEN
    else:
        return None
    if protocol != transport.UDP or udp.parse(packet[length:]).destination_port != port:
        return None
    tunnel = packet[length + udp.HEADER_LEN :]
    return Received(vxlan.parse(tunnel), source, tunnel[vxlan.HEADER_LEN :])


def describe(frame: bytes) -> str:
    """Return a line on an inner frame: addresses, ports, protocol, and the text that it begins with."""
    try:
        return _describe(frame)
    except ValueError as error:
        return f"{len(frame)} bytes: {error}"


def _describe(frame: bytes) -> str:
    kind = ethernet.parse(frame).type
    packet = frame[ethernet.HEADER_LEN :]
    if kind == ethernet.IPV4:
        header, length = ipv4.parse(packet)
        return _upper(str(header.source), str(header.destination), header.protocol, packet[length:])
    if kind == ethernet.IPV6:
        fixed = ipv6.parse(packet)
        return _upper(str(fixed.source), str(fixed.destination), fixed.next_header, packet[ipv6.HEADER_LEN :])
    return f"EtherType 0x{kind:04x}, {len(frame)} bytes"


def _upper(source: str, destination: str, protocol: int, data: bytes) -> str:
    name = _NAMES.get(protocol, f"protocol {protocol}")
    if protocol not in {transport.TCP, transport.UDP} or len(data) < transport.PORTS_LEN:
        return f"{source} > {destination} {name}"
    ports = (data[transport.SOURCE_PORT], data[transport.DESTINATION_PORT])
    one, other = (int.from_bytes(port, "big") for port in ports)
    start = udp.HEADER_LEN
    if protocol == transport.TCP:
        start = (data[_TCP_OFFSET_AT] >> 4) * 4 if len(data) >= _TCP_HEADER_LEN else len(data)
    return f"{source}.{one} > {destination}.{other} {name}{_text(data[start:])}"


def _text(payload: bytes) -> str:
    """Return the first line of *payload* if it is text."""
    line = payload.split(b"\r\n", 1)[0][:_MAX_TEXT]
    return f" {line.decode()!r}" if line.isascii() and line.decode().isprintable() and line else ""
