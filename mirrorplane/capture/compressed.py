"""gzip (RFC 1952) and Zstandard (RFC 8878) around a file.

Owns undoing them in bounded memory, and noticing where they are cut or broken. Must not know what is in them.

Both are told from their first bytes, not from a name. Members and frames in a row are one stream.
"""

import zlib
from collections.abc import Iterator

from mirrorplane.capture.inlet import BrokenError, Descriptor, Inlet

MAGIC_LEN = 4
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTANDARD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGICS = tuple(bytes([0x50 + low]) + b"\x2a\x4d\x18" for low in range(16))

_CHUNK = 256 << 10
"""Bytes taken in, and of gzip given out, at a time."""
_ENOUGH = 1 << 20
"""Bytes that a reader is made to wait for, so that batches are not small."""

_GZIP_ONLY = 16 + zlib.MAX_WBITS

_DICTIONARY_LENGTHS = (0, 1, 2, 4)
_CONTENT_LENGTHS = (0, 2, 4, 8)
_BLOCK_HEADER_LEN, _CHECKSUM_LEN, _SKIPPABLE_SIZE_LEN = 3, 4, 4
_RUN = 1


class Decompressed:
    """What *pieces* yields, as an inlet; progress is that of the *source* which they are made from."""

    def __init__(self, source: Descriptor, pieces: Iterator[bytes]) -> None:
        self._source = source
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._broken: BrokenError | None = None
        self.total = source.total

    @property
    def consumed(self) -> int:
        """How many compressed bytes have been read."""
        return self._source.consumed

    def read_into(self, space: memoryview) -> int:
        """Put some bytes into *space*."""
        filled = 0
        while filled < min(len(space), _ENOUGH) and (self._piece or self._advance()):
            taken = min(len(self._piece), len(space) - filled)
            space[filled : filled + taken] = self._piece[:taken]
            self._piece = self._piece[taken:]
            filled += taken
        if self._broken and not filled:
            raise self._broken
        return filled

    def _advance(self) -> bool:
        try:
            self._piece = memoryview(next(self._pieces, b""))
        except BrokenError as error:
            self._broken = error
        return len(self._piece) > 0

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def plain(source: Descriptor) -> Inlet:
    """Return *source* as it is, or what it decompresses to."""
    magic = source.peek(MAGIC_LEN)
    if magic.startswith(_GZIP_MAGIC):
        return Decompressed(source, _gzip(source))
    if magic == _ZSTANDARD_MAGIC or magic in _SKIPPABLE_MAGICS:
        return Decompressed(source, _zstandard(source))
    return source


def _gzip(source: Descriptor) -> Iterator[bytes]:
    octets = source.read(_CHUNK)
    while octets:
        member = zlib.decompressobj(_GZIP_ONLY)
        while not member.eof:
            octets = octets or source.read(_CHUNK)
            before = member.copy()
            try:
                piece = member.decompress(octets, _CHUNK)
            except zlib.error as error:
                yield from _up_to_error(before, octets)
                raise BrokenError(f"the gzip data are broken: {error}") from error
            if piece:
                yield piece
            elif not octets and not member.eof:
                raise BrokenError("the gzip data are cut short")
            octets = member.unconsumed_tail
        octets = _behind_padding(source, member.unused_data)


def _up_to_error(member: "zlib._Decompress", octets: bytes) -> Iterator[bytes]:
    """Yield what zlib makes of *octets* before it finds them broken: a call that fails gives nothing."""
    for at in range(len(octets)):
        try:
            piece = member.decompress(octets[at : at + 1])
        except zlib.error:
            return
        if piece:
            yield piece


def _behind_padding(source: Descriptor, octets: bytes) -> bytes:
    """Return what follows the zeros that block devices leave behind a member; nothing at the end."""
    octets = octets.lstrip(b"\0")
    while not octets and (chunk := source.read(_CHUNK)):
        octets = chunk.lstrip(b"\0")
    return octets


def _zstandard(source: Descriptor) -> Iterator[bytes]:
    while magic := source.exactly(MAGIC_LEN):
        if magic in _SKIPPABLE_MAGICS:
            size = int.from_bytes(_whole(source, _SKIPPABLE_SIZE_LEN), "little")
            for start in range(0, size, _CHUNK):
                _whole(source, min(_CHUNK, size - start))
        elif magic == _ZSTANDARD_MAGIC:
            yield from _frame(source)
        else:
            raise BrokenError("what follows a Zstandard frame is none")


def _frame(source: Descriptor) -> Iterator[bytes]:
    """Yield what the frame behind its magic number holds.

    The decoder is fed block by block (RFC 8878, section 3.1.1): so its output is bounded, all of it is had
    before an error, and an end within the frame is seen, which the library's own reader takes for its end.
    """
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - only where it is needed

    decoder = ZstdDecompressor().decompressobj()
    descriptor = _whole(source, 1)
    fed = _ZSTANDARD_MAGIC + descriptor + _whole(source, _header_len(descriptor[0]))
    has_checksum, is_last = descriptor[0] >> 2 & 1, 0
    try:
        while not is_last:
            header = _whole(source, _BLOCK_HEADER_LEN)
            word = int.from_bytes(header, "little")
            is_last, kind, size = word & 1, word >> 1 & 0b11, word >> 3
            piece = decoder.decompress(fed + header + _whole(source, 1 if kind == _RUN else size))
            fed = b""
            if piece:
                yield piece
        if has_checksum:
            decoder.decompress(_whole(source, _CHECKSUM_LEN))
    except ZstdError as error:
        raise BrokenError(f"the Zstandard data are broken: {error}") from error


def _header_len(descriptor: int) -> int:
    """Return how many bytes of frame header follow its descriptor (RFC 8878, section 3.1.1.1)."""
    is_single_segment = descriptor >> 5 & 1
    content = _CONTENT_LENGTHS[descriptor >> 6] or is_single_segment
    return (1 - is_single_segment) + _DICTIONARY_LENGTHS[descriptor & 0b11] + content


def _whole(source: Descriptor, length: int) -> bytes:
    octets = source.exactly(length)
    if len(octets) < length:
        raise BrokenError("the Zstandard data are cut short")
    return octets
