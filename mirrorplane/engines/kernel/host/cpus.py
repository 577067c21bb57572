"""Which CPUs copies are handed over to, and how much each one's queue takes.

Owns the default. Must not know how that is done.

Segmenting a super-packet costs more than sending it does. On another CPU it costs the sender no more than a
clone; but that CPU is then busy. By default mirroring has the last quarter of the CPUs, at least one: a bound
on what it takes from others, and away from the first ones, where interrupts go on most machines. A host with
one CPU has none to spare.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from mirrorplane.engines.kernel.records import MAX_CPUS, MAX_RELAYS

BACKLOG = Path("/proc/sys/net/core/netdev_max_backlog")
DEFAULT_BACKLOG = 1000
"""Documentation/admin-guide/sysctl/net.rst: packets that wait for a CPU; the kernel's own default."""

SHARE = 4


def chosen(said: str | Sequence[int]) -> tuple[int, ...]:
    """Return the CPUs that `cpus` of the configuration stands for; none: the sender's own does the work."""
    if said == "inline":
        return ()
    if not isinstance(said, str):
        return tuple(said)
    online = [cpu for cpu in sorted(os.sched_getaffinity(0)) if cpu < MAX_CPUS]
    if len(online) == 1:
        return ()
    return tuple(online[-min(max(len(online) // SHARE, 1), MAX_RELAYS) :])


def backlog_room() -> int:
    """Return how many packets the kernel's queue of a CPU takes, as far as that can be read."""
    try:
        return int(BACKLOG.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return DEFAULT_BACKLOG
