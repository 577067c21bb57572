"""What a sensor gets: copies, checksums, streams.

Read by the letter of the formats, with nothing of the pipeline's.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from struct import Struct, pack, unpack_from
from typing import NamedTuple

ETHERNET, VXLAN = 14, 16
"""Bytes: of Ethernet, and of UDP and VXLAN together."""

TYPE_IPV4, TYPE_IPV6, TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8)
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
VXLAN_PORT = 4789
IPV4_ADDRESSES = 8
"""Bytes of two; their pseudo-header's sum is that of the same fields, however wide (RFC 1071)."""

FIN, SYN = 1, 2
SEQUENCE = 1 << 32
TCP_START = Struct("!HHIIBB")


class Copy(NamedTuple):
    """A mirrored packet: its session's VNI, the outer UDP source port, and the inner frame."""

    vni: int
    port: int
    frame: bytes


class Segment(NamedTuple):
    """A TCP segment as its headers tell it; `size` is its payload's before it was cut."""

    source_port: int
    destination_port: int
    sequence: int
    flags: int
    size: int
    payload: bytes

    @property
    def ports(self) -> set[int]:
        """Both ports: the same for both directions of a connection."""
        return {self.source_port, self.destination_port}


def copies(frames: Iterable[bytes]) -> list[Copy]:
    """Return the VXLAN packets among *frames*, in order."""
    found = (_copy(frame) for frame in frames)
    return [copy for copy in found if copy is not None]


def _copy(frame: bytes) -> Copy | None:
    at = layer3(frame)
    if protocol(frame) != UDP or unpack_from("!H", frame, at + header_length(frame) + 2)[0] != VXLAN_PORT:
        return None
    at += header_length(frame)
    flags, vni = frame[at + 8], unpack_from("!I", frame, at + 12)[0]
    assert (flags, vni & 0xFF) == (0x08, 0)
    return Copy(vni >> 8, unpack_from("!H", frame, at)[0], frame[at + VXLAN :])


def layer3(frame: bytes) -> int:
    """Return where the packet begins, behind any VLAN tags."""
    at = ETHERNET
    while unpack_from("!H", frame, at - 2)[0] in TAGS:
        at += 4
    return at


def is_ipv4(frame: bytes) -> bool:
    """Return whether it carries IPv4."""
    return bool(unpack_from("!H", frame, layer3(frame) - 2)[0] == TYPE_IPV4)


def header_length(frame: bytes) -> int:
    """Return the length of the IP header; no IPv6 packet of these tests has extension headers."""
    return (frame[layer3(frame)] & 15) * 4 if is_ipv4(frame) else 40


def protocol(frame: bytes) -> int | None:
    """Return the IP protocol, None where it is not IP."""
    at = layer3(frame)
    if is_ipv4(frame):
        return frame[at + 9]
    return frame[at + 6] if unpack_from("!H", frame, at - 2)[0] == TYPE_IPV6 else None


def said_length(frame: bytes) -> int:
    """Return the length of the IP packet as its header says it, whatever there is of it."""
    at = layer3(frame)
    return int(
        unpack_from("!H", frame, at + 2)[0] if is_ipv4(frame) else 40 + unpack_from("!H", frame, at + 4)[0]
    )


def is_whole(frame: bytes) -> bool:
    """Return whether all the bytes are there that the IP header says there are."""
    return len(frame) - layer3(frame) >= said_length(frame)


def are_checksums_right(frame: bytes) -> bool:
    """Return whether the checksums of a whole packet are: IPv4's, and layer 4's if it is not a fragment."""
    at, length = layer3(frame), header_length(frame)
    packet = frame[at : at + said_length(frame)]
    if not is_ipv4(frame):
        return _is_layer4_right(protocol(frame), packet[8:40], packet[length:])
    is_fragment = bool(unpack_from("!H", packet, 6)[0] & 0x3FFF)
    if not is_fragment and not _is_layer4_right(protocol(frame), packet[12:20], packet[length:]):
        return False
    return _is_right(packet[:length])


def _is_layer4_right(number: int | None, addresses: bytes, content: bytes) -> bool:
    if number == ICMP:
        return _is_right(content)
    if number == UDP and content[6:8] == b"\0\0" and len(addresses) == IPV4_ADDRESSES:
        return True
    assert number in {TCP, UDP, ICMPV6}
    return _is_right(addresses + pack("!II", len(content), number) + content)


def _is_right(octets: bytes) -> bool:
    """Return whether the ones' complement sum is all ones (RFC 1071)."""
    padded = octets + bytes(len(octets) % 2)
    return int.from_bytes(padded) % 0xFFFF == 0 and any(padded)


def tcp(frame: bytes) -> Segment:
    """Return the TCP segment of a frame."""
    at = layer3(frame) + header_length(frame)
    source, destination, sequence, _, offset, flags = TCP_START.unpack_from(frame, at)
    start = at + (offset >> 4) * 4
    size = said_length(frame) - (start - layer3(frame))
    return Segment(source, destination, sequence, flags, size, frame[start : start + size])


def stream(segments: Sequence[Segment]) -> bytes:
    """Return the bytes of one direction of one connection, from its SYN to its FIN; each must be there."""
    (base,) = {segment.sequence + 1 for segment in segments if segment.flags & SYN}
    (end,) = {_end(segment, base) for segment in segments if segment.flags & FIN}
    content, seen = bytearray(end), bytearray(end)
    for segment in with_data(segments):
        at = (segment.sequence - base) % SEQUENCE
        assert len(segment.payload) == segment.size
        content[at : at + segment.size] = segment.payload
        seen[at : at + segment.size] = b"\1" * segment.size
    assert len(seen) == end
    assert all(seen)
    return bytes(content)


def _end(segment: Segment, base: int) -> int:
    return (segment.sequence + segment.size - base) % SEQUENCE


def with_data(segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments that carry data."""
    return [segment for segment in segments if segment.size]


def are_ascending(segments: Iterable[Segment]) -> bool:
    """Return whether no segment with data begins before the one ahead of it, whatever is missing."""
    sequences = [segment.sequence for segment in with_data(segments)]
    return all((after - before) % SEQUENCE < SEQUENCE // 2 for before, after in pairwise(sequences))


def are_in_order(segments: Iterable[Segment]) -> bool:
    """Return whether each segment with data begins where those before it end, or repeats what was there."""
    end = None
    for segment in with_data(segments):
        ahead = 0 if end is None else (segment.sequence - end) % SEQUENCE
        if ahead and ahead < SEQUENCE // 2:
            return False
        if end is None or (_end(segment, end) < SEQUENCE // 2):
            end = segment.sequence + segment.size
    return True
