"""Several sockets that share the packets of one device, each flow's going to one of them (packet(7)).

Owns the group that they join, PACKET_FANOUT. Must not know rings, nor who reads them. The kernel's side is
net/packet/af_packet.c (fanout_add, fanout_demux_hash) and net/core/flow_dissector.c.

*Flows.* PACKET_FANOUT_HASH goes by the kernel's symmetric flow hash: both directions of a flow come to one
member, in order. It is of addresses and ports, for a fragment of addresses only, for the first one too, as
the flow hash that copies leave by (DESIGN 3.4); so PACKET_FANOUT_FLAG_DEFRAG, which would have the kernel put
fragments together, is not asked for. Unlike that hash it looks into the tunnels that the kernel knows (GRE,
IP in IP): there a flow is an inner one.

*Members.* A hash is spread over as many as there are: while members come and go, flows move. So nothing
should be let in before the last one has joined.
"""

from errno import EINVAL, ENETDOWN
from os import strerror
from socket import socket
from struct import Struct

SOL_PACKET = 263
"""include/linux/socket.h."""

PACKET_FANOUT = 18
PACKET_FANOUT_HASH, PACKET_FANOUT_FLAG_UNIQUEID = 0, 0x2000
"""include/uapi/linux/if_packet.h; the flag has the kernel draw a number that no group has."""

ARGUMENT = Struct("=HH")
"""The group's number, and its type with flags: one word to setsockopt."""


class Fanout:
    """A group, made when its first member joins; it ends with the last one's socket."""

    def __init__(self) -> None:
        self._number: int | None = None

    def join(self, member: socket) -> None:
        """Make *member*, a packet socket that is bound to the same device as the others, one of them.

        Raises OSError where that is refused, ENETDOWN where it is because the device is down: before Linux
        6.13 it must be up.
        """
        try:
            if self._number is None:
                self._number = _found(member)
            else:
                member.setsockopt(SOL_PACKET, PACKET_FANOUT, ARGUMENT.pack(self._number, PACKET_FANOUT_HASH))
        except OSError as error:
            if error.errno != EINVAL:
                raise
            raise OSError(ENETDOWN, strerror(ENETDOWN)) from None


def _found(member: socket) -> int:
    """Make *member* the first of a new group; return the group's number."""
    kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID
    member.setsockopt(SOL_PACKET, PACKET_FANOUT, ARGUMENT.pack(0, kind))
    number, _ = ARGUMENT.unpack(member.getsockopt(SOL_PACKET, PACKET_FANOUT, ARGUMENT.size))
    return int(number)
