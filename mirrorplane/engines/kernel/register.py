"""Which row of counters belongs to whom, and where taps are: what an instance's successor needs to know.

Owns the numbering of sources, sessions and rules, which lasts as long as the instance: a row is never given
to another, so counters go on over reloads and adoptions. Must not know maps or netlink. As bytes it is kept
in the kernel, beside what it describes.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeVar

from mirrorplane.capture.device import Side
from mirrorplane.engines.kernel.records import MAX_RULES, MAX_SESSIONS, MAX_SOURCES, PAGE
from mirrorplane.engines.live import ExhaustedError
from mirrorplane.plan import Plan
from mirrorplane.plan.compile import RuleKey

Name = TypeVar("Name", str, RuleKey)


@dataclass(frozen=True)
class Namespace:
    """A network namespace that is mirrored from; the engine's own has no name.

    `device` and `inode` tell it from another one that is given its name later.
    """

    name: str | None = None
    device: int = 0
    inode: int = 0


@dataclass(frozen=True)
class Spot:
    """A device that is tapped, or is going to be: written down before anything is done to it.

    `made_clsact`: the qdisc is ours to remove. `namespace` is the row of `Register.namespaces`.
    """

    source: str
    namespace: int
    device: str
    ifindex: int
    made_clsact: bool

    @property
    def place(self) -> tuple[int, int]:
        """What tells the device from every other: its namespace and its index there."""
        return self.namespace, self.ifindex


@dataclass(frozen=True)
class Relay:
    """A relay pair: its number, where its A end is, and the CPU that it leads to (None: the sender's)."""

    number: int
    namespace: int
    cpu: int | None
    a_index: int


@dataclass
class Register:
    """All of it. `build` is that of the programs; namespace 0 is the engine's own.

    `devices` says what each source was when it was configured last: its device, the name of its namespace,
    and its side. `lost` counts the copies that were in devices of ours when somebody removed these.
    """

    build: str
    words: str
    sources: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    networks: dict[str, int] = field(default_factory=dict)
    rules: list[RuleKey] = field(default_factory=list)
    namespaces: list[Namespace] = field(default_factory=lambda: [Namespace()])
    spots: list[Spot] = field(default_factory=list)
    relays: list[Relay] = field(default_factory=list)
    devices: dict[str, tuple[str, str | None, Side]] = field(default_factory=dict)
    lost: int = 0

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Return what `emit` wrote. Raises ValueError for anything else."""
        try:
            kept = json.loads(content.rstrip(b"\0"))
            kept["rules"] = [RuleKey(*key) for key in kept["rules"]]
            kept["namespaces"] = [Namespace(**namespace) for namespace in kept["namespaces"]]
            kept["spots"] = [Spot(**spot) for spot in kept["spots"]]
            kept["relays"] = [Relay(**relay) for relay in kept["relays"]]
            return cls(**kept)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a register: {error}") from None

    def emit(self) -> bytes:
        """Return it as bytes, padded to whole pages."""
        content = json.dumps(asdict(self)).encode()
        return content + bytes(-len(content) % PAGE)

    @contextmanager
    def taking_in(self, plan: Plan) -> Iterator[None]:
        """Number what *plan* has and was not there before, for good if the `with` block succeeds.

        Raises ExhaustedError where the rows run out.
        """
        lists: tuple[list[Any], ...] = (self.sources, self.sessions, self.rules)
        lengths, networks = [len(kept) for kept in lists], self.networks
        try:
            self.take_in(plan)
            yield
        except BaseException:
            for kept, length in zip(lists, lengths, strict=True):
                del kept[length:]
            self.networks = networks
            raise

    def take_in(self, plan: Plan) -> None:
        """Number what *plan* has and was not there before. Raises ExhaustedError where the rows run out."""
        _extend(self.sources, plan.sources, MAX_SOURCES, "sources")
        _extend(self.sessions, plan.sessions, MAX_SESSIONS, "sessions")
        _extend(self.rules, plan.rules, MAX_RULES, "rules")
        self.networks = self.networks | {route.session: route.vni for route in plan.routes}

    def known(self, namespace: Namespace) -> int | None:
        """Return the number of a namespace, by whatever name it goes now; None if it has none."""
        identity = namespace.device, namespace.inode
        matches = (
            number for number, known in enumerate(self.namespaces) if (known.device, known.inode) == identity
        )
        return next(matches, None)

    def number(self, namespace: Namespace) -> int:
        """Return the number of a namespace, a new one if it has none."""
        number = self.known(namespace)
        if number is None:
            self.namespaces.append(namespace)
            return len(self.namespaces) - 1
        self.namespaces[number] = namespace
        return number

    def spot(self, source: str) -> Spot | None:
        """Return where a source is tapped."""
        return next((spot for spot in self.spots if spot.source == source), None)

    def at(self, place: tuple[int, int]) -> Spot | None:
        """Return what is noted of a device."""
        return next((spot for spot in self.spots if spot.place == place), None)

    def put(self, spot: Spot) -> None:
        """Note that a device is tapped, or for whom, instead of what was noted of it."""
        self.spots = [*(other for other in self.spots if other.place != spot.place), spot]

    def drop(self, spot: Spot) -> None:
        """Forget that a device is tapped; its source's counters stay."""
        self.spots = [other for other in self.spots if other.place != spot.place]


def _extend(kept: list[Name], names: Sequence[Name], most: int, what: str) -> None:
    known = set(kept)
    new = [name for name in names if name not in known]
    if len(kept) + len(new) > most:
        raise ExhaustedError(f"more than {most} {what} since the engine was started: start it again")
    kept += new
