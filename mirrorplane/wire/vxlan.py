"""VXLAN (RFC 7348, section 5).

Owns the 8-byte header: flags with the I bit, the VNI, zeros elsewhere. Must not know what is outside or
inside it.
"""

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be32

FLAGS = slice(0, 1)
VNI = slice(4, 7)
HEADER_LEN = 8

VALID_VNI = 0x08
MAX_VNI = 0xFF_FFFF
PORT = 4789

_VNI_AT = VNI.start


def emit(vni: int) -> bytes:
    """Return the header for *vni*."""
    octets = bytearray(HEADER_LEN)
    octets[FLAGS] = bytes([VALID_VNI])
    octets[VNI] = vni.to_bytes(3, "big")
    return bytes(octets)


def parse(packet: bytes) -> int:
    """Return the VNI of *packet*.

    Raises ValueError if the header is cut or says that its VNI is not valid.
    """
    if len(packet) < HEADER_LEN or not packet[FLAGS.start] & VALID_VNI:
        raise ValueError("not a VXLAN header with a valid VNI")
    return int.from_bytes(packet[VNI], "big")


@inline
def network_identifier(data: U8, at: int) -> int:
    """Return the VNI of the header at *at*, -1 if it is not valid; its 8 bytes must be there."""
    if data[at] & VALID_VNI == 0:
        return -1
    return be32(data, at + _VNI_AT) >> 8
