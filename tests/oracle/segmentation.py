"""What a super-packet is on the wire (DESIGN 3.6): "every wire segment [...] with its own headers".

Owns dividing a TCP (RFC 9293) or UDP (RFC 768) payload, and the checksums, computed from what a wire packet
says itself and never from the super-packet's. Must not know where super-packets come from.
"""

from struct import pack, pack_into, unpack_from
from typing import NamedTuple

from tests.oracle.envelope import internet_checksum

TCP, UDP = 6, 17
CHECKSUM = {TCP: 16, UDP: 6}
FIN_PSH, CWR = 0x09, 0x80


class SuperPacket(NamedTuple):
    """A frame; where its IP and its transport header begin; the payload bytes of a wire packet."""

    frame: bytes
    network: int
    transport: int
    protocol: int
    size: int


def header_length(packet: SuperPacket) -> int:
    """Return the bytes before the payload."""
    if packet.protocol == UDP:
        return packet.transport + 8
    return packet.transport + (packet.frame[packet.transport + 12] >> 4) * 4


def wire_packets(packet: SuperPacket) -> list[bytes]:
    """Return the frames, in their order; one where there is no payload."""
    headers = header_length(packet)
    payload = packet.frame[headers:]
    starts = range(0, max(len(payload), 1), packet.size)
    return [_wire_packet(packet, headers, payload, start) for start in starts]


def _wire_packet(packet: SuperPacket, headers: int, payload: bytes, start: int) -> bytes:
    part = payload[start : start + packet.size]
    header = bytearray(packet.frame[:headers])
    if packet.protocol == TCP:
        (sequence,) = unpack_from(">I", header, packet.transport + 4)
        pack_into(">I", header, packet.transport + 4, (sequence + start) % 2**32)
        if start + len(part) < len(payload):
            header[packet.transport + 13] &= 0xFF - FIN_PSH
        if start:
            header[packet.transport + 13] &= 0xFF - CWR
    else:
        pack_into(">H", header, packet.transport + 4, 8 + len(part))
    frame = bytes(header) + part
    if frame[packet.network] >> 4 == 4:
        frame = _with_ipv4(frame, packet.network, start // packet.size)
    else:
        at, length = packet.network + 4, len(frame) - packet.network - 40
        frame = frame[:at] + pack(">H", length) + frame[at + 2 :]
    return finished(frame, packet.network, packet.transport, packet.protocol)


def _with_ipv4(frame: bytes, at: int, number: int) -> bytes:
    changed, end = bytearray(frame), at + (frame[at] & 15) * 4
    (identifier,) = unpack_from(">H", frame, at + 4)
    pack_into(">HH", changed, at + 2, len(frame) - at, (identifier + number) % 2**16)
    pack_into(">H", changed, at + 10, 0)
    pack_into(">H", changed, at + 10, internet_checksum(bytes(changed[at:end])))
    return bytes(changed)


def pseudo_header(frame: bytes, network: int, transport: int, protocol: int) -> bytes:
    """Return the pseudo-header of the segment that begins at *transport* (RFC 9293, RFC 8200)."""
    length = len(frame) - transport
    if frame[network] >> 4 == 4:
        return frame[network + 12 : network + 20] + pack(">IHH", 0, protocol, length)
    return frame[network + 8 : network + 40] + pack(">II", length, protocol)


def with_checksum(frame: bytes, transport: int, protocol: int, value: int) -> bytes:
    """Return *frame* with *value* as the checksum of the transport header."""
    at = transport + CHECKSUM[protocol]
    return frame[:at] + pack(">H", value) + frame[at + 2 :]


def unfinished(frame: bytes, network: int, transport: int, protocol: int) -> bytes:
    """Return *frame* as a stack hands it to a card: its checksum field has the pseudo-header's sum."""
    value = 0xFFFF - internet_checksum(pseudo_header(frame, network, transport, protocol))
    return with_checksum(frame, transport, protocol, value)


def finished(frame: bytes, network: int, transport: int, protocol: int) -> bytes:
    """Return *frame* with its checksum, which over UDP is not zero."""
    frame = with_checksum(frame, transport, protocol, 0)
    value = internet_checksum(pseudo_header(frame, network, transport, protocol) + frame[transport:])
    return with_checksum(frame, transport, protocol, value or (0xFFFF if protocol == UDP else 0))
