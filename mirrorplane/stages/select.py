"""Which rule decides, and where the copies go.

Owns matching (DESIGN 3.2) and the choice of a backend (3.5). Must not know header formats beyond where a
field lies, nor what a copy will look like.

Each field of a packet leads, through the bytes of its value, to the bit vector of the rules that it
satisfies; the lowest bit that all of them share is the deciding rule.
"""

from typing import Any

import numpy as np

from mirrorplane.batch import INGRESS, Copies, Frames, Packets
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Counters, Reason
from mirrorplane.jit import I32, I64, U8, U64, inline, kernel
from mirrorplane.jit.memory import lowest_bit
from mirrorplane.plan.tables import NONE, Record, Tables, Templates
from mirrorplane.wire import flow, ipv4, ipv6

MIRRORED, DROP_RULE = int(Reason.MIRRORED), int(Reason.DROP_RULE)
_BYTE_BITS, _BYTE = 8, 0xFF
_WORD_BITS, _ONE = 64, np.uint64(1)
_N_VERSIONS, _N_WAYS = 2, 2


@kernel
def select(
    data: U8,
    frames: Frames,
    packets: Packets,
    tables: Tables,
    templates: Templates,
    copies: Copies,
    counters: Counters,
) -> None:
    """Fill *copies* with the packets that are mirrored, and count every other one with its reason."""
    chosen = 0
    for row in range(frames.count[0]):
        source = int(frames.source[row])
        reason, template = int(packets.reason[row]), NONE
        if reason == MIRRORED:
            at = frames.offset[row] + packets.l2_length[row]
            reason, template = _decide(data, at, row, source, packets, tables, counters.rules)
        if reason == MIRRORED:
            reason = int(templates.rows[template].reason)
        if reason == MIRRORED:
            copies.frame[chosen] = row
            copies.template[chosen] = template
            chosen += 1
        else:
            counters.reasons[(source * N_DIRECTIONS + int(packets.direction[row])) * N_REASONS + reason] += 1
    copies.count[0] = chosen


@inline
def _decide(
    data: U8, at: int, row: int, source: int, packets: Packets, tables: Tables, rules: I64
) -> tuple[int, int]:
    """Return (reason, template) of a packet, its IP header at *at*, that nothing speaks against."""
    sender = tables.sources[source]
    template, slots = int(sender.default_template), int(sender.default_slots)
    version = int(packets.version[row])
    if version != 0:
        way = source * _N_WAYS + int(packets.direction[row]) - INGRESS
        classifier = tables.classifiers[way * _N_VERSIONS + int(version == ipv6.VERSION)]
        bit = _deciding_rule(data, at, row, version, classifier, packets, tables.nodes, tables.bitmaps)
        if bit == NONE:
            return int(sender.unmatched), NONE
        decision = tables.decisions[classifier.first_decision + bit]
        rules[decision.rule] += 1
        template, slots = int(decision.template), int(decision.slots)
        if template == NONE:
            return DROP_RULE, NONE
    if template == NONE:
        return int(sender.unmatched), NONE
    if slots != NONE:
        template += int(tables.slots[slots + flow.slot(packets.flow[row])])
    return MIRRORED, template


@inline
def _deciding_rule(
    data: U8, at: int, row: int, version: int, rules: Record, packets: Packets, nodes: I32, bitmaps: U64
) -> int:
    """Return the first of *rules* that matches the packet at *at*, as its bit; NONE if none does."""
    if rules.words == 0:
        return NONE
    if version == ipv4.VERSION:
        source_at, destination_at = at + ipv4.SOURCE.start, at + ipv4.DESTINATION.start
    else:
        source_at, destination_at = at + ipv6.SOURCE.start, at + ipv6.DESTINATION.start
    one = _vector_of_address(nodes, int(rules.source_root), data, source_at)
    two = _vector_of_address(nodes, int(rules.destination_root), data, destination_at)
    three = ~int(nodes[rules.protocol_root + packets.protocol[row]])
    four, five = _vectors_of_ports(
        int(packets.source_port[row]), int(packets.destination_port[row]), rules, nodes
    )
    if rules.summaries == 0:
        common = _common(bitmaps, one, two, three, four, five, 0)
        return lowest_bit(common) if common else NONE
    return _search(bitmaps, one, two, three, four, five, int(rules.summaries))


@inline
def _vectors_of_ports(source_port: int, destination_port: int, rules: Record, nodes: I32) -> tuple[int, int]:
    if source_port < 0:
        return int(rules.source_port_absent), int(rules.destination_port_absent)
    return (
        _vector_of_port(nodes, int(rules.source_port_root), source_port),
        _vector_of_port(nodes, int(rules.destination_port_root), destination_port),
    )


@inline
def _vector_of_address(nodes: I32, root: int, data: U8, at: int) -> int:
    """Walk the trie at *root* by the bytes at *at*; return the row of the bit vector it leads to."""
    entry = int(nodes[root + int(data[at])])
    while entry >= 0:
        at += 1
        entry = int(nodes[entry + int(data[at])])
    return ~entry


@inline
def _vector_of_port(nodes: I32, root: int, port: int) -> int:
    entry = int(nodes[root + (port >> _BYTE_BITS)])
    if entry >= 0:
        entry = int(nodes[entry + (port & _BYTE)])
    return ~entry


@inline
def _common(bitmaps: U64, one: int, two: int, three: int, four: int, five: int, word: int) -> Any:
    """Return the rules of one word that all five fields satisfy."""
    addresses = bitmaps[one + word] & bitmaps[two + word]
    return addresses & bitmaps[three + word] & bitmaps[four + word] & bitmaps[five + word]


@inline
def _search(bitmaps: U64, one: int, two: int, three: int, four: int, five: int, summaries: int) -> int:
    """Return the lowest rule that all five vectors share; words where one has none are passed over."""
    for summary in range(summaries):
        candidates = _common(bitmaps, one, two, three, four, five, summary)
        while candidates:
            word = summary * _WORD_BITS + lowest_bit(candidates)
            common = _common(bitmaps, one, two, three, four, five, summaries + word)
            if common:
                return word * _WORD_BITS + lowest_bit(common)
            candidates &= candidates - _ONE
    return NONE
