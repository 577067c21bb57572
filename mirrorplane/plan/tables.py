"""The tables of a plan, as the stages read them.

Owns their rows and what these mean. Must not know how they are made or who reads them.

A table is an array of records: to a compiled stage a record is one cache line and a table one argument.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrorplane.jit import I32, U8, U16, U64, Column

NONE = -1
"""Stands for no row where a row is expected."""

UNDECIDED = 0xFFFF
"""Stands for no bit in `crossed`."""

ALSO_ARP, ALSO_DHCP, ALSO_NON_IP = 1, 2, 4
"""Bits of a source's `also`."""

HEADER_STRIDE = 80
"""Bytes between two header templates: the longest (70) fits."""

VERSIONS = (4, 6)

SOURCE = np.dtype(
    [
        ("mac", "i8"),  # 48 bits, 0 where it is not known
        ("turned", "u1"),  # the device is a host end: what it receives, the ENI sent
        ("fallback", "u1"),  # the direction of what nothing else decides
        ("also", "u1"),  # what is mirrored without a rule ...
        ("default_template", "i4"),  # ... and where to: the first enabled session, NONE without one
        ("default_slots", "i4"),
        ("unmatched", "u1"),  # the reason of a packet that no rule decides
        ("first_address", "i4"),  # rows of `addresses`, up to but without the last
        ("last_address", "i4"),
        ("low_port", "i4"),  # UDP to these ports may be own output ...
        ("high_port", "i4"),
        ("first_tunnel", "i4"),  # ... if it is one of these rows of `tunnels`
        ("last_tunnel", "i4"),
    ],
    align=True,
)
"""One row a source ENI."""

ADDRESS = np.dtype([("high", "u8"), ("low", "u8"), ("version", "u1")], align=True)
"""An address of a source ENI: two halves in the machine's order (IPv4: high 0), and the IP version."""

TUNNEL = np.dtype(
    [
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("destination_high", "u8"),
        ("destination_low", "u8"),
        ("port", "i4"),
        ("vni", "i4"),
        ("version", "u1"),
    ],
    align=True,
)
"""What own output looks like: from a source ENI's address (0: any) to a target's, with this port and VNI."""

CLASSIFIER = np.dtype(
    [
        ("words", "i4"),  # 64-bit words of a whole bit vector
        ("summaries", "i4"),  # words before it in which a bit stands for a word that is not zero, and kept
        ("source_root", "i4"),  # roots are rows of `nodes`
        ("destination_root", "i4"),
        ("service_root", "i4"),  # by protocol and destination port
        ("portless_root", "i4"),  # by protocol, of a packet without ports
        ("source_port_root", "i4"),  # NONE where no rule names a source port
        ("first_decision", "i4"),  # bit n of a vector is the rule of the nth decision from here
    ],
    align=True,
)
"""One row for each (source, direction, IP version), in that order; directions are ingress, egress."""

SHORTCUT = np.dtype(
    [
        ("list", "i4"),  # where in `lists` all the rules are, ...
        ("groups", "i4"),  # ... and how many groups of them: 0 if the tries are to be walked
        ("crossing", "i4"),  # where in `crossed` their table begins, NONE if there is none
    ],
    align=True,
)
"""One row for each classifier: what saves walking its tries, or searching their vectors."""

DECISION = np.dtype([("template", "i4"), ("slots", "i4"), ("rule", "i4")], align=True)
"""What a rule decides: where to, and which counter counts it.

The template of its first backend (NONE: drop), the first slot of its load balancer (NONE: a single target).
"""

TEMPLATE = np.dtype(
    [
        (
            "checksum",
            "i8",
        ),  # the sum that the packet's own part is added to (IPv4: the IP header's; IPv6: UDP's)
        ("length", "i4"),  # bytes of the outer header
        ("room", "i4"),  # inner bytes that fit the target's MTU
        ("packet_length", "i4"),  # bytes kept from the inner IP header on
        ("session", "i4"),
        ("reason", "u1"),  # MIRRORED, or why nothing can be sent there now
    ],
    align=True,
)
"""One row for each (source, session, backend): what an outer header is made from."""

Sources = Annotated[NDArray[np.void], Column(SOURCE)]
Addresses = Annotated[NDArray[np.void], Column(ADDRESS)]
Tunnels = Annotated[NDArray[np.void], Column(TUNNEL)]
Classifiers = Annotated[NDArray[np.void], Column(CLASSIFIER)]
Shortcuts = Annotated[NDArray[np.void], Column(SHORTCUT)]
Decisions = Annotated[NDArray[np.void], Column(DECISION)]
Rows = Annotated[NDArray[np.void], Column(TEMPLATE)]
Record = Any
"""A row of a table: mypy knows no structured dtypes."""


class Tables(NamedTuple):
    """Everything that is looked up: fixed for the life of a plan.

    Of `lists` the layout is in `listing`; a vector with summaries has its weight before it (`crossing`).
    """

    sources: Sources
    addresses: Addresses
    tunnels: Tunnels
    nodes: I32
    bitmaps: U64
    classifiers: Classifiers
    decisions: Decisions
    slots: U16
    shortcuts: Shortcuts
    lists: U64
    crossed: U16


class Templates(NamedTuple):
    """The outer headers, and what belongs to each; an engine fills them, and changes them with next hops.

    A header has HEADER_STRIDE bytes; its lengths, checksum and source port are zero.
    """

    header: U8
    rows: Rows
