"""Few rules, as a list that is compared as a whole.

Owns the lists' layout. Must not know sessions: it is given rules in the order of their bits.

A packet is compared with eight rules at once (`jit.vectors`): the addresses word by word under the rules'
masks, then protocol and ports, which one word holds. Tries take as long or less while a core's cache holds
them. But of each rule they have a kilobyte, and their steps wait for one another: where many sources have
rules of their own, lists win. In ns a packet through all stages, IMIX, PacketLength 128:

    sources                 1    100    300  1,000
    10 rules each, tries   53     63     70     92
                   lists   56     59     63     69
    64 rules each, tries   54     75    107
                   lists   61     76     85

A list is groups of GROUP rules: for each 64-bit word of source and destination address GROUP networks and
GROUP masks, then GROUP words with the lowest protocol and ports, and as many with the highest.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mirrorplane.jit.vectors import GROUP, packed
from mirrorplane.jit.vectors import MOST as MOST_OF_LANE
from mirrorplane.model import ANY_PORT, PortRange, Rule
from mirrorplane.plan.fields import port_numbers, protocols
from mirrorplane.plan.intervals import WORD_BITS, Range
from mirrorplane.plan.pool import Pool

LARGE = 2 << 20
"""Bytes of tries from which on lists are used: about where the two are even."""

MOST = WORD_BITS
"""Rules of a list: as many as a word has bits."""

ADDRESS_WORDS = {4: 1, 6: 4}
"""64-bit words of a source address with the destination address behind it, by IP version."""

_WORD = (1 << 64) - 1
_NO_PORT = MOST_OF_LANE
"""The port of a packet that has none, which only a rule that names no port encloses."""

_NOTHING = packed(_NO_PORT, _NO_PORT, _NO_PORT), packed(0, 0, 0)
"""Encloses no packet: fills the last group."""


class Lists:
    """Lists under construction."""

    def __init__(self) -> None:
        self._pool = Pool(np.uint64)

    @property
    def words(self) -> NDArray[np.uint64]:
        """All lists so far, flat."""
        return self._pool.flat

    def add(self, rules: Sequence[Rule]) -> tuple[int, int]:
        """Keep *rules*, all of one IP version; return where their list begins, and its groups.

        More than MOST, or none, are no list: it has no groups.
        """
        groups = -(-len(rules) // GROUP)
        if not 0 < len(rules) <= MOST:
            return 0, 0
        rows = [_row(rule) for rule in rules]
        rows += [(0,) * (len(rows[0]) - 2) + _NOTHING] * (groups * GROUP - len(rules))
        words = np.array(rows, np.uint64).reshape(groups, GROUP, -1).transpose(0, 2, 1).ravel()
        return self._pool.keep(words), groups


def _row(rule: Rule) -> tuple[int, ...]:
    """Return what a packet is compared with; of ICMP and ICMPv6 the first: a stage takes the other for it."""
    source, destination = rule.source_cidr_block, rule.destination_cidr_block
    width, count = source.max_prefixlen, ADDRESS_WORDS[rule.version]
    networks = int(source.network_address) << width | int(destination.network_address)
    masks = int(source.netmask) << width | int(destination.netmask)
    shifts = range((count - 1) * WORD_BITS, -1, -WORD_BITS)
    addresses = [each >> shift & _WORD for shift in shifts for each in (networks, masks)]
    ranges = [protocols(rule)[0], _ports(rule.source_port_range), _ports(rule.destination_port_range)]
    return *addresses, packed(*(low for low, _ in ranges)), packed(*(high for _, high in ranges))


def _ports(ports: PortRange) -> Range:
    return Range(0, _NO_PORT) if ports == ANY_PORT else port_numbers(ports)
