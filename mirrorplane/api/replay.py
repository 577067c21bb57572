"""Requests that were made before, and those that were signed too long ago.

Owns what is remembered of them. Must not know what a signature is.
"""

from hashlib import blake2b
from heapq import heappop, heappush
from threading import Lock

SKEW = 15 * 60
"""Seconds between the signer's clock and ours, either way, beyond which a request is stale."""

MAX_NONCES = 1 << 19


def is_fresh(signed: float, now: float) -> bool:
    """Return whether a request *signed* at that time may be looked at *now*; seconds since the epoch."""
    return abs(now - signed) <= SKEW


class Nonces:
    """What signed requests were marked with, as long as they would still be fresh.

    When there are too many, those signed first are forgotten, and nothing signed that early is taken any
    more. Kept in memory only. Give it what has a right signature: others must not fill it.
    """

    def __init__(self, limit: int = MAX_NONCES) -> None:
        self._limit = limit
        self._lock = Lock()
        self._seen: set[bytes] = set()
        self._by_age: list[tuple[float, bytes]] = []
        self._forgotten = float("-inf")

    def use(self, key: str, nonce: str, signed: float, now: float) -> bool:
        """Return whether *nonce* is new to the access key *key*, in a request *signed* then; remember it."""
        digest = blake2b(f"{key}\0{nonce}".encode(), digest_size=16).digest()
        with self._lock:
            self._forget(now)
            if signed <= self._forgotten or digest in self._seen:
                return False
            self._seen.add(digest)
            heappush(self._by_age, (signed, digest))
        return True

    def _forget(self, now: float) -> None:
        while self._by_age and not is_fresh(self._by_age[0][0], now):
            self._seen.discard(heappop(self._by_age)[1])
        while len(self._by_age) >= self._limit:
            self._forgotten, digest = heappop(self._by_age)
            self._seen.discard(digest)
