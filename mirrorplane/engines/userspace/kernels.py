"""The kernels of the engine, compiled before anything is opened.

Owns which they are. Must not know what they do. Compiling them takes seconds, once for each machine and
version; a ring that is open meanwhile would run full.
"""

import sys
from collections.abc import Callable

from mirrorplane import stages
from mirrorplane.capture.afpacket import walk
from mirrorplane.forward.afpacket import look, place, request, take_back

KERNELS = (
    take_back,
    look,
    request,
    place,
    walk,
    stages.lose,
    stages.retract,
    stages.share,
    stages.truncate,
    stages.complete,
    stages.segment,
    stages.select_offloaded,
    stages.classify_offloaded,
    stages.encapsulate,
)
"""The small ones first: from the first that is compiled one knows that the others will be."""

COMPILER = "mirrorplane.jit.compile"


def compile_kernels(say: Callable[[str], None]) -> None:
    """Have every kernel ready; *say* gets a line if they have to be compiled."""
    was_there = COMPILER in sys.modules
    for kernel in KERNELS:
        kernel.entry()
        if not was_there and COMPILER in sys.modules:
            was_there = True
            say("compiling the pipeline, once; this takes some seconds")
