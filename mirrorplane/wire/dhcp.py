"""DHCP (RFC 2131, section 4.1; over IPv6 RFC 8415, section 7.2): the UDP ports that tell it.

Owns the ports. Must not know messages, or what becomes of them.
"""

from mirrorplane.jit import inline
from mirrorplane.wire import ipv4

PORTS4, PORTS6 = (67, 68), (546, 547)
"""Server and client, client and server: of a message each of the two ports is one of these."""


@inline
def is_message(version: int, source_port: int, destination_port: int) -> bool:
    """Return whether a UDP datagram between these ports, over IP of that version, is DHCP's."""
    if version == ipv4.VERSION:
        return source_port in PORTS4 and destination_port in PORTS4
    return source_port in PORTS6 and destination_port in PORTS6
