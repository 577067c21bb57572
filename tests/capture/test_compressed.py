"""gzip and Zstandard: every cut and any damage gives what came before it, and then an error."""

import gzip
import os
import random
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrorplane.capture.compressed import plain
from mirrorplane.capture.inlet import BrokenError, Descriptor

Encode = Callable[[bytes], bytes]
CONTENT = random.Random(7).randbytes(3000) + b"again and " * 900 + bytes(9000)


def zstandard_with_checksum(octets: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(octets)


def decompressed(octets: bytes, space: int = 4096) -> tuple[bytes, str | None]:
    """Return all that comes out, read *space* bytes at a time, and the error at the end."""
    with tempfile.TemporaryFile() as file:
        file.write(octets)
        file.seek(0)
        inlet = plain(Descriptor(os.dup(file.fileno()), len(octets)))
    out, window = bytearray(), bytearray(space)
    try:
        while read := inlet.read_into(memoryview(window)):
            out += window[:read]
        assert inlet.consumed == inlet.total == len(octets)
        error = None
    except BrokenError as raised:
        error = str(raised)
    inlet.close()
    return bytes(out), error


@pytest.mark.parametrize("encode", [gzip.compress, zstandard_with_checksum])
@pytest.mark.parametrize("space", [1, 7, 1 << 20])
def test_any_space_gives_the_same(encode: Encode, space: int) -> None:
    assert decompressed(encode(CONTENT), space) == (CONTENT, None)


@pytest.mark.parametrize(
    ("encode", "name"), [(gzip.compress, "gzip"), (zstandard_with_checksum, "Zstandard")]
)
def test_every_cut_is_noticed(encode: Encode, name: str) -> None:
    whole = encode(CONTENT)
    for length in range(4, len(whole), 3):
        out, error = decompressed(whole[:length])
        assert CONTENT.startswith(out)
        assert error == f"the {name} data are cut short"


def test_all_that_zlib_can_read_before_the_damage_comes_out() -> None:
    whole = bytearray(gzip.compress(CONTENT))
    whole[-5] ^= 1  # the checksum: all content is good
    out, error = decompressed(bytes(whole))
    assert out == CONTENT
    assert error == "the gzip data are broken: Error -3 while decompressing data: incorrect data check"


@settings(max_examples=150)
@given(st.sampled_from([gzip.compress, zstandard_with_checksum]), st.floats(0, 1), st.integers(1, 255))
def test_damage_never_goes_unnoticed_or_crashes(encode: Encode, place: float, flip: int) -> None:
    whole = bytearray(encode(CONTENT))
    at = 10 + int(place * (len(whole) - 11))
    whole[at] ^= flip
    out, error = decompressed(bytes(whole))
    assert out == CONTENT or error


def test_as_much_comes_out_before_the_damage_as_zlib_gives_byte_by_byte() -> None:
    whole = bytearray(gzip.compress(CONTENT))
    whole[2000:2010] = bytes(10)
    member, expected = zlib.decompressobj(31), b""
    with suppress(zlib.error):
        for octet in whole:
            expected += member.decompress(bytes([octet]))
    assert len(expected) > 1000
    assert decompressed(bytes(whole))[0] == expected


def test_what_is_highly_compressed_comes_out_in_pieces() -> None:
    zeros = bytes(64 << 20)
    for encode in (gzip.compress, zstandard_with_checksum):
        assert decompressed(encode(zeros), 1 << 20) == (zeros, None)


def test_what_follows_a_frame_or_member_must_be_one() -> None:
    out, error = decompressed(zstandard_with_checksum(b"good") + b"garbage")
    assert (out, error) == (b"good", "what follows a Zstandard frame is none")
    out, error = decompressed(gzip.compress(b"good") + b"garbage")
    assert out == b"good"
    assert error == "the gzip data are broken: Error -3 while decompressing data: incorrect header check"


def test_agrees_with_the_gzip_program() -> None:
    made = subprocess.run(["gzip", "-9", "-c"], input=CONTENT, capture_output=True, check=True).stdout
    assert decompressed(made + made) == (CONTENT + CONTENT, None)


@pytest.mark.parametrize("octets", [b"", b"\x1f", b"(\xb5/", b"neither"])
def test_anything_else_stays_as_it_is(octets: bytes) -> None:
    assert decompressed(octets) == (octets, None)
