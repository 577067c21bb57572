"""What each frame is: its headers, its direction, its flow, and whether it can be mirrored at all.

Owns reading a packet (DESIGN 3.1, 3.2) and the reasons that lie in the packet itself. Must not know rules.

The reasons are found in the order in which they count: `not_for_source`, `own_output`, `malformed`, `arp`,
`not_ip`, `dhcp`. A packet that a source mirrors without a rule (`also_mirror`) leaves with version 0.
"""

from mirrorplane.batch import EGRESS, INGRESS, UNKNOWN, Frames, Packets
from mirrorplane.counters import N_DIRECTIONS, Counters, Reason
from mirrorplane.jit import U8, inline, kernel
from mirrorplane.jit.memory import be32, be64, prefetch, unsigned
from mirrorplane.plan.tables import ALSO_ARP, ALSO_DHCP, ALSO_NON_IP, Addresses, Record, Tables, Tunnels
from mirrorplane.wire import dhcp, ethernet, flow, ipv4, ipv6, segmentation, transport, udp, vxlan

MIRRORED, NOT_FOR_SOURCE = int(Reason.MIRRORED), int(Reason.NOT_FOR_SOURCE)
OWN_OUTPUT, MALFORMED = int(Reason.OWN_OUTPUT), int(Reason.MALFORMED)
ARP, NOT_IP, DHCP = int(Reason.ARP), int(Reason.NOT_IP), int(Reason.DHCP)

_NO_FLOW = 0
AHEAD, CACHE_LINE = 8, 64
"""Headers are fetched this many frames before they are read.

Frames lie too far apart for the processor to foresee.
"""


@kernel
def classify(data: U8, frames: Frames, packets: Packets, tables: Tables, counters: Counters) -> None:
    """Fill *packets*, row by row with *frames*, from their bytes in *data*; count each as seen."""
    _classify(data, frames, packets, tables, counters, offloads=False)


@kernel
def classify_offloaded(
    data: U8, frames: Frames, packets: Packets, tables: Tables, counters: Counters
) -> None:
    """Do as `classify`, where a frame may stand for several packets: as many are seen."""
    _classify(data, frames, packets, tables, counters, offloads=True)


@inline
def _classify(
    data: U8, frames: Frames, packets: Packets, tables: Tables, counters: Counters, offloads: bool
) -> None:
    count = frames.count[0]
    for row in range(count):
        ahead = frames.offset[min(row + AHEAD, count - 1)]
        prefetch(data, ahead)
        prefetch(data, ahead + CACHE_LINE)
        at, length, source = frames.offset[row], int(frames.length[row]), int(frames.source[row])
        kind, before = ethernet.network(data, at, length)
        there = length - before
        packets.l2_length[row] = before
        packets.l3_length[row] = there
        packets.version[row] = 0
        packets.protocol[row] = 0
        packets.source_port[row] = transport.NO_PORT
        packets.destination_port[row] = transport.NO_PORT
        packets.flow[row] = _NO_FLOW
        is_ip = _is_ip(data, at + before, there, kind)
        is_super = offloads and frames.super_packet[row] != 0
        if offloads:
            packets.transport[row] = 0
        sender = tables.sources[source]
        readable = kind if is_ip else 0
        direction = _direction(
            data, at, length, before, readable, int(frames.direction[row]), sender, tables.addresses
        )
        packets.direction[row] = direction
        if direction == UNKNOWN:
            packets.reason[row] = NOT_FOR_SOURCE
        elif is_ip and kind == ethernet.IPV4:
            packets.reason[row] = _ipv4(
                data, at + before, there, is_super, row, packets, sender, tables.tunnels
            )
        elif is_ip:
            packets.reason[row] = _ipv6(
                data, at + before, there, is_super, row, packets, sender, tables.tunnels
            )
        else:
            packets.reason[row] = _other(kind, int(sender.also))
        n_packets = 1
        if offloads:
            n_packets = _segments(data, row, frames, packets) if is_super else 1
            packets.segments[row] = n_packets
        counters.seen[source * N_DIRECTIONS + direction] += n_packets


@inline
def _segments(data: U8, row: int, frames: Frames, packets: Packets) -> int:
    """Return how many wire packets a super-packet stands for: one, where that cannot be told.

    In a tunnel it is the inner transport header that counts, which an unfinished checksum leads to.
    """
    at, there, size = frames.offset[row], int(frames.length[row]), int(frames.segment_size[row])
    before = int(frames.unfinished[row]) or int(packets.transport[row])
    headers = segmentation.headers(data, at, there, before, int(frames.super_packet[row]))
    if headers == 0 or size <= 0:
        return 1
    return segmentation.count(int(frames.wire_length[row]) - headers, size)


@inline
def _is_ip(data: U8, at: int, there: int, kind: int) -> bool:
    """Return whether there is an IP header, addresses included, of the version that the type names."""
    if kind == ethernet.IPV4:
        return ipv4.is_fixed_part(data, at, there)
    return kind == ethernet.IPV6 and ipv6.is_fixed_part(data, at, there)


@inline
def _other(kind: int, also: int) -> int:
    """Return the reason of a frame without a readable IP header."""
    if kind in (ethernet.CUT, ethernet.IPV4, ethernet.IPV6):
        return MALFORMED
    if kind == ethernet.ARP:
        return MIRRORED if also & ALSO_ARP else ARP
    return MIRRORED if also & ALSO_NON_IP else NOT_IP


@inline
def _direction(
    data: U8,
    at: int,
    length: int,
    before: int,
    kind: int,
    captured: int,
    source: Record,
    addresses: Addresses,
) -> int:
    """Return the direction of a frame; *kind* is 0 where it has no addresses that can be read."""
    if captured != UNKNOWN:
        return INGRESS + EGRESS - captured if source.turned else captured
    mac = source.mac
    if mac != 0 and length >= ethernet.HEADER_LEN:
        if ethernet.source_mac(data, at) == mac:
            return EGRESS
        if ethernet.destination_mac(data, at) == mac:
            return INGRESS
    found = UNKNOWN
    if kind == ethernet.IPV4:
        found = _by_address4(data, at + before, source, addresses)
    elif kind == ethernet.IPV6:
        found = _by_address6(data, at + before, source, addresses)
    return found if found != UNKNOWN else int(source.fallback)


@inline
def _by_address4(data: U8, at: int, source: Record, addresses: Addresses) -> int:
    sender = unsigned(be32(data, at + ipv4.SOURCE.start))
    receiver = unsigned(be32(data, at + ipv4.DESTINATION.start))
    found = UNKNOWN
    for row in range(source.first_address, source.last_address):
        if addresses[row].version == ipv4.VERSION:
            if addresses[row].low == sender:
                return EGRESS
            if addresses[row].low == receiver:
                found = INGRESS
    return found


@inline
def _by_address6(data: U8, at: int, source: Record, addresses: Addresses) -> int:
    found = UNKNOWN
    for row in range(source.first_address, source.last_address):
        if addresses[row].version == ipv6.VERSION:
            if _is_address6(data, at + ipv6.SOURCE.start, addresses[row].high, addresses[row].low):
                return EGRESS
            if _is_address6(data, at + ipv6.DESTINATION.start, addresses[row].high, addresses[row].low):
                found = INGRESS
    return found


@inline
def _is_address6(data: U8, at: int, high: int, low: int) -> bool:
    return bool(be64(data, at) == high and be64(data, at + 8) == low)


@inline
def _ipv4(
    data: U8,
    at: int,
    there: int,
    is_super: bool,
    row: int,
    packets: Packets,
    source: Record,
    tunnels: Tunnels,
) -> int:
    """Read the IPv4 packet at *at*, whose fixed part is there, into *row*; return its reason."""
    before, whole = ipv4.lengths(data, at, there, is_super)
    if before == 0:
        return MALFORMED
    offset, is_fragment = ipv4.fragment(data, at)
    packets.version[row] = ipv4.VERSION
    packets.l3_length[row] = whole
    packets.protocol[row] = ipv4.protocol(data, at)
    _transport(data, at, before, offset, is_super, row, packets)
    one, other = _flow_ports(row, is_fragment, packets)
    sender = flow.endpoint4(data, at + ipv4.SOURCE.start, one)
    receiver = flow.endpoint4(data, at + ipv4.DESTINATION.start, other)
    packets.flow[row] = flow.between(sender, receiver, int(packets.protocol[row]))
    return _udp(data, at, before, row, packets, source, tunnels)


@inline
def _ipv6(
    data: U8,
    at: int,
    there: int,
    is_super: bool,
    row: int,
    packets: Packets,
    source: Record,
    tunnels: Tunnels,
) -> int:
    """Read the IPv6 packet at *at*, whose fixed part is there, into *row*; return its reason."""
    whole = ipv6.length(data, at, there, is_super)
    if whole == 0:
        return MALFORMED
    protocol, before, offset, is_fragment = ipv6.upper_layer(data, at, whole)
    if before == 0:
        return MALFORMED
    packets.version[row] = ipv6.VERSION
    packets.l3_length[row] = whole
    packets.protocol[row] = protocol
    _transport(data, at, before, offset, is_super, row, packets)
    one, other = _flow_ports(row, is_fragment, packets)
    sender = flow.endpoint6(data, at + ipv6.SOURCE.start, one)
    receiver = flow.endpoint6(data, at + ipv6.DESTINATION.start, other)
    packets.flow[row] = flow.between(sender, receiver, protocol)
    return _udp(data, at, before, row, packets, source, tunnels)


@inline
def _transport(
    data: U8, at: int, before: int, offset: int, is_super: bool, row: int, packets: Packets
) -> None:
    """Note a super-packet's transport header, and the ports, where the packet at *at* has them both.

    A fragment that is not the first has neither; ports may be cut off.
    """
    if is_super and offset == 0:  # nobody asks for another's
        packets.transport[row] = packets.l2_length[row] + before
    whole = before + transport.PORTS_LEN <= packets.l3_length[row]
    if offset == 0 and whole and transport.has_ports(int(packets.protocol[row])):
        one, other = transport.ports(data, at + before)
        packets.source_port[row] = one
        packets.destination_port[row] = other


@inline
def _flow_ports(row: int, is_fragment: bool, packets: Packets) -> tuple[int, int]:
    """Return the ports that go into the flow hash.

    None of a fragment, so that all fragments of a datagram agree.
    """
    if is_fragment or packets.source_port[row] == transport.NO_PORT:
        return 0, 0
    return int(packets.source_port[row]), int(packets.destination_port[row])


@inline
def _udp(data: U8, at: int, before: int, row: int, packets: Packets, source: Record, tunnels: Tunnels) -> int:
    """Return the reason that lies in what a UDP datagram carries; MIRRORED for any other packet."""
    port = int(packets.destination_port[row])
    if packets.protocol[row] != transport.UDP or port == transport.NO_PORT:
        return MIRRORED
    may_be_own = source.low_port <= port <= source.high_port
    if may_be_own and _is_own_output(data, at, before, row, packets, source, tunnels):
        return OWN_OUTPUT
    if not dhcp.is_message(int(packets.version[row]), int(packets.source_port[row]), port):
        return MIRRORED
    if source.also & ALSO_DHCP:
        packets.version[row] = 0
        return MIRRORED
    return DHCP


@inline
def _is_own_output(
    data: U8, at: int, before: int, row: int, packets: Packets, source: Record, tunnels: Tunnels
) -> bool:
    """Return whether a UDP datagram is one that a session of this source has sent (DESIGN 3.7)."""
    header = before + udp.HEADER_LEN
    if header + vxlan.HEADER_LEN > packets.l3_length[row]:
        return False
    vni = vxlan.network_identifier(data, at + header)
    for index in range(source.first_tunnel, source.last_tunnel):
        tunnel = tunnels[index]
        same = tunnel.vni == vni and tunnel.port == packets.destination_port[row]
        if same and _is_between(data, at, int(packets.version[row]), tunnel):
            return True
    return False


@inline
def _is_between(data: U8, at: int, version: int, tunnel: Record) -> bool:
    """Return whether the packet at *at* goes from one end of a tunnel, or from anywhere, to the other."""
    if tunnel.version != version:
        return False
    from_anywhere = tunnel.source_high == 0 and tunnel.source_low == 0
    if version == ipv4.VERSION:
        sender = unsigned(be32(data, at + ipv4.SOURCE.start))
        receiver = unsigned(be32(data, at + ipv4.DESTINATION.start))
        return bool(receiver == tunnel.destination_low and (from_anywhere or sender == tunnel.source_low))
    if not _is_address6(data, at + ipv6.DESTINATION.start, tunnel.destination_high, tunnel.destination_low):
        return False
    return from_anywhere or _is_address6(data, at + ipv6.SOURCE.start, tunnel.source_high, tunnel.source_low)
