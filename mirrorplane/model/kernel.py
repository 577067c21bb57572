"""What only the kernel engine asks the file for: which CPUs work on super-packets, and how much may wait.

Owns the bounds and the defaults. Must not know which CPUs the host has, nor how work is handed over.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, PlainValidator, TypeAdapter

from mirrorplane.model.faults import kind, shown
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import some, whole

MAX_CPU = 255
MAX_CPUS = 8
"""More CPUs than it takes to keep up with what one host sends."""

MAX_HAND_OVER_FROM = 1024
"""Wire packets: a super-packet has up to 45 at the usual MSS, and this bound leaves room for BIG TCP."""

MIN_BACKLOG, DEFAULT_BACKLOG, MAX_BACKLOG = 64, 4096, 1_000_000
"""Wire packets; the default is what one CPU works off in some 6 ms."""

_WORDS = ("auto", "inline")


def _few(cpus: tuple[int, ...]) -> tuple[int, ...]:
    if len(cpus) > MAX_CPUS:
        raise ValueError(f"lists {len(cpus)} CPUs: at most {MAX_CPUS}")
    return some(cpus)


_NUMBERS = TypeAdapter[tuple[int, ...]](
    Annotated[tuple[Annotated[int, whole(0, MAX_CPU)], ...], AfterValidator(_few)]
)


def _cpus(value: object) -> str | tuple[int, ...]:
    """Return the word or the numbers; as a union, pydantic would tell what is wrong by each of its parts."""
    if isinstance(value, str) and value in _WORDS:
        return value
    if isinstance(value, list | tuple):
        return _NUMBERS.validate_python(value)
    what = shown(value) if isinstance(value, str) else kind(value)
    raise ValueError(f"must be 'auto', 'inline' or a list of CPU numbers such as [1, 3], not {what}")


class Kernel(Frozen):
    """The kernel engine's section.

    `cpus` segment and encapsulate super-packets: the sender's own (`inline`), those of these numbers, or what
    the engine finds best (`auto`). A super-packet of at least `hand_over_from` wire packets is handed over to
    one of them, 1: every packet is. `backlog` is how many wire packets may wait for one CPU; more are
    dropped, and counted.
    """

    cpus: Annotated[Literal["auto", "inline"] | tuple[int, ...], PlainValidator(_cpus)] = "auto"
    hand_over_from: Annotated[int, whole(1, MAX_HAND_OVER_FROM)] = 4
    backlog: Annotated[int, whole(MIN_BACKLOG, MAX_BACKLOG)] = DEFAULT_BACKLOG
