"""The Internet checksum (RFC 1071).

Owns the sum and the fold. Must not know whose header it is.
"""

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16, le32


def total(octets: bytes) -> int:
    """Return the sum of the 16-bit words of *octets*, not folded.

    An odd last byte is the high half of its word.
    """
    padded = octets + b"\0" * (len(octets) % 2)
    return sum(int.from_bytes(padded[index : index + 2], "big") for index in range(0, len(padded), 2))


@inline
def fold(value: int) -> int:
    """Return *value* (below 2**48) with its carries added in: 16 bits."""
    value = (value >> 32) + (value & 0xFFFF_FFFF)
    value = (value >> 16) + (value & 0xFFFF)
    value = (value >> 16) + (value & 0xFFFF)
    return (value >> 16) + (value & 0xFFFF)


@inline
def total_of(data: U8, at: int, length: int) -> int:
    """Return the sum of the 16-bit words of *length* bytes from *at*, folded to 16 bits.

    Adds 32 bits at a time in the machine's order and swaps once: the sum does not depend on byte order (RFC
    1071, 2.B).
    """
    little = 0
    end = at + (length & ~3)
    for place in range(at, end, 4):
        little += le32(data, place)
    swapped = fold(little)
    value = ((swapped & 0xFF) << 8) | (swapped >> 8)
    rest = length & 3
    if rest >= 2:  # noqa: PLR2004 - a word
        value += be16(data, end)
        end += 2
    if rest & 1:
        value += int(data[end]) << 8
    return fold(value)
