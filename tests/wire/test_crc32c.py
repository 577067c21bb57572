"""Castagnoli's CRC against published values and scapy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.sctp import crc32c as scapy_crc32c

from mirrorplane.jit import I64, U8, kernel
from mirrorplane.wire import crc32c


@kernel
def _of(data: U8, span: I64, out: I64) -> None:
    out[0] = crc32c.of(data, span[0], span[1])


def computed(octets: bytes, before: int = 0) -> int:
    data, out = np.frombuffer(b"\xa5" * before + octets, np.uint8), np.zeros(1, np.int64)
    _of(data, np.array([before, len(octets)]), out)
    return int(out[0])


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_published_values(octets: bytes, expected: int) -> None:
    """RFC 3720, appendix B.4 (where the bytes are written in the order in which they are sent)."""
    assert computed(octets) == expected


@given(st.binary(max_size=200), st.integers(0, 7))
def test_it_is_scapys(octets: bytes, before: int) -> None:
    assert computed(octets, before).to_bytes(4, "little") == scapy_crc32c(octets).to_bytes(4, "big")
