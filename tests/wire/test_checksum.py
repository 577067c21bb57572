"""RFC 1071: the sum in both forms, against scapy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import checksum as scapy_checksum

from mirrorplane.jit import I64, U8, kernel
from mirrorplane.wire import checksum


@kernel
def _total_of(data: U8, span: I64, out: I64) -> None:
    out[0] = checksum.total_of(data, span[0], span[1])


@given(st.binary(max_size=300))
def test_total_is_what_scapy_sums(octets: bytes) -> None:
    assert checksum.fold(checksum.total(octets)) ^ 0xFFFF == scapy_checksum(octets)


@given(st.binary(max_size=300), st.integers(0, 7))
def test_total_of_agrees_at_every_offset_and_length(octets: bytes, before: int) -> None:
    data, out = np.frombuffer(b"\xa5" * before + octets + b"\xa5" * 8, np.uint8), np.zeros(1, np.int64)
    _total_of(data, np.array([before, len(octets)]), out)
    expected = checksum.fold(checksum.total(octets))
    # 0 and 0xFFFF are the same number in ones' complement; the order of carries tells which comes out.
    assert out[0] % 0xFFFF == expected % 0xFFFF
    assert (out[0] == 0) == (expected == 0)


def test_a_large_frame_of_ones_does_not_overflow() -> None:
    data, out = np.full(1 << 16, 0xFF, np.uint8), np.zeros(1, np.int64)
    _total_of(data, np.array([0, data.size]), out)
    assert out[0] == 0xFFFF
