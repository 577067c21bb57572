"""What only the userspace engine asks the file for: how many workers share its sources, and on which CPUs.

Owns the bounds and the defaults. Must not know which CPUs the host has, nor how packets are shared out.
"""

from typing import Annotated, Literal

from pydantic import PlainValidator

from mirrorplane.model.cpus import Cpus, words_or_cpus
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import whole

MAX_WORKERS = 64
"""Each has 16 MB of memory that stays in place for every source."""


class Userspace(Frozen):
    """The userspace engine's section.

    `workers` threads share the packets of every source, each flow's going to one of them. Each keeps to one
    of `cpus`, one after the other; `auto`: a single worker runs where the scheduler puts it, several keep to
    a CPU each of those that the process may use.
    """

    workers: Annotated[int, whole(1, MAX_WORKERS)] = 1
    cpus: Annotated[Literal["auto"] | Cpus, PlainValidator(words_or_cpus("auto", most=MAX_WORKERS))] = "auto"
