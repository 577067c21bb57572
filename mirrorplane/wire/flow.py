"""The symmetric flow hash, which chooses the outer UDP source port (RFC 7348, section 5) and the backend.

Owns the one hash that every engine computes: the same packet gets the same port and the same backend
everywhere, and both directions of a flow get the same. Must not know headers, tables or targets.

Each endpoint (address and port) becomes one 64-bit word; the two are put in order, which makes the hash
symmetric without losing what XOR would lose (a flow from an address to itself), and mixed with the protocol
by MurmurHash3's 64-bit finaliser, whose output bits each depend on all input bits, so that the port may use
the low ones and the backend the high ones.
"""

from typing import Any

import numpy as np

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be32, be64, signed, unsigned

MIN_PORT, PORT_MASK = 49152, 0x3FFF
"""RFC 6335's dynamic ports, as RFC 7348 advises."""

SLOT_BITS = 16
"""A balancer's slot is the top bits."""

_M1, _M2, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53), np.uint64(33)
_PORT_BITS, _SLOT_SHIFT = np.uint64(PORT_MASK), np.uint64(64 - SLOT_BITS)


@inline
def mix64(word: Any) -> Any:
    """Return MurmurHash3's fmix64 of a uint64 (or of a numpy array of them)."""
    word = (word ^ (word >> _SHIFT)) * _M1
    word = (word ^ (word >> _SHIFT)) * _M2
    return word ^ (word >> _SHIFT)


@inline
def endpoint4(data: U8, at: int, port: int) -> Any:
    """Return the word of an IPv4 endpoint whose address is at *at*."""
    return unsigned(be32(data, at) << 16 | port)


@inline
def endpoint6(data: U8, at: int, port: int) -> Any:
    """Return the word of an IPv6 endpoint whose address is at *at*."""
    return mix64(be64(data, at) + mix64(be64(data, at + 8) + unsigned(port)))


@inline
def between(one: Any, other: Any, protocol: int) -> Any:
    """Return the hash of the flow between two endpoints."""
    return mix64(min(one, other) + mix64(max(one, other) + unsigned(protocol)))


@inline
def source_port(flow: Any) -> int:
    """Return the outer UDP source port of a flow."""
    return MIN_PORT + signed(flow & _PORT_BITS)


@inline
def slot(flow: Any) -> int:
    """Return the slot of a balancer's table that a flow falls into."""
    return signed(flow >> _SLOT_SHIFT)
