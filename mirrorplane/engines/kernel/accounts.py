"""What the programs have counted, by id (DESIGN 3.8).

Owns reading the counters and the law of conservation where copies wait in queues. Must not know devices.

A packet is counted as seen when it is judged, and as mirrored when its copy leaves; between the two it waits,
and it may be dropped there: the programs count what a relay refuses, the staging pair's device what overflows
behind it. So what is seen and has no fate yet is on its way or was dropped, and the device says how many were
dropped. A packet on its way is not reported yet: it is neither seen nor mirrored until it is both.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Counters, Reason
from mirrorplane.engines.kernel.bpf.maps import Map
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.report import Report, report
from mirrorplane.jit import I64
from mirrorplane.plan import Plan


def count(maps: Mapping[str, Map], register: Register, plan: Plan, dropped: int) -> Report:
    """Return everything counted since the instance was started, by id; *dropped* is the staging device's.

    Raises KernelError.
    """
    everything = replace(
        plan,
        sources=tuple(register.sources),
        sessions=tuple(register.sessions),
        rules=tuple(register.rules),
        routes=(),
    )
    ways = maps["ways"].totals(len(register.sources) * N_DIRECTIONS)
    reasons = _settled(ways[:, 0], ways[:, 1:].copy(), dropped)
    counters = Counters(
        seen=reasons.sum(axis=1),
        reasons=reasons.reshape(-1),
        sessions=maps["tallies"].totals(len(register.sessions)).reshape(-1),
        rules=maps["rules_counted"].totals(len(register.rules)).reshape(-1),
    )
    found = report(everything, counters)
    for name, vni in register.networks.items():
        found["sessions"][name]["virtual_network_id"] = vni
    return found


def waiting(maps: Mapping[str, Map], register: Register, dropped: int) -> int:
    """Return how many packets have been seen and have no fate yet."""
    ways = maps["ways"].totals(len(register.sources) * N_DIRECTIONS)
    return int(ways[:, 0].sum() - ways[:, 1:].sum()) - dropped


def _settled(seen: I64, reasons: I64, dropped: int) -> I64:
    """Return *reasons*, a row a way, with the *dropped* copies among those that have no fate.

    Which way they went is known as soon as nothing waits; before, each way has its share.
    """
    open_ones = np.maximum(seen - reasons.reshape(len(seen), N_REASONS).sum(axis=1), 0)
    total = int(open_ones.sum())
    lost = open_ones if total <= dropped else open_ones * dropped // max(total, 1)
    reasons[:, Reason.BACKLOG_FULL] += lost
    return reasons
