"""The flow hash, and what hangs on it: the UDP source port and the backend (DESIGN 3.4, 3.5).

Owns the one hash function of the project, here in Python's unbounded integers. Must not know headers on
the wire.
"""

from collections.abc import Collection, Sequence
from functools import cache
from hashlib import sha256

from tests.oracle.configuration import Address, Interface
from tests.oracle.headers import Reading

WORD = 2**64
SLOTS = 65536
FIRST_PORT, PORTS = 49152, 16384


def mix64(x: int) -> int:
    """Return the 64-bit finaliser of MurmurHash3."""
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD % WORD
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 % WORD
    return x ^ x >> 33


def endpoint(address: Address, port: int) -> int:
    """Return the number of one end of a flow."""
    version, number = address
    if version == 4:
        return number << 16 | port
    high, low = number >> 64, number % WORD
    return mix64((high + mix64((low + port) % WORD)) % WORD)


def flow_of(reading: Reading) -> int:
    """Return the hash of the inner 5-tuple.

    Of the "3-tuple where there are no ports, and for every fragment, the first one too". It is "the same
    for both directions of a flow". What is not IP is one flow, 0.
    """
    if reading.kind != "ip":
        return 0
    ports = reading.ports if reading.ports is not None and not reading.piece else (0, 0)
    ends = endpoint(reading.source, ports[0]), endpoint(reading.destination, ports[1])
    return mix64((min(ends) + mix64((max(ends) + reading.protocol) % WORD)) % WORD)


def source_port(flow: int) -> int:
    """Return the outer UDP source port, "in 49152-65535"."""
    return FIRST_PORT + flow % PORTS


def backend_of(backends: Sequence[Interface], flow: int, healthy: Collection[str] | None = None) -> Interface:
    """Return the backend of a flow: rendezvous hashing of its slot over the healthy ones (default: all).

    "Losing one of n backends moves about 1/n of the flows and no others": a slot's best backend stays the
    best.
    """
    slot = (flow >> 48) % SLOTS
    alive = [backend for backend in backends if healthy is None or backend.id in healthy]
    if not alive:
        raise ValueError("no backend is healthy: DESIGN does not say what a file then shows")
    return min(alive, key=lambda backend: (-mix64(mix64(slot) ^ _seed(backend.id)), backend.id))


@cache
def _seed(backend: str) -> int:
    return int.from_bytes(sha256(backend.encode()).digest()[:8], "big")
