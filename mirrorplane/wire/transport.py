"""What the transport headers have in common: their ports (RFC 9293 TCP, RFC 768 UDP, RFC 9260 SCTP, RFC 3828 UDP-Lite,
RFC 4340 DCCP), and the numbers of those that have none here (RFC 792 ICMP, RFC 4443 ICMPv6).

Owns protocol numbers and where ports lie. Must not know rules or flows. Each of these protocols begins with the
source port and the destination port, 16 bits each.
"""  # noqa: D205 - the RFCs fill the line

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16

ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDP_LITE = 1, 6, 17, 33, 58, 132, 136

SOURCE_PORT = slice(0, 2)
DESTINATION_PORT = slice(2, 4)
PORTS_LEN = DESTINATION_PORT.stop
NO_PORT = -1

_DESTINATION_AT = DESTINATION_PORT.start


@inline
def has_ports(protocol: int) -> bool:
    """Return whether a protocol's header begins with two ports."""
    return protocol in (TCP, UDP, SCTP, UDP_LITE, DCCP)


@inline
def ports(data: U8, at: int) -> tuple[int, int]:
    """Return (source port, destination port) of the header at *at*; its first 4 bytes must be there."""
    return be16(data, at), be16(data, at + _DESTINATION_AT)
