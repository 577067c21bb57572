"""How large the userspace engine gets.

Owns that reading. Must not know what the memory is for.
"""

import re
from pathlib import Path

from benchmarks.live.mirrors import USERSPACE, configuration, engine
from benchmarks.live.network import network
from benchmarks.live.rings import AT_ONCE, WANTED, flood, until_arrived

KIBI = 1 << 10


def after_a_flood() -> int:
    """Return the most bytes that the engine held, rings included, while it mirrored a flood."""
    with network() as built, engine("userspace", built.host, configuration(USERSPACE, WANTED, 0)) as running:
        before = built.sensor_port.count().received
        flood(built, AT_ONCE)
        until_arrived(built, before + 1)
        built.settle()
        found = re.search(
            r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{running.pid}/status").read_text(), re.MULTILINE
        )
    return int(found[1]) * KIBI if found else 0
