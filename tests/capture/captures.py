"""Captures made byte by byte with `struct`, and reading one to its end: what the tests of this room share."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import pack
from typing import NamedTuple

from mirrorplane import batch
from mirrorplane.capture.file import open_capture
from mirrorplane.capture.source import CaptureError, Source

LITTLE, BIG = "<", ">"
ORDERS = (LITTLE, BIG)
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D

Options = Sequence[tuple[int, bytes]]


class Row(NamedTuple):
    """A frame as it came out."""

    data: bytes
    time: int = 0
    wire_length: int = 0
    direction: int = batch.UNKNOWN
    source: int = 0


class Read(NamedTuple):
    """All frames of a source, and the error that it ended with."""

    rows: list[Row]
    error: str | None


def read(source: Source, rows: int = 7) -> Read:
    """Read *source* to its end in batches of *rows*; that it then stays at its end is checked as well."""
    frames, found = batch.frames(rows), list[Row]()
    for column in frames:
        column.view("u1")[:] = 0xA5
    error = None
    try:
        while source.fill(frames):
            found += _rows(source, frames)
        assert source.fill(frames) == 0
    except CaptureError as raised:
        error = str(raised)
        assert frames.count[0] == 0
    return Read(found, error)


def _rows(source: Source, frames: batch.Frames) -> Iterable[Row]:
    for row in range(frames.count[0]):
        at, length = int(frames.offset[row]), int(frames.length[row])
        assert 0 <= at <= at + length <= source.data.size
        yield Row(
            source.data[at : at + length].tobytes(),
            int(frames.time[row]),
            int(frames.wire_length[row]),
            int(frames.direction[row]),
            int(frames.source[row]),
        )


def kept(source: Source, batches: int, rows: int = 7) -> list[Row]:
    """Read *source* to its end, each batch by the last moment at which its bytes have to be there."""
    waiting: list[batch.Frames] = []
    found: list[Row] = []
    count = 1
    while waiting or count:
        frames = batch.frames(rows)
        count = source.fill(frames)
        waiting += [frames] if count else []
        if len(waiting) == batches or not count:
            found += _rows(source, waiting.pop(0)) if waiting else []
    return found


def read_file(path: Path | str, rows: int = 7, source: int = 0) -> Read:
    """Open and read a file; that it cannot be opened is an error as any other."""
    try:
        capture = open_capture(path, source)
    except CaptureError as error:
        return Read([], str(error))
    try:
        return read(capture, rows)
    finally:
        capture.close()
        capture.close()


def pcap_header(
    order: str = LITTLE, magic: int = MICRO, link: int = 1, version: tuple[int, int] = (2, 4)
) -> bytes:
    return pack(order + "IHHiIII", magic, *version, 0, 0, 65535, link)


def record(order: str, seconds: int, fraction: int, data: bytes, original: int | None = None) -> bytes:
    original = len(data) if original is None else original
    return pack(order + "IIII", seconds, fraction, len(data), original) + data


def options(order: str, listed: Options) -> bytes:
    if not listed:
        return b""
    encoded = (pack(order + "HH", code, len(value)) + padded(value) for code, value in listed)
    return b"".join(encoded) + bytes(4)


def padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    length = pack(order + "I", len(body) + 12)
    return pack(order + "I", kind) + length + body + length


def section(order: str, length: int = -1, version: int = 1, listed: Options = ()) -> bytes:
    fixed = pack(order + "IHHq", 0x1A2B3C4D, version, 0, length)
    return block(order, 0x0A0D0D0A, fixed + options(order, listed))


def interface(order: str, link: int = 1, snaplen: int = 0, listed: Options = ()) -> bytes:
    return block(order, 1, pack(order + "HHI", link, 0, snaplen) + options(order, listed))


def enhanced(
    order: str, units: int, data: bytes, original: int | None = None, of: int = 0, listed: Options = ()
) -> bytes:
    fixed = pack(order + "IIIII", of, units >> 32, units & 0xFFFFFFFF, len(data), original or len(data))
    return block(order, 6, fixed + padded(data) + options(order, listed))


def obsolete(
    order: str, units: int, data: bytes, original: int | None = None, of: int = 0, listed: Options = ()
) -> bytes:
    fixed = pack(order + "HHIIII", of, 3, units >> 32, units & 0xFFFFFFFF, len(data), original or len(data))
    return block(order, 2, fixed + padded(data) + options(order, listed))


def simple(order: str, data: bytes, original: int | None = None) -> bytes:
    return block(order, 3, pack(order + "I", original or len(data)) + padded(data))
