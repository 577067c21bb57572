"""What the transport headers have in common: their two ports.

TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260), UDP-Lite (RFC 3828) and DCCP (RFC 4340) each begin with the
source port and the destination port, 16 bits each; ICMP (RFC 792) and ICMPv6 (RFC 4443) have none.

Owns protocol numbers and where ports lie. Must not know rules or flows.
"""

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
