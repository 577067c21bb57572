"""A line for each request, and what went wrong with those that we failed at.

Owns the lines' shapes. Must not know where they go. No parameter, signature or secret is in them.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

_LONGEST = 128
"""Characters of what a requester wrote."""


@dataclass(frozen=True)
class Entry:
    """A request that was answered. `time` is seconds since the epoch when it came, `ms` what it took."""

    time: float
    id: str
    dialect: str
    action: str
    account: str
    status: int
    code: str
    ms: float


Journal = Callable[[Entry, Exception | None], None]
"""Is told of each request, from the server's thread, and what was raised where it failed."""


def ignore(_entry: Entry, _error: Exception | None) -> None:
    """Tell nobody."""


def structured(entry: Entry) -> str:
    """Return *entry* as a line of JSON."""
    shape = {
        **asdict(entry),
        "time": _when(entry),
        "action": entry.action[:_LONGEST],
        "ms": round(entry.ms, 2),
    }
    return json.dumps(shape)


def short(entry: Entry) -> str:
    """Return *entry* for a person."""
    what = " ".join(filter(None, (entry.dialect or "no dialect", entry.action[:_LONGEST])))
    outcome = " ".join(filter(None, (str(entry.status), entry.code)))
    return f"{_when(entry)} {what}: {outcome} {entry.ms:.1f} ms {entry.id}"


def _when(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
