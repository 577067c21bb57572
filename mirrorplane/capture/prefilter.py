"""What is wanted -> a packet socket's filter that cuts every other packet behind its headers.

Owns how a frame is read in classic BPF. Must not know rules, or the socket.

A packet that is not wanted is still to be seen, and counted with its reason, so its headers are kept; what
its payload would have cost is saved. A program lets too much through rather than too little: whatever takes
more than a few instructions to read (tags in the frame, IPv6 extension headers) is kept whole. What the
device took out of a frame, as a rule its tag, is not there to be read, and the type is then what follows it.

Most packets are judged by their length and type alone. Of the others the fields that some box asks for are
read once, into the slots of the program's memory, and then tested: protocol, addresses, ports, what boxes
have in common once for all of them. The fields of a frame longer than HEADERS all lie within it, so that no
load can miss, which would reject the packet.
"""

from collections.abc import Sequence
from itertools import groupby
from socket import PACKET_OUTGOING
from typing import NamedTuple

from mirrorplane.capture.cbpf import (
    ABS,
    ALU,
    AND,
    BYTE,
    HALF,
    IMM,
    IND,
    JEQ,
    JGE,
    JGT,
    JSET,
    LD,
    LDX,
    LEN,
    MSH,
    PACKET_TYPE,
    ST,
    WHOLE,
    WORD,
    Program,
)
from mirrorplane.plan.fields import ADDRESS_BYTES
from mirrorplane.plan.intervals import Range
from mirrorplane.plan.prefilter import Box, Wanted, everything
from mirrorplane.plan.tables import VERSIONS
from mirrorplane.wire import ethernet, ipv4, ipv6, transport

HEADERS = 256
"""Bytes kept of a packet that is not wanted.

Its reason, and how many wire packets it stands for, can be told from them: two tags, IPv4 with all of its
options and TCP with all of its own have 142.
"""

PROTOCOL, SOURCE_PORT, DESTINATION_PORT, SOURCE, DESTINATION = 0, 1, 2, 3, 7
"""Slots of a program's memory; an IPv6 address takes four."""

_ORDER = (PROTOCOL, SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT)
"""The slots of a box's ranges."""

_WORD_BYTES, _WORD_BITS, _WORD = 4, 32, 0xFFFFFFFF
_NO_PORT = 0x10000
"""Stands in a port's slot where the packet shows none: past the end of every range."""

_L3 = ethernet.HEADER_LEN
_EXTENSIONS = (ipv6.HOP_BY_HOP, ipv6.ROUTING, ipv6.FRAGMENT, ipv6.DESTINATION_OPTIONS)
_FIELDS = {
    4: {
        PROTOCOL: (BYTE, ipv4.PROTOCOL.start),
        SOURCE: (WORD, ipv4.SOURCE.start),
        DESTINATION: (WORD, ipv4.DESTINATION.start),
    },
    6: {
        PROTOCOL: (BYTE, ipv6.NEXT_HEADER.start),
        SOURCE_PORT: (HALF, ipv6.HEADER_LEN + transport.SOURCE_PORT.start),
        DESTINATION_PORT: (HALF, ipv6.HEADER_LEN + transport.DESTINATION_PORT.start),
        **{SOURCE + word: (WORD, ipv6.SOURCE.start + word * _WORD_BYTES) for word in range(4)},
        **{DESTINATION + word: (WORD, ipv6.DESTINATION.start + word * _WORD_BYTES) for word in range(4)},
    },
}
"""By IP version and slot: the size of what is kept there, and where it lies from the IP header on."""


class Check(NamedTuple):
    """Whether a slot, less the bits that are not in *mask*, lies from *low* to *high*."""

    slot: int
    mask: int
    low: int
    high: int


Checks = tuple[Check, ...]


def program(wanted: Wanted, headers: int = HEADERS) -> bytes | None:
    """Return the filter, an array of struct sock_filter, that keeps whole what is *wanted*.

    Of any other packet it keeps *headers* bytes, at least 78. None where all of IP is wanted.
    """
    every = {everything(version) for version in VERSIONS}
    if every.issubset(wanted.received) and every.issubset(wanted.sent):
        return None
    return _Writer(wanted, headers).packed()


class _Writer:
    """One program on its way; `_whole` and `_cut` return its two verdicts."""

    def __init__(self, wanted: Wanted, headers: int) -> None:
        self._program = Program()
        self._wanted = wanted
        self._headers = headers
        self._cut = self._program.leave(headers)
        self._whole = self._program.leave(WHOLE)

    def packed(self) -> bytes:
        """Write it all, and return it."""
        write, whole = self._program, self._whole
        kinds = {
            ethernet.ARP: whole if self._wanted.arp else self._cut,
            ethernet.VLAN: whole,
            ethernet.SERVICE_VLAN: whole,
            ethernet.IPV6: self._ipv6(),
            ethernet.IPV4: self._version(4),
        }
        label = whole if self._wanted.non_ip else self._cut
        for number, then in kinds.items():
            label = write.fork(JEQ, number, then, label)
        label = write.step(LD | HALF | ABS, ethernet.TYPE.start, label)
        label = write.fork(JGT, self._headers, label, self._cut)
        write.step(LD | WORD | LEN, 0, label)
        return write.packed()

    def _ipv6(self) -> int:
        """Write IPv6; what has extension headers may have them longer than what is kept of a packet."""
        label = self._version(6)
        for number in _EXTENSIONS:
            label = self._program.fork(JEQ, number, self._whole, label)
        return self._program.step(LD | BYTE | ABS, _L3 + ipv6.NEXT_HEADER.start, label)

    def _version(self, version: int) -> int:
        sent = self._direction(version, self._wanted.sent)
        received = self._direction(version, self._wanted.received)
        if sent == received:
            return sent
        label = self._program.fork(JEQ, PACKET_OUTGOING, sent, received)
        return self._program.step(LD | WORD | ABS, PACKET_TYPE, label)

    def _direction(self, version: int, boxes: Sequence[Box]) -> int:
        checks = sorted(_checks(box) for box in boxes if box.version == version)
        slots = {check.slot for box in checks for check in box}
        label = self._any(checks, self._cut)
        if version == ipv4.VERSION and slots & {SOURCE_PORT, DESTINATION_PORT}:
            label = self._ipv4_ports(label)
        for slot, (size, at) in _FIELDS[version].items():
            if slot in slots:
                label = self._keep(slot, size | ABS, at, label)
        return label

    def _ipv4_ports(self, then: int) -> int:
        """Keep both ports; of what can have them, only a fragment that is not the first shows none."""
        write = self._program
        absent = write.step(ST, DESTINATION_PORT, then)
        absent = write.step(ST, SOURCE_PORT, absent)
        absent = write.step(LD | IMM, _NO_PORT, absent)
        there = self._keep(DESTINATION_PORT, HALF | IND, transport.DESTINATION_PORT.start, then)
        there = self._keep(SOURCE_PORT, HALF | IND, transport.SOURCE_PORT.start, there)
        there = write.step(LDX | BYTE | MSH, _L3, there)
        label = write.fork(JSET, ipv4.OFFSET_MASK, absent, there)
        return write.step(LD | HALF | ABS, _L3 + ipv4.FLAGS_OFFSET.start, label)

    def _keep(self, slot: int, load: int, at: int, then: int) -> int:
        return self._program.step(LD | load, _L3 + at, self._program.step(ST, slot, then))

    def _any(self, boxes: Sequence[Checks], otherwise: int) -> int:
        """Write what leads to `_whole` if all checks of one of *boxes* hold, else to *otherwise*.

        They are in order, so that those with the same first check, which is written once, are neighbours.
        """
        if () in boxes:
            return self._whole
        label = otherwise
        groups = [(check, [box[1:] for box in group]) for check, group in groupby(boxes, lambda box: box[0])]
        for check, rest in reversed(groups):
            label = self._check(check, self._any(rest, label), label)
        return label

    def _check(self, check: Check, yes: int, no: int) -> int:
        write, (slot, mask, low, high) = self._program, check
        if mask == _WORD:
            no = write.loaded(slot, no)
        if low == high:
            label = write.fork(JEQ, low, yes, no)
        else:
            label = write.fork(JGT, high, no, yes)
            label = write.fork(JGE, low, label, no) if low else label
        if mask != _WORD:
            label = write.step(ALU | AND, mask, label)
        return write.load(slot, label)


def _checks(box: Box) -> Checks:
    """Return what a packet of the box's version is asked: nothing about a field that may be anything."""
    found: list[Check] = []
    for slot, values, every in zip(_ORDER, box[1:], everything(box.version)[1:], strict=True):
        if slot in {SOURCE, DESTINATION}:
            found += _network(slot, values, ADDRESS_BYTES[box.version] // _WORD_BYTES)
        elif values != every:
            found.append(Check(slot, _WORD, values.low, values.high))
    return tuple(found)


def _network(first: int, addresses: Range, words: int) -> list[Check]:
    """Return the checks of a network whose addresses have *words* words, the highest in the slot *first*."""
    found: list[Check] = []
    for word in range(words):
        shift = (words - 1 - word) * _WORD_BITS
        mask = ~(addresses.high - addresses.low >> shift) & _WORD
        value = addresses.low >> shift & _WORD
        if mask:
            found.append(Check(first + word, mask, value, value))
    return found
