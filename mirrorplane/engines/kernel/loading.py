"""The programs and maps of one instance: loaded anew, or taken over from filters that are attached.

Owns which maps there are, by name, and a pair of taps for each network namespace. Must not know what is in
the maps, nor where programs are attached.

Nothing is pinned in bpffs. A filter keeps its program, and a program its maps: the attached filters *are*
what outlives the control process, and everything is found again from them by id. So there is no file to
leave behind or to contradict the filters, no file system to be mounted, and nothing that another mount
namespace (`ip netns exec` makes one, with a /sys of its own) could hide from the one who adopts.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self

from mirrorplane.engines.kernel.libbpf import KernelError
from mirrorplane.engines.kernel.maps import Map
from mirrorplane.engines.kernel.object import Object, image
from mirrorplane.engines.kernel.programs import Program

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
        self._content = b""
        self._taps: dict[int, dict[str, Program]] = {}

    @classmethod
    def anew(cls) -> Self:
        """Load the gates, with new maps. Raises KernelError."""
        with ExitStack() as stack:
            loading = stack.enter_context(Object(image()))
            for name in TAPS:
                loading.set_autoload(name, wanted=False)
            loading.load()
            return cls(
                {name: loading.map(name) for name in TABLES + PLAIN},
                {name: loading.program(name) for name in GATES},
            )

    @classmethod
    def adopted(cls, gates: Mapping[str, Program]) -> Self:
        """Take over the maps of programs that are attached. Raises KernelError if any is not there."""
        maps: dict[str, Map] = {}
        for program in gates.values():
            for number in program.info().map_ids:
                found = Map.by_id(number)
                if maps.setdefault(found.info.name, found) is not found:
                    found.close()
        missing = [name for name in TABLES + PLAIN if name[:NAME_LENGTH] not in maps]
        if missing or set(gates) != set(GATES):
            for found in maps.values():
                found.close()
            raise KernelError(f"what is attached is of another version: no {', '.join(missing) or 'gate'}")
        chosen = {name: maps.pop(name[:NAME_LENGTH]) for name in TABLES + PLAIN}
        for other in maps.values():
            other.close()
        return cls(chosen, gates)

    def taps(self, namespace: int) -> Mapping[str, Program]:
        """Return the taps for devices of the *namespace* of that number. Raises KernelError."""
        if namespace not in self._taps:
            self._taps[namespace] = self._load_taps(namespace)
        return self._taps[namespace]

    def _load_taps(self, namespace: int) -> dict[str, Program]:
        self._content = self._content or image()
        with Object(self._content) as loading:
            for name in GATES:
                loading.set_autoload(name, wanted=False)
            for name, shared in self.maps.items():
                loading.reuse(name, shared)
            loading.set_constant("namespace", namespace)
            loading.load()
            return {name: loading.program(name) for name in TAPS}

    def close(self) -> None:
        """Give every descriptor back."""
        for taps in self._taps.values():
            for program in taps.values():
                program.close()
        for program in self.gates.values():
            program.close()
        for kept in self.maps.values():
            kept.close()
