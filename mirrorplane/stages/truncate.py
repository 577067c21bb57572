"""How much of each copy is kept.

Owns PacketLength and the target's MTU (DESIGN 3.3). Must not know why a packet was chosen.
"""

from mirrorplane.batch import Copies, Packets
from mirrorplane.jit import kernel
from mirrorplane.plan.tables import Templates


@kernel
def truncate(packets: Packets, templates: Templates, copies: Copies) -> None:
    """Fill the lengths of *copies*: of the wire packet, of what is kept of it, and of the outer frame."""
    for row in range(copies.count[0]):
        packet, template = copies.frame[row], templates.rows[copies.template[row]]
        before = int(packets.l2_length[packet])
        whole = int(copies.whole[row])  # of a part of a super-packet
        if copies.payload[row] == 0:
            whole = copies.whole[row] = before + int(packets.l3_length[packet])
        wanted = min(whole, before + int(template.packet_length))
        kept = min(wanted, int(template.room))
        copies.kept[row] = kept
        copies.length[row] = int(template.length) + kept
