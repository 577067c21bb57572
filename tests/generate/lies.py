"""Mutations: what makes a good frame a bad one, or a strange one.

Owns cuts, lying fields, stray bytes. Must not know what should become of it.
"""

from collections.abc import Callable
from random import Random

BORDERS = (0, 20, 20, 24, 36, 40, 40, 44, 48, 48, 56, 64)
FIRST_BYTES = (b"\x44", b"\x40", b"\x46", b"\x4f", b"\x65", b"\x60", b"\x45", b"\x00")
SAID_LENGTHS = (0, 1, 7, 8, 19, 20, 23, 24, 39, 40, 44, 60, 64, 65535)
PROTOCOLS = (0, 1, 4, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132, 135, 255)
FRAGMENTS = (b"\x20\x00", b"\x20\x01", b"\x00\x01", b"\x1f\xff", b"\x80\x00")
ETHERTYPES = (b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00", b"\x00\x2e")
TAGS = (b"\x81\x00\x00\x05", b"\x88\xa8\x00\x05", b"\x91\x00\x00\x05")


def spoil(rng: Random, frame: bytes) -> bytes:
    """Return *frame* with one thing done to it, or two."""
    frame = rng.choice(_MUTATIONS)(rng, frame)
    return rng.choice(_MUTATIONS)(rng, frame) if rng.random() < 0.2 else frame


def _cut_in_headers(rng: Random, frame: bytes) -> bytes:
    return frame[: rng.randrange(110)]


def _cut_anywhere(rng: Random, frame: bytes) -> bytes:
    return frame[: rng.randrange(len(frame) + 1)]


def _cut_at_a_border(rng: Random, frame: bytes) -> bytes:
    """Cut where a header just ends, or a byte before or behind."""
    return frame[: _l3(frame) + rng.choice(BORDERS) + rng.randint(-1, 1)]


def _behind(rng: Random, frame: bytes) -> bytes:
    return frame + rng.randbytes(rng.randrange(1, 30))


def _tag(rng: Random, frame: bytes) -> bytes:
    return frame[:12] + rng.choice(TAGS) * rng.choice((1, 1, 2, 3)) + frame[12:]


def _stray_byte(rng: Random, frame: bytes) -> bytes:
    return _put(frame, rng.randrange(80), rng.randbytes(1))


def _first_byte_of_ip(rng: Random, frame: bytes) -> bytes:
    return _put(frame, _l3(frame), rng.choice(FIRST_BYTES))


def _length_field(rng: Random, frame: bytes) -> bytes:
    """Lie about the length: as IPv4 says it at 2, or as IPv6 says it at 4."""
    at = _l3(frame)
    said = rng.choice((*SAID_LENGTHS, len(frame) - at, len(frame) - at - 40))
    return _put(frame, at + (4 if frame[at : at + 1] == b"\x60" else 2), max(0, said).to_bytes(2, "big"))


def _protocol_field(rng: Random, frame: bytes) -> bytes:
    at = _l3(frame)
    return _put(frame, at + (6 if frame[at : at + 1] == b"\x60" else 9), bytes((rng.choice(PROTOCOLS),)))


def _fragment_field(rng: Random, frame: bytes) -> bytes:
    return _put(frame, _l3(frame) + 6, rng.choice(FRAGMENTS))


def _extension_length(rng: Random, frame: bytes) -> bytes:
    return _put(frame, _l3(frame) + 41, rng.choice((b"\x00", b"\x01", b"\x05", b"\xff")))


def _ethertype(rng: Random, frame: bytes) -> bytes:
    return _put(frame, _l3(frame) - 2, rng.choice(ETHERTYPES))


_MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_cut_in_headers, _cut_in_headers, _cut_at_a_border, _cut_at_a_border, _cut_anywhere, _behind, _tag),
    *(_stray_byte, _stray_byte, _first_byte_of_ip, _length_field, _length_field, _protocol_field),
    *(_fragment_field, _extension_length, _ethertype),
)


def _l3(frame: bytes) -> int:
    """Return where layer 3 probably begins, to lie in the right place."""
    at = 14
    while frame[at - 2 : at] in (b"\x81\x00", b"\x88\xa8") and at < 26:
        at += 4
    return at


def _put(frame: bytes, at: int, data: bytes) -> bytes:
    """Return *frame* with *data* at *at*; what would lie past its end is left out."""
    return (frame[:at] + data + frame[at + len(data) :])[: len(frame)]
