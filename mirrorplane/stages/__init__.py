"""A batch through the mirror: classify -> select -> truncate -> (the sink places) -> encapsulate.

Each stage is a kernel over columns: batch in, batch out, no allocation, nothing of a packet in Python.

* `classify`:    what each frame is, which direction it has, and whether it can be mirrored at all;
* `select`:      which rule decides, and where its copies go;
* `truncate`:    how much of each is kept;
* `share`:       which of them leave by one of several sinks;
* `encapsulate`: the outer header and the kept bytes, where the sink wants them;
* `lose`, `retract`: counting those that did not leave after all.

Must not know I/O or time, nor each other.
"""

from mirrorplane.stages.classify import classify
from mirrorplane.stages.encapsulate import encapsulate
from mirrorplane.stages.lose import lose, retract
from mirrorplane.stages.select import select
from mirrorplane.stages.share import share
from mirrorplane.stages.truncate import truncate

__all__ = ["classify", "encapsulate", "lose", "retract", "select", "share", "truncate"]
