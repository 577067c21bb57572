"""A batch through the mirror: classify -> select -> truncate -> (the sink places) -> encapsulate.

A live one: classify -> select -> complete -> segment -> truncate and so on; `_offloaded` are their kernels.

Each stage is a kernel over columns: batch in, batch out, no allocation, nothing of a packet in Python. One
kernel of all of them, which takes a block of packets from end to end before the next, is slower: IMIX at
PacketLength 128 took 75 ns a packet by stages, 96, 92 and 78 in blocks of 8, 32 and 1,024; frames of 1,514
bytes, whole, 179, 195, 184 and 176. Within a stage the processor works on several packets at a time.

* `classify`:    what each frame is, which direction it has, and whether it can be mirrored at all;
* `select`:      which rule decides, and where its copies go;
* `complete`:    checksums that were left to a network card;
* `segment`:     super-packets as wire packets, one row each, a batch of them at a time;
* `truncate`:    how much of each is kept;
* `share`:       which of them leave by one of several sinks;
* `encapsulate`: the outer header and the kept bytes, where the sink wants them;
* `lose`, `retract`: counting those that did not leave after all.

Must not know I/O or time, nor each other.
"""

from mirrorplane.stages.classify import classify, classify_offloaded
from mirrorplane.stages.complete import complete
from mirrorplane.stages.encapsulate import encapsulate
from mirrorplane.stages.lose import lose, retract
from mirrorplane.stages.segment import segment
from mirrorplane.stages.select import select, select_offloaded
from mirrorplane.stages.share import share
from mirrorplane.stages.truncate import truncate

__all__ = [
    "classify",
    "classify_offloaded",
    "complete",
    "encapsulate",
    "lose",
    "retract",
    "segment",
    "select",
    "select_offloaded",
    "share",
    "truncate",
]
