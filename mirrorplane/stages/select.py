"""Which rule decides, and where the copies go.

Owns matching (DESIGN 3.2) and the choice of a backend (3.5). Must not know header formats beyond where a
field lies, nor what a copy will look like.

Each field of a packet leads, through the bytes of its value, to the bit vector of the rules that it
satisfies; the lowest bit that all of them share is the deciding rule. Where there are not too many
combinations, it was found beforehand for each. Few rules are compared one and all instead, where many
sources have rules of their own (`plan.listing`).

There are two kernels of one source: what live frames ask for beyond those of files costs a quarter more, and
is compiled away where it is not needed.
"""

from typing import Any

import numpy as np

from mirrorplane.batch import INGRESS, Copies, Frames, Packets
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Counters, Reason
from mirrorplane.jit import I32, I64, U8, U64, inline, kernel
from mirrorplane.jit.memory import be64, count_bits, lowest_bit, signed, unsigned
from mirrorplane.jit.vectors import GROUP, agreeing, enclosing, packed
from mirrorplane.plan.listing import ADDRESS_WORDS
from mirrorplane.plan.tables import NONE, UNDECIDED, Record, Tables, Templates
from mirrorplane.wire import flow, ipv4, ipv6, transport

MIRRORED, DROP_RULE = int(Reason.MIRRORED), int(Reason.DROP_RULE)
_BYTE_BITS, _BYTE = 8, 0xFF
_COMPARED = 2 * GROUP
"""Words that a group is compared with at a time."""

_IPV6_WORDS, _WORD_BYTES = ADDRESS_WORDS[ipv6.VERSION], 8
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
    _select(data, frames, packets, tables, templates, copies, counters, offloads=False)


@kernel
def select_offloaded(
    data: U8,
    frames: Frames,
    packets: Packets,
    tables: Tables,
    templates: Templates,
    copies: Copies,
    counters: Counters,
) -> None:
    """Do as `select`, where a frame may stand for several packets: as many are counted."""
    _select(data, frames, packets, tables, templates, copies, counters, offloads=True)


@inline
def _select(
    data: U8,
    frames: Frames,
    packets: Packets,
    tables: Tables,
    templates: Templates,
    copies: Copies,
    counters: Counters,
    offloads: bool,
) -> None:
    _decide(data, frames, packets, tables)
    chosen = 0
    for row in range(frames.count[0]):
        source = int(frames.source[row])
        reason, template = int(packets.reason[row]), NONE
        n_packets = int(packets.segments[row]) if offloads else 1
        if reason == MIRRORED:
            reason, template = _judge(row, source, n_packets, packets, tables, counters.rules)
        if reason == MIRRORED:
            reason = int(templates.rows[template].reason)
        if reason == MIRRORED:
            copies.frame[chosen] = row
            copies.template[chosen] = template
            chosen += 1
        else:
            way = source * N_DIRECTIONS + int(packets.direction[row])
            counters.reasons[way * N_REASONS + reason] += n_packets
    copies.count[0] = chosen


@inline
def _decide(data: U8, frames: Frames, packets: Packets, tables: Tables) -> None:
    """Fill `decision` of the packets that rules are asked about.

    Done for all of a batch before anything follows from it: what follows are branches that no processor
    foresees, and behind a wrong guess it would have to begin the next packets' lookups anew (IMIX: 60 to 57
    ns a packet in all, with 1,000 rules 67 to 61).
    """
    for row in range(frames.count[0]):
        version = int(packets.version[row])
        packets.decision[row] = NONE
        if (packets.reason[row] == MIRRORED) & (version != 0):
            at = frames.offset[row] + packets.l2_length[row]
            way = int(frames.source[row]) * _N_WAYS + int(packets.direction[row]) - INGRESS
            place = way * _N_VERSIONS + int(version == ipv6.VERSION)
            rules, shortcut = tables.classifiers[place], tables.shortcuts[place]
            if shortcut.groups:
                bit = _first_listed(data, at, row, version, shortcut, packets, tables.lists)
            else:
                bit = _first_found(data, at, row, version, rules, int(shortcut.crossing), packets, tables)
            if bit != NONE:
                packets.decision[row] = rules.first_decision + bit


@inline
def _judge(
    row: int, source: int, n_packets: int, packets: Packets, tables: Tables, rules: I64
) -> tuple[int, int]:
    """Return (reason, template) of a packet that nothing speaks against; count it for the rule."""
    sender = tables.sources[source]
    template, slots = int(sender.default_template), int(sender.default_slots)
    if packets.version[row] != 0:
        if packets.decision[row] == NONE:
            return int(sender.unmatched), NONE
        decision = tables.decisions[packets.decision[row]]
        rules[decision.rule] += n_packets
        template, slots = int(decision.template), int(decision.slots)
        if template == NONE:
            return DROP_RULE, NONE
    if template == NONE:
        return int(sender.unmatched), NONE
    if slots != NONE:
        template += int(tables.slots[slots + flow.slot(packets.flow[row])])
    return MIRRORED, template


@inline
def _first_listed(
    data: U8, at: int, row: int, version: int, shortcut: Record, packets: Packets, lists: U64
) -> int:
    """Return the first rule of a list that matches the packet at *at*, as its bit; NONE if none does."""
    protocol, place, groups = int(packets.protocol[row]), int(shortcut.list), int(shortcut.groups)
    if (version == ipv6.VERSION) & (protocol == transport.ICMPV6):
        protocol = transport.ICMP
    above = unsigned(packed(protocol, int(packets.source_port[row]), int(packets.destination_port[row])))
    if version == ipv4.VERSION:
        matching = _matching_ipv4(data, at + ipv4.SOURCE.start, above, lists, place, groups)
    else:
        matching = _matching_ipv6(data, at + ipv6.SOURCE.start, above, lists, place, groups)
    return lowest_bit(matching) if matching else NONE


@inline
def _matching_ipv4(data: U8, at: int, above: Any, lists: U64, place: int, groups: int) -> Any:
    """Return the rules of a list that the addresses at *at*, and what is *above* them, satisfy, as bits."""
    addresses, matching = be64(data, at), unsigned(0)
    for group in range(groups):
        found = agreeing(lists, place, addresses) & enclosing(lists, place + _COMPARED, above)
        matching |= found << unsigned(group * GROUP)
        place += 2 * _COMPARED
    return matching


@inline
def _matching_ipv6(data: U8, at: int, above: Any, lists: U64, place: int, groups: int) -> Any:
    """Return the same of IPv6 addresses."""
    matching = unsigned(0)
    for group in range(groups):
        found = agreeing(lists, place, be64(data, at))
        for word in range(1, _IPV6_WORDS):
            found &= agreeing(lists, place + word * _COMPARED, be64(data, at + word * _WORD_BYTES))
        place += _IPV6_WORDS * _COMPARED
        matching |= (found & enclosing(lists, place, above)) << unsigned(group * GROUP)
        place += _COMPARED
    return matching


@inline
def _first_found(
    data: U8,
    at: int,
    row: int,
    version: int,
    rules: Record,
    crossing: int,
    packets: Packets,
    tables: Tables,
) -> int:
    """Return the same of *rules* that are no list, or none."""
    nodes, bitmaps = tables.nodes, tables.bitmaps
    if rules.words == 0:
        return NONE
    if version == ipv4.VERSION:
        source_at, destination_at = at + ipv4.SOURCE.start, at + ipv4.DESTINATION.start
    else:
        source_at, destination_at = at + ipv6.SOURCE.start, at + ipv6.DESTINATION.start
    one = _vector_of_address(nodes, int(rules.source_root), data, source_at)
    two = _vector_of_address(nodes, int(rules.destination_root), data, destination_at)
    three, four = _vectors_above(row, rules, packets, nodes)
    if rules.summaries == 0:
        common = bitmaps[one] & bitmaps[two] & bitmaps[three]
        if four != NONE:
            common &= bitmaps[four]
        return lowest_bit(common) if common else NONE
    if crossing != NONE:
        weight = bitmaps[one - 1] + bitmaps[two - 1] + bitmaps[three - 1]
        if four != NONE:
            weight += bitmaps[four - 1]
        bit = int(tables.crossed[crossing + signed(weight)])
        return bit if bit != UNDECIDED else NONE
    return _search(bitmaps, one, two, three, four, int(rules.summaries))


@inline
def _vectors_above(row: int, rules: Record, packets: Packets, nodes: I32) -> tuple[int, int]:
    """Return the vectors of (protocol, destination port) and of the source port, NONE if none names it."""
    protocol, port = int(packets.protocol[row]), int(packets.destination_port[row])
    if port < 0:
        return ~int(nodes[rules.portless_root + protocol]), NONE
    service = int(nodes[rules.service_root + protocol])
    if service >= 0:
        service = ~_vector_of_port(nodes, service, port)
    if rules.source_port_root == NONE:
        return ~service, NONE
    return ~service, _vector_of_port(nodes, int(rules.source_port_root), int(packets.source_port[row]))


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
    """Take both steps at once, for whether there is a second one is what no processor foresees."""
    entry = int(nodes[root + (port >> _BYTE_BITS)])
    low = int(nodes[max(entry, 0) + (port & _BYTE)])
    return ~(low if entry >= 0 else entry)


@inline
def _search(bitmaps: U64, one: int, two: int, three: int, four: int, summaries: int) -> int:
    """Return the lowest rule that the vectors share, the fourth only if it is not NONE.

    A word is looked at only where each vector has one that is not zero; it is the kth of those kept, k being
    how many bits the vector's summary has before it.
    """
    a = b = c = d = summaries
    for row in range(summaries):
        first, second, third = bitmaps[one + row], bitmaps[two + row], bitmaps[three + row]
        candidates, fourth = first & second & third, third
        if four != NONE:
            fourth = bitmaps[four + row]
            candidates &= fourth
        while candidates:
            before = (candidates & (~candidates + _ONE)) - _ONE
            common = bitmaps[one + a + count_bits(first & before)]
            common &= bitmaps[two + b + count_bits(second & before)]
            common &= bitmaps[three + c + count_bits(third & before)]
            if four != NONE:
                common &= bitmaps[four + d + count_bits(fourth & before)]
            if common:
                return (row * _WORD_BITS + lowest_bit(candidates)) * _WORD_BITS + lowest_bit(common)
            candidates &= candidates - _ONE
        a += count_bits(first)
        b += count_bits(second)
        c += count_bits(third)
        d += count_bits(fourth)
    return NONE
