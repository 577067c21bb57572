"""A plan in the kernel: the tables of one generation, and the switch from one to the other.

Owns writing what the programs look up. Must not know netlink, or who asks for a change.

The rows of sources, sessions and rules are those of the register: a packet's counters are found by the same
numbers in every generation. A generation is written as a whole while the programs use the other one, and one
number, read once a packet, says which is in force; a copy that is still on its way carries the number of the
generation that it was chosen by. Only templates and slots are replaced within a generation, each as a whole,
when a way out changes.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from mirrorplane.engines.kernel.bpf.maps import BPF_F_INNER_MAP, Kind, Map
from mirrorplane.engines.kernel.records import (
    CONTROL,
    GENERATIONS,
    KERNEL_TEMPLATE,
    MAX_STEPS,
    MAX_TEMPLATES,
    NODE,
    PAGE,
    SOURCE,
    TUNNEL,
    number,
    rows,
)
from mirrorplane.engines.kernel.register import Register
from mirrorplane.jit import I32, U16
from mirrorplane.plan import Plan, PlanError
from mirrorplane.plan.tables import HEADER_STRIDE, TEMPLATE, VERSIONS, Templates
from mirrorplane.plan.tries import FANOUT

DRAINED = 0.05
"""Seconds after which no copy that was chosen by the generation before is on its way any more."""

WAYS = 2 * len(VERSIONS)
"""Classifiers of a source: ingress and egress, each by IP version."""

Table = NDArray[np.void] | NDArray[np.generic]


class Switchboard:
    """The tables of an instance, and which generation is in force."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        """Take over *maps* as they are."""
        self._maps = maps
        self._turned = 0.0
        self._tunnels = set(maps["tunnels"].all_keys())

    @property
    def control(self) -> NDArray[np.void]:
        """What is in force; a row of CONTROL."""
        return np.frombuffer(self._maps["settings"].lookup(number(0)) or b"", CONTROL).copy()

    def set_up(self, staging: int, hand_over_from: int, limit: int, room: int) -> None:
        """Say by which device copies are staged, when they are handed over, and how many may wait."""
        control = self.control
        control["staging"], control["hand_over_from"] = staging, hand_over_from
        control["limit"], control["room"] = limit, room
        self._maps["settings"].update(number(0), control.tobytes())

    def turn_to(self, plan: Plan, register: Register, templates: Templates, outlets: I32, slots: U16) -> None:
        """Have *plan* judge packets from now on, each by the old plan or by this one.

        Raises PlanError for a plan that is too large for the programs, KernelError; nothing changes then.
        """
        check_size(plan)
        time.sleep(max(self._turned + DRAINED - time.monotonic(), 0))
        control = self.control
        spare = (int(control["generation"][0]) + 1) % GENERATIONS
        tunnels = set(_tunnels(plan))
        with self._widened(tunnels):
            tables = _tables(plan, register, slots)
            self._put_all(spare, tables | {"templates": _templates(plan, register, templates, outlets)})
            control["generation"] = spare
            self._maps["settings"].update(number(0), control.tobytes())
        self._turned = time.monotonic()
        self._narrow(tunnels)

    @contextmanager
    def _widened(self, tunnels: set[bytes]) -> Iterator[None]:
        """Take copies of the next plan for own output too; not any more if the `with` block fails."""
        before = self._tunnels
        self._tunnels = before | tunnels
        try:
            for key in tunnels - before:
                self._maps["tunnels"].update(key, number(0))
            yield
        except BaseException:
            self._narrow(before)
            raise

    def _narrow(self, tunnels: set[bytes]) -> None:
        for key in self._tunnels - tunnels:
            self._maps["tunnels"].delete(key)
        self._tunnels = tunnels

    def redirect(
        self, plan: Plan, register: Register, templates: Templates, outlets: I32, slots: U16
    ) -> None:
        """Have copies leave by other ways from now on. Raises KernelError."""
        generation = int(self.control["generation"][0])
        self._put("templates", generation, _templates(plan, register, templates, outlets))
        self._put("slots", generation, slots)

    def write_ledger(self, register: Register) -> None:
        """Keep *register* in the kernel, as a whole."""
        self._put("ledger", 0, np.frombuffer(register.emit(), f"V{PAGE}"))

    def read_ledger(self) -> Register:
        """Return the register that is kept. Raises ValueError where there is none."""
        found = self._maps["ledger"].lookup(number(0))
        if found is None:
            raise ValueError("no register is kept")
        with Map.by_id(int(np.frombuffer(found, np.uint32)[0])) as pages:
            return Register.parse(pages.lookup_all().tobytes())

    def _put_all(self, generation: int, tables: Mapping[str, Table]) -> None:
        """Replace tables of a generation, all at once.

        For each of them the kernel waits until no program uses the old one, some 10 ms, while others go on.
        """
        with ThreadPoolExecutor(len(tables)) as together:
            for put in [
                together.submit(self._put, name, generation, table) for name, table in tables.items()
            ]:
                put.result()

    def _put(self, name: str, generation: int, table: Table) -> None:
        """Replace one table of a generation."""
        whole = table if len(table) else np.zeros(1, table.dtype)
        size, flags = whole.dtype.itemsize, BPF_F_INNER_MAP
        with Map.create(Kind.ARRAY, name, 4, size, len(whole), flags=flags) as fresh:
            fresh.update_all(_padded(whole, fresh.room))
            self._maps[name].update(number(generation), fresh)


def check_size(plan: Plan) -> None:
    """Raise PlanError for a plan that the programs cannot run."""
    if len(plan.routes) > MAX_TEMPLATES:
        raise PlanError(
            f"{len(plan.routes)} ways from a source to a target: the kernel engine has {MAX_TEMPLATES}"
        )
    steps = (plan.tables.classifiers["words"] + plan.tables.classifiers["summaries"]).max(initial=0)
    if steps > MAX_STEPS:
        raise PlanError(
            f"more than {(MAX_STEPS - 2) * 64} rules of a source, direction and IP version: "
            "too many for the kernel engine"
        )


def _padded(table: Table, room: int) -> NDArray[np.uint8]:
    """Return the rows as bytes, each as long as the kernel wants it (a multiple of 8 where it says so)."""
    plain = np.frombuffer(table.tobytes(), np.uint8).reshape(len(table), table.dtype.itemsize)
    return np.pad(plain, ((0, 0), (0, room - plain.shape[1])))


def _positions(names: Sequence[object], kept: Sequence[object]) -> NDArray[np.int64]:
    """Return the register's row of each name."""
    row = {name: index for index, name in enumerate(kept)}
    return np.array([row[name] for name in names], np.int64)


def _tables(plan: Plan, register: Register, slots: U16) -> dict[str, Table]:
    """Return what the programs look up, but for the templates."""
    at = _positions(plan.sources, register.sources)
    sources = rows(SOURCE, len(register.sources))
    classifiers = rows(plan.tables.classifiers.dtype, len(register.sources) * WAYS)
    for name in set(SOURCE.names or ()) - {"present"}:
        sources[name][at] = plan.tables.sources[name]
    sources["present"][at] = 1
    if len(at):
        places = (at[:, None] * WAYS + np.arange(WAYS)).reshape(-1)
        classifiers[places] = plan.tables.classifiers
    decisions = plan.tables.decisions.copy()
    if len(decisions):
        decisions["rule"] = _positions(plan.rules, register.rules)[decisions["rule"]]
    return {
        "sources": sources,
        "classifiers": classifiers,
        "nodes": plan.tables.nodes.reshape(-1, FANOUT).copy().view(NODE).reshape(-1),
        "bitmaps": plan.tables.bitmaps,
        "decisions": decisions,
        "slots": slots,
    }


def _templates(plan: Plan, register: Register, templates: Templates, outlets: I32) -> NDArray[np.void]:
    """Return the templates with their headers, counted by the register's rows."""
    table = rows(KERNEL_TEMPLATE, len(plan.routes))
    for name in TEMPLATE.names or ():
        table[name] = templates.rows[name]
    table["session"] = _positions([route.session for route in plan.routes], register.sessions)
    table["source"] = _positions([route.source for route in plan.routes], register.sources)
    table["outlet"] = outlets
    table["header"] = templates.header.reshape(-1, HEADER_STRIDE)
    return table


def _tunnels(plan: Plan) -> list[bytes]:
    """Return the keys of what own output looks like."""
    keys = rows(TUNNEL, len(plan.tables.tunnels))
    for name in ("port", "vni", "version"):
        keys[name] = plan.tables.tunnels[name]
    for end in ("source", "destination"):
        halves = np.stack([plan.tables.tunnels[f"{end}_high"], plan.tables.tunnels[f"{end}_low"]], axis=-1)
        keys[end] = halves.astype(">u8").view(np.uint8).reshape(-1, 16)
    return [key.tobytes() for key in keys]
