"""Copies that leave by one of several sinks.

Owns picking them out, in their order. Must not know what a sink is.
"""

from mirrorplane.batch import Copies
from mirrorplane.jit import I32, I64, kernel


@kernel
def share(copies: Copies, outlets: I32, outlet: I64, part: Copies) -> None:
    """Fill *part* with those of *copies* whose template leaves by `outlet[0]`.

    `outlets` has a row for each template.
    """
    chosen = 0
    for row in range(copies.count[0]):
        if outlets[copies.template[row]] == outlet[0]:
            part.frame[chosen] = copies.frame[row]
            part.template[chosen] = copies.template[row]
            part.payload[chosen] = copies.payload[row]
            part.whole[chosen] = copies.whole[row]
            part.kept[chosen] = copies.kept[row]
            part.length[chosen] = copies.length[row]
            chosen += 1
    part.count[0] = chosen
