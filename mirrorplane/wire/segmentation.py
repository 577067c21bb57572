"""Super-packets: a stack's frame whose TCP or UDP payload is still to be cut into wire packets.

Owns making one wire packet of it as Linux's own segmentation does: net/ipv4/tcp_offload.c (tcp_gso_segment),
net/ipv4/udp_offload.c (__udp_gso_segment), net/ipv4/af_inet.c (inet_gso_segment), net/ipv6/ip6_offload.c
(ipv6_gso_segment); for TCP (RFC 9293, RFC 3168) and UDP (RFC 768). Must not know who sends it, or why.

Every header is copied, tags, options and extension headers too, but for:

* IPv4's length, its ID, one higher with each wire packet (RFC 6864 leaves it to the sender where DF is set),
  and its checksum; IPv6's length;
* TCP's sequence number; FIN and PSH, which only the last has; CWR, which only the first has; UDP's length;
* the transport checksum. Where it is unfinished, its field holds the pseudo-header's sum, in which only the
  length changes; else that sum is made from the addresses. UDP's is never zero, which would mean that there
  is none.

Sums change by adding the new word and the old one's complement (RFC 1624); none of them is zero, as a version
or a header length is in each, so there is one way only to write it.
"""

from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16, be32, copy, put_be16
from mirrorplane.wire import checksum, ipv4, ipv6, tcp, transport, udp

_ONES, _BYTE_BITS, _WORD_BITS = 0xFFFF, 8, 16
_VERSION_BITS, _IHL, _UNIT = 4, 0xF, 4
_OFFSET_AT = tcp.OFFSET_FLAGS.start
_SEQUENCE_BITS = 0xFFFF_FFFF
_ADDRESSES4, _ADDRESSES6 = ipv4.SOURCE.start, ipv6.SOURCE.start
_ADDRESSES4_LEN, _ADDRESSES6_LEN = ipv4.DESTINATION.stop - _ADDRESSES4, ipv6.DESTINATION.stop - _ADDRESSES6


class SuperPacket(NamedTuple):
    """A super-packet: `length` bytes at `at`, all of it there, its transport `protocol` TCP or UDP.

    `network` and `transport` count the bytes before these headers, `headers` those before the payload;
    `size` is a wire packet's payload in bytes. All are numbers that a kernel passes, not columns.
    """

    at: int
    length: int
    network: int
    transport: int
    headers: int
    protocol: int
    size: int
    is_unfinished: bool


@inline
def headers(data: U8, at: int, there: int, before: int, protocol: int) -> int:
    """Return the bytes before the payload, with a transport header behind the first *before* bytes.

    The frame is at *at*, of which *there* bytes are there: the headers may be longer. 0 where there is no
    such header, its length is cut off, or it is too short to be TCP's.
    """
    if before <= 0:
        return 0
    if protocol == transport.UDP:
        return before + udp.HEADER_LEN
    if protocol != transport.TCP or before + tcp.OFFSET_FLAGS.stop > there:
        return 0
    length = (int(data[at + before + _OFFSET_AT]) >> _VERSION_BITS) * _UNIT
    return before + length if length >= tcp.HEADER_LEN else 0


@inline
def count(payload: int, size: int) -> int:
    """Return how many wire packets *payload* bytes make, *size* (above 0) in each: at least one."""
    return max((payload + size - 1) // size, 1)


@inline
def is_jumbogram(data: U8, at: int) -> bool:
    """Return whether the IPv6 packet at *at* has its length in a hop-by-hop header (RFC 2675).

    Its fixed part must be there, and not lie.
    """
    no_length = be16(data, at + ipv6.PAYLOAD_LENGTH.start) == 0
    return no_length and data[at + ipv6.NEXT_HEADER.start] == ipv6.HOP_BY_HOP


@inline
def emit(target: U8, to: int, kept: int, data: U8, packet: SuperPacket, payload: int) -> None:
    """Write the first *kept* bytes of a wire packet into *target* at *to*, and nothing behind them.

    Its payload begins *payload* bytes into *packet*: its headers and a multiple of its size.
    """
    size = min(packet.size, packet.length - payload)
    copy(target, to, data, packet.at, min(kept, packet.headers))
    if kept > packet.headers:
        copy(target, to + packet.headers, data, packet.at + payload, kept - packet.headers)
    network, end = packet.at + packet.network, to + kept
    length = packet.headers + size - packet.network
    if int(data[network]) >> _VERSION_BITS == ipv4.VERSION:
        number = (payload - packet.headers) // packet.size
        _emit4(target, to + packet.network, end, data, network, length, number)
    else:
        _put(target, to + packet.network + ipv6.PAYLOAD_LENGTH.start, end, length - ipv6.HEADER_LEN)
    if packet.protocol == transport.TCP:
        _emit_tcp(target, to + packet.transport, end, data, packet, payload, size)
    else:
        _emit_udp(target, to + packet.transport, end, data, packet, payload, size)


@inline
def _emit4(target: U8, to: int, end: int, data: U8, at: int, length: int, number: int) -> None:
    """Patch the IPv4 header of wire packet *number*, of *length* bytes from it on."""
    whole, identifier = be16(data, at + ipv4.TOTAL_LENGTH.start), be16(data, at + ipv4.IDENTIFICATION.start)
    new = (identifier + number) & _ONES
    total = checksum.total_of(data, at, (int(data[at]) & _IHL) * _UNIT)
    total += _change(whole, length & _ONES) + _change(identifier, new)
    total += _change(be16(data, at + ipv4.CHECKSUM.start), 0)
    _put(target, to + ipv4.TOTAL_LENGTH.start, end, length)
    _put(target, to + ipv4.IDENTIFICATION.start, end, new)
    _put(target, to + ipv4.CHECKSUM.start, end, checksum.fold(total) ^ _ONES)


@inline
def _emit_tcp(target: U8, to: int, end: int, data: U8, packet: SuperPacket, payload: int, size: int) -> None:
    at = packet.at + packet.transport
    sequence, flags = be32(data, at + tcp.SEQUENCE.start), be16(data, at + _OFFSET_AT)
    new_sequence, new_flags = (sequence + payload - packet.headers) & _SEQUENCE_BITS, flags
    if payload > packet.headers:
        new_flags &= ~tcp.CWR
    if payload + size < packet.length:
        new_flags &= ~(tcp.FIN | tcp.PSH)
    _put(target, to + tcp.SEQUENCE.start, end, new_sequence >> _WORD_BITS)
    _put(target, to + tcp.SEQUENCE.start + 2, end, new_sequence)
    _put(target, to + _OFFSET_AT, end, new_flags)
    if to + tcp.CHECKSUM.start < end:
        total = _change(checksum.fold(sequence), checksum.fold(new_sequence)) + _change(flags, new_flags)
        total += _sum(data, packet, payload, size, tcp.CHECKSUM.start, packet.length - packet.transport)
        _put(target, to + tcp.CHECKSUM.start, end, checksum.fold(total) ^ _ONES)


@inline
def _emit_udp(target: U8, to: int, end: int, data: U8, packet: SuperPacket, payload: int, size: int) -> None:
    length = udp.HEADER_LEN + size
    before = be16(data, packet.at + packet.transport + udp.LENGTH.start)
    _put(target, to + udp.LENGTH.start, end, length)
    if to + udp.CHECKSUM.start < end:
        total = _change(before, length & _ONES)
        total += _sum(data, packet, payload, size, udp.CHECKSUM.start, before)
        value = checksum.fold(total) ^ _ONES
        _put(target, to + udp.CHECKSUM.start, end, value if value else _ONES)


@inline
def _sum(data: U8, packet: SuperPacket, payload: int, size: int, field: int, before: int) -> int:
    """Return the sum over the pseudo-header, the transport header as it was, and a wire packet's payload.

    The checksum is *field* bytes into that header; where it is unfinished, the length in its sum is *before*.
    """
    at, length = packet.at + packet.transport, packet.headers - packet.transport
    total = checksum.total_of(data, at, length) + checksum.total_of(data, packet.at + payload, size)
    if packet.is_unfinished:
        return total + _change(checksum.fold(before), length + size)
    network = packet.at + packet.network
    if int(data[network]) >> _VERSION_BITS == ipv4.VERSION:
        total += checksum.total_of(data, network + _ADDRESSES4, _ADDRESSES4_LEN)
    else:
        total += checksum.total_of(data, network + _ADDRESSES6, _ADDRESSES6_LEN)
    return total + packet.protocol + _change(be16(data, at + field), length + size)


@inline
def _change(before: int, after: int) -> int:
    """Return what turns a sum with the word *before* in it into one with *after*."""
    return (before ^ _ONES) + after


@inline
def _put(target: U8, at: int, end: int, value: int) -> None:
    """Write the low 16 bits of *value* at *at*, as far as that is before *end*."""
    if at + 1 < end:
        put_be16(target, at, value)
    elif at < end:
        target[at] = value >> _BYTE_BITS & 0xFF
