"""What a packet of a packet socket still lacks of its wire form: struct virtio_net_hdr, in front of it.

Virtual I/O Device (VIRTIO) 1.2, section 5.1.6; include/uapi/linux/virtio_net.h and, for what Linux puts
there, include/linux/virtio_net.h (virtio_net_hdr_from_skb). Packet sockets use it with PACKET_VNET_HDR, its
numbers in the machine's byte order, which is little-endian wherever this runs.

Owns the header. Must not know rings, or how what is lacking is made up for.
"""

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import le16, put_le32
from mirrorplane.wire import transport

LEN = 10
FLAGS, GSO_TYPE, HDR_LEN, GSO_SIZE, CSUM_START, CSUM_OFFSET = 0, 1, 2, 4, 6, 8

NEEDS_CSUM = 1
GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 1, 4, 5, 0x80
"""GSO_ECN is a flag: it says that the first segment may carry CWR, which its header says too."""

_HDR_LEN_SHIFT = 16


@inline
def super_packet(data: U8, at: int) -> int:
    """Return the protocol whose payload the header at *at* says is not segmented yet; 0: none."""
    kind = int(data[at + GSO_TYPE]) & ~GSO_ECN
    if kind in (GSO_TCPV4, GSO_TCPV6):
        return transport.TCP
    return transport.UDP if kind == GSO_UDP_L4 else 0


@inline
def segment_size(data: U8, at: int) -> int:
    """Return the payload bytes of a segment, 0 where there is nothing to segment."""
    return le16(data, at + GSO_SIZE) if data[at + GSO_TYPE] else 0


@inline
def checksum(data: U8, at: int) -> tuple[int, int]:
    """Return (where what is to be summed begins, where the sum goes) in the frame; (0, 0): done."""
    if not int(data[at + FLAGS]) & NEEDS_CSUM:
        return 0, 0
    start = le16(data, at + CSUM_START)
    return start, start + le16(data, at + CSUM_OFFSET)


@inline
def emit_linear(data: U8, at: int, length: int) -> None:
    """Write at *at* that nothing is lacking, and that *length* bytes are to lie in the linear area.

    Its last six bytes, which then mean nothing, are left as they are.
    """
    put_le32(data, at, length << _HDR_LEN_SHIFT)
