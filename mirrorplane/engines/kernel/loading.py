"""The programs and maps of one instance: loaded anew, or taken over from filters that are attached.

Owns which maps there are, by name, and a pair of taps for each network namespace. Must not know what is in
the maps, nor where programs are attached.

Nothing is pinned in bpffs. A filter keeps its program, and a program its maps: the attached filters *are*
what outlives the control process, and everything is found again from them by id. So there is no file to
leave behind or to contradict the filters, no file system to be mounted, and nothing that another mount
namespace (`ip netns exec` makes one, with a /sys of its own) could hide from the one who adopts.
"""

from collections.abc import Collection, Container, Mapping
from contextlib import ExitStack
from typing import Self

from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.kernel.bpf.maps import Map
from mirrorplane.engines.kernel.bpf.object import Object, image
from mirrorplane.engines.kernel.bpf.programs import Program

TABLES = ("sources", "classifiers", "nodes", "bitmaps", "decisions", "slots", "templates", "ledger")
"""Maps of maps: a copy of each for each generation."""

PLAIN = ("settings", "devices", "tunnels", "buckets", "queues", "ways", "tallies", "rules_counted")
NAME_LENGTH = 15
"""Bytes of a map's name that the kernel keeps."""

TAPS = ("tap_ingress", "tap_egress")
GATES = ("gate_egress", "gate_ingress", "relay")


class Loaded:
    """Maps by name, and programs; `close` gives the descriptors back, what is attached stays."""

    def __init__(self, maps: Mapping[str, Map], gates: Mapping[str, Program]) -> None:
        self.maps, self.gates = maps, gates
        self._taps: dict[int, dict[str, Program]] = {}

    @classmethod
    def anew(cls) -> Self:
        """Load the gates, with new maps. Raises KernelError."""
        with Object(image()) as loading, ExitStack() as on_failure:
            for name in TAPS:
                loading.set_autoload(name, wanted=False)
            loading.load()
            loaded = cls(
                {name: on_failure.enter_context(loading.map(name)) for name in TABLES + PLAIN},
                {name: on_failure.enter_context(loading.program(name)) for name in GATES},
            )
            on_failure.pop_all()
            return loaded

    @classmethod
    def adopted(cls, gates: Mapping[str, Program]) -> Self:
        """Take over the maps of programs that are attached; a gate that is not any more is loaded.

        Raises KernelError, and leaves *gates* open, if there is a map that none of them knows.
        """
        maps: dict[str, Map] = {}
        with ExitStack() as on_failure:
            for number in {number for program in gates.values() for number in program.info().map_ids}:
                found = on_failure.enter_context(Map.by_id(number))
                if maps.setdefault(found.info.name, found) is not found:
                    found.close()
            missing = [name for name in TABLES + PLAIN if name[:NAME_LENGTH] not in maps]
            if missing:
                raise KernelError(f"what is attached is of another version: no {', '.join(missing)}")
            chosen = {name: maps.pop(name[:NAME_LENGTH]) for name in TABLES + PLAIN}
            absent = [name for name in GATES if name not in gates]
            loaded = cls(chosen, {**gates, **(_load(absent, chosen) if absent else {})})
            on_failure.pop_all()
        for other in maps.values():
            other.close()
        return loaded

    def taps(self, namespace: int) -> Mapping[str, Program]:
        """Return the taps for devices of the *namespace* of that number. Raises KernelError."""
        if namespace not in self._taps:
            self._taps[namespace] = _load(TAPS, self.maps, namespace)
        return self._taps[namespace]

    def prune(self, used: Container[int]) -> None:
        """Give back the taps for namespaces that are not *used*; where they are attached they stay."""
        for namespace in [number for number in self._taps if number not in used]:
            for program in self._taps.pop(namespace).values():
                program.close()

    def close(self) -> None:
        """Give every descriptor back."""
        self.prune(())
        for kept in (*self.gates.values(), *self.maps.values()):
            kept.close()


def _load(names: Collection[str], maps: Mapping[str, Map], namespace: int = 0) -> dict[str, Program]:
    """Load some of the programs, to use *maps*, for devices of the *namespace* of that number."""
    with Object(image()) as loading, ExitStack() as on_failure:
        for name in TAPS + GATES:
            loading.set_autoload(name, wanted=name in names)
        for name, shared in maps.items():
            loading.reuse(name, shared)
        loading.set_constant("namespace", namespace)
        loading.load()
        loaded = {name: on_failure.enter_context(loading.program(name)) for name in names}
        on_failure.pop_all()
        return loaded
