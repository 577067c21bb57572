"""The CRC of Castagnoli's polynomial (RFC 3385), SCTP's checksum (RFC 9260, appendix A).

Owns the computation. Must not know whose checksum it is.
"""

import numpy as np

from mirrorplane.jit import I64, U8, inline

POLYNOMIAL = 0x82F6_3B78
"""0x1EDC6F41 with its bits in the order in which they are sent: the lowest of each byte first."""

ONES = 0xFFFF_FFFF
_BYTE_BITS, _BYTE = 8, 0xFF


def _table() -> I64:
    """Return, for each value of a byte, what it adds to the CRC of the bytes behind it."""
    table = np.arange(1 << _BYTE_BITS)
    for _ in range(_BYTE_BITS):
        table = (table >> 1) ^ (table & 1) * POLYNOMIAL
    return table


TABLE = _table()


@inline
def of(data: U8, at: int, length: int) -> int:
    """Return the CRC of *length* bytes from *at*: 32 bits, which are sent least significant byte first."""
    value = ONES
    for place in range(at, at + length):
        value = (value >> _BYTE_BITS) ^ int(TABLE[(value ^ int(data[place])) & _BYTE])
    return value ^ ONES
