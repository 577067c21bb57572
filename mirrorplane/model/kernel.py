"""What only the kernel engine asks the file for: which CPUs work on super-packets, and how much may wait.

Owns the bounds and the defaults. Must not know which CPUs the host has, nor how work is handed over.
"""

from typing import Annotated, Literal

from pydantic import PlainValidator

from mirrorplane.model.cpus import Cpus, words_or_cpus
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import whole

MAX_CPUS = 8
"""More CPUs than it takes to keep up with what one host sends."""

MAX_HAND_OVER_FROM = 1024
"""Wire packets: a super-packet has up to 45 at the usual MSS, and this bound leaves room for BIG TCP."""

MIN_BACKLOG, DEFAULT_BACKLOG, MAX_BACKLOG = 64, 4096, 1_000_000
"""Wire packets; the default is what one CPU works off in some 6 ms."""


_CPUS = words_or_cpus("auto", "inline", most=MAX_CPUS)


class Kernel(Frozen):
    """The kernel engine's section.

    `cpus` segment and encapsulate super-packets: the sender's own (`inline`), those of these numbers, or what
    the engine finds best (`auto`). A super-packet of at least `hand_over_from` wire packets is handed over to
    one of them, 1: every packet is. `backlog` is how many wire packets may wait for one CPU; more are
    dropped, and counted.
    """

    cpus: Annotated[
        Literal["auto", "inline"] | Cpus, PlainValidator(words_or_cpus("auto", "inline", most=MAX_CPUS))
    ] = "auto"
    hand_over_from: Annotated[int, whole(1, MAX_HAND_OVER_FROM)] = 4
    backlog: Annotated[int, whole(MIN_BACKLOG, MAX_BACKLOG)] = DEFAULT_BACKLOG
