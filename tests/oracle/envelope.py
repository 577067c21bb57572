"""How much of a packet is sent, and in what (DESIGN 3.3, 3.4, RFC 7348).

Owns truncation and the outer headers. Must not know why a packet was chosen.
"""

from dataclasses import dataclass
from struct import pack

from dpkt.ethernet import Ethernet
from dpkt.ip import IP
from dpkt.ip6 import IP6
from dpkt.udp import UDP

from tests.oracle.configuration import Interface, Session
from tests.oracle.flow import flow_of, source_port
from tests.oracle.headers import Reading

NO_MAC = bytes(6)
UDP_PROTOCOL = 17
OUTER_IP_LENGTH = {4: 20, 6: 40}


@dataclass(frozen=True)
class Envelope:
    """A packet as it is sent: the whole outer frame, how many inner bytes it has, whether that is not all."""

    frame: bytes
    kept: int
    truncated: bool
    ip_bytes: int


def kept_length(reading: Reading, packet_length: int, limit: int, version: int) -> int:
    """Return the length of the inner frame: "`l2_header + min(ip_len, PacketLength, limit - overhead)`".

    "`overhead` is inner layer 2 (14, and 4 more per VLAN tag) + VXLAN 8 + UDP 8 + IP 20 or 40."
    """
    overhead = reading.l2_length + 8 + 8 + OUTER_IP_LENGTH[version]
    return reading.l2_length + min(reading.l3_length, packet_length, limit - overhead)


def wrap(frame: bytes, reading: Reading, source: Interface, session: Session, backend: Interface) -> Envelope:
    """Return *frame* as it travels from *source* to *backend* under *session*."""
    version, destination = backend.addresses[0]
    kept = kept_length(reading, session.packet_length, backend.mtu, version)
    payload = vxlan(session.vni) + frame[:kept]
    origin, sport = source.first_address(version)[1], source_port(flow_of(reading))
    if version == 4:
        ethertype, packet = 0x0800, over_ipv4(origin, destination, sport, session.vxlan_port, payload)
    else:
        ethertype, packet = 0x86DD, over_ipv6(origin, destination, sport, session.vxlan_port, payload)
    outer = bytes(Ethernet(dst=backend.mac or NO_MAC, src=source.mac or NO_MAC, type=ethertype, data=packet))
    return Envelope(outer, kept, kept < reading.l2_length + reading.l3_length, len(packet))


def vxlan(vni: int) -> bytes:
    """Return the VXLAN header: "flags `0x08`, VNI in 24 bits, reserved bits zero"."""
    return pack(">B3xI", 0x08, vni << 8)


def over_ipv4(source: int, destination: int, sport: int, dport: int, payload: bytes) -> bytes:
    """Return an IPv4 packet: "TTL 64, DF set, DSCP 0. UDP checksum zero over IPv4 [...]"."""
    udp = pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    ends = source.to_bytes(4, "big"), destination.to_bytes(4, "big")
    header = IP(src=ends[0], dst=ends[1], p=UDP_PROTOCOL, ttl=64, tos=0, id=0, len=20 + len(udp), data=udp)
    header.df = 1
    return bytes(header)


def over_ipv6(source: int, destination: int, sport: int, dport: int, payload: bytes) -> bytes:
    """Return an IPv6 packet: hop limit 64, traffic class and flow label 0, UDP checksum "computed"."""
    ends = source.to_bytes(16, "big"), destination.to_bytes(16, "big")
    udp = UDP(sport=sport, dport=dport, ulen=8 + len(payload), sum=0, data=payload)
    udp.sum = udp_checksum_over_ipv6(*ends, bytes(udp))
    return bytes(IP6(src=ends[0], dst=ends[1], nxt=UDP_PROTOCOL, hlim=64, plen=len(udp), data=udp))


def udp_checksum_over_ipv6(source: bytes, destination: bytes, datagram: bytes) -> int:
    """Return the checksum of a datagram whose field is 0; 0 is sent as 0xffff (RFC 8200 section 8.1)."""
    pseudo_header = source + destination + pack(">I3xB", len(datagram), UDP_PROTOCOL)
    return internet_checksum(pseudo_header + datagram) or 0xFFFF


def internet_checksum(data: bytes) -> int:
    """Return the complement of the ones' complement sum (RFC 1071) of data that is not all zeros.

    65536 is 1 modulo 65535, so the sum is the remainder of the data as one long number; a sum of ones
    stands as 0.
    """
    remainder = int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF
    return 0xFFFF - (remainder or 0xFFFF)
