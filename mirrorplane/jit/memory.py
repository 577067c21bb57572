"""Words and runs of bytes at any offset of a byte column.

Network order (`be`), little-endian (`le`), copies. Owns unaligned access. Must not know a header.

These definitions say what is meant and run as Python; compiled, each is one machine instruction or one memcpy
(`intrinsics`), with both ends checked in the bounds-checked build. Values are int64, except those of 64
bits, which are uint64: mixing the two in compiled code makes a float.
"""

from typing import Any, Literal

from mirrorplane.jit.columns import U8

Order = Literal["big", "little"]


def _load(data: U8, at: int, width: int, order: Order) -> int:
    return int.from_bytes(bytes(data[at : at + width]), order)


def _store(data: U8, at: int, width: int, value: int) -> None:
    for index, byte in enumerate(int(value).to_bytes(width, "big")):
        data[at + index] = byte


def be16(data: U8, at: int) -> int:
    """Return the 16-bit number in network order at *at*."""
    return _load(data, at, 2, "big")


def be32(data: U8, at: int) -> int:
    """Return the 32-bit number in network order at *at*."""
    return _load(data, at, 4, "big")


def be48(data: U8, at: int) -> int:
    """Return the 48-bit number in network order at *at*; the two bytes behind it must be there too."""
    return _load(data, at, 6, "big")


def be64(data: U8, at: int) -> Any:
    """Return the 64-bit number in network order at *at*, as uint64."""
    return _load(data, at, 8, "big")


def le16(data: U8, at: int) -> int:
    """Return the 16-bit little-endian number at *at*."""
    return _load(data, at, 2, "little")


def le32(data: U8, at: int) -> int:
    """Return the 32-bit little-endian number at *at*."""
    return _load(data, at, 4, "little")


def le64(data: U8, at: int) -> Any:
    """Return the 64-bit little-endian number at *at*, as uint64."""
    return _load(data, at, 8, "little")


def put_be16(data: U8, at: int, value: int) -> None:
    """Write the low 16 bits of *value* in network order at *at*."""
    _store(data, at, 2, value & 0xFFFF)


def put_be32(data: U8, at: int, value: int) -> None:
    """Write the low 32 bits of *value* in network order at *at*."""
    _store(data, at, 4, value & 0xFFFF_FFFF)


def put_le32(data: U8, at: int, value: int) -> None:
    """Write the low 32 bits of *value*, little-endian, at *at*."""
    _store(data, at, 4, int.from_bytes((value & 0xFFFF_FFFF).to_bytes(4, "little"), "big"))


def copy(target: U8, at: int, source: U8, start: int, length: int) -> None:
    """Copy *length* bytes of *source* from *start* to *target* at *at*; the two must not overlap."""
    target[at : at + length] = source[start : start + length]


def prefetch(data: U8, at: int) -> None:
    """Ask for the cache line of the byte at *at*, which need not exist; nothing waits for it."""


def lowest_bit(word: Any) -> int:
    """Return the index of the lowest set bit of a uint64 that is not zero."""
    return (int(word) & -int(word)).bit_length() - 1


def count_bits(word: Any) -> int:
    """Return how many bits of a uint64 are set."""
    return int(word).bit_count()


def unsigned(word: int) -> Any:
    """Return an int64 that is not negative as uint64."""
    return word


def signed(word: Any) -> int:
    """Return a uint64 below 2**63 as int64."""
    return int(word)
