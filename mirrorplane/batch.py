"""The datum: a batch of packets as columns over bytes that lie elsewhere.

Owns the columns that the rooms hand one another. Must not know protocols, rules, or I/O: it only says which
column means what. A batch is filled by a capture (`Frames`), read by `classify` (`Packets`), thinned by
`select` to what will be mirrored (`Copies`), and written by `encapsulate` into bytes that the forward room
owns.

Every column is preallocated for the largest batch; `count[0]` says how many rows are in use.
"""

from typing import NamedTuple, cast

from mirrorplane.jit import I32, I64, U8, U64, zeros

ROWS = 1024
"""Packets of a live batch at most: its columns and the headers it touches stay within a core's L2 cache."""

FILE_ROWS = 4096
"""Packets of a file's batch at most: as many as are read and written at a time.

To one thread 1024, 2048 and 4096 are the same (IMIX, file to file: 143 ns a packet), 8192 is slower; several
take turns a quarter as often as with live batches.
"""

UNKNOWN, INGRESS, EGRESS = 0, 1, 2
"""Direction, as the source ENI sees it; UNKNOWN where nothing has told it yet."""

DIRECTIONS = ("unknown", "ingress", "egress")


class Frames(NamedTuple):
    """What a capture fills: one row a frame, in the order in which they are to be mirrored.

    `source` is the index of the source ENI in the plan; `offset` and `length` say where in the capture's
    bytes the frame lies and how much of it is there; `wire_length` what it measured on the wire; `time` is
    in nanoseconds since the epoch; `direction` is UNKNOWN where the capture cannot tell.

    The rest says what a live frame still lacks of its wire form; captures of files leave it zero. The
    payload of a *super-packet*, whose transport protocol is `super_packet`, is still to be cut into wire
    packets of `segment_size` bytes each; 0: the frame is one wire packet. The transport checksum is still to
    be summed over the frame's bytes from `unfinished` on and to be written at `checksum_at`, which holds
    the pseudo-header's sum; 0: it is finished.
    """

    count: I64  # type: ignore[assignment]  # hides tuple.count, which nothing calls
    source: I32
    offset: I64
    length: I32
    wire_length: I32
    time: I64
    direction: U8
    super_packet: U8
    segment_size: I32
    unfinished: I32
    checksum_at: I32


class Packets(NamedTuple):
    """What `classify` reads off each frame, row by row with `Frames`.

    `reason` is why it will not be mirrored (`counters.Reason`), MIRRORED where nothing speaks against it
    yet; `l2_length` counts the bytes before the IP header, `l3_length` those from it on that are there and
    belong to the packet; `version` is 4, 6, or 0 for what is mirrored without a rule; `protocol` is
    `ipv6.UNKNOWN_PROTOCOL` where no rule can know it; ports are NO_PORT where the packet has none; `flow` is
    the symmetric flow hash. Of a live capture's frames only: `segments`, at least 1, are the wire packets
    that each stands for, and `transport` counts the bytes before a super-packet's transport header, 0 where
    there is none to be known. `select` notes in `decision` the row of the plan's decisions, -1 where no rule
    matches.
    """

    reason: U8
    direction: U8
    version: U8
    protocol: I32
    l2_length: I32
    l3_length: I32
    source_port: I32
    destination_port: I32
    flow: U64
    transport: I32
    segments: I32
    decision: I32


class Copies(NamedTuple):
    """What will be mirrored, in the order of its frames: as `select` chose it, then one row a wire packet.

    `frame` is its row in `Frames`; `template` the row of its header template in the plan; `payload` where in
    a super-packet's frame this wire packet's payload begins, 0 for a frame that is mirrored as it is;
    `whole` the wire packet's bytes, layer 2 included; `kept` how many of them are sent; `length` the whole
    outer frame, Ethernet included; `offset` where the forward room wants it.
    """

    count: I64  # type: ignore[assignment]  # hides tuple.count, which nothing calls
    frame: I32
    template: I32
    payload: I32
    whole: I32
    kept: I32
    length: I32
    offset: I64


def frames(rows: int = ROWS) -> Frames:
    """Return empty Frames with room for *rows*."""
    return cast("Frames", zeros(Frames, rows))


def packets(rows: int = ROWS) -> Packets:
    """Return empty Packets with room for *rows*."""
    return cast("Packets", zeros(Packets, rows))


def copies(rows: int = ROWS) -> Copies:
    """Return empty Copies with room for *rows*."""
    return cast("Copies", zeros(Copies, rows))
