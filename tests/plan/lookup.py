"""What a stage does with a plan's tables, in plain Python: the reference that the tables are tested by."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mirrorplane.jit.memory import lowest_bit
from mirrorplane.jit.vectors import GROUP, agreeing, enclosing, packed
from mirrorplane.plan.tables import NONE, UNDECIDED, Tables
from mirrorplane.wire.transport import ICMP, ICMPV6, NO_PORT

WORD_BYTES = 8


def vector(tables: Tables, root: int, key: bytes) -> int:
    """Return the row of the bit vector that *key* leads to."""
    entry = root
    for byte in key:
        entry = int(tables.nodes[entry + byte])
        if entry < 0:
            return ~entry
    raise AssertionError("the trie is deeper than its key")


def bits(tables: Tables, rules: Any, row: int) -> int:
    """Return a bit vector as one number."""
    summaries = int(rules["summaries"])
    if not summaries:
        return int(tables.bitmaps[row])
    summary = sum(int(word) << 64 * index for index, word in enumerate(tables.bitmaps[row : row + summaries]))
    places = [index for index in range(int(rules["words"])) if summary >> index & 1]
    kept = tables.bitmaps[row + summaries : row + summaries + len(places)]
    return sum(int(word) << 64 * index for index, word in zip(places, kept, strict=True))


def listed(
    tables: Tables, shortcut: Any, addresses: bytes, protocol: int, ports: tuple[int, int] | None
) -> int:
    """Return the bit of the first rule of a list that matches, NONE if none does."""
    is_ipv6 = len(addresses) > WORD_BYTES
    numbers = ICMP if is_ipv6 and protocol == ICMPV6 else protocol, *(ports or (NO_PORT, NO_PORT))
    words = [
        int.from_bytes(addresses[at : at + WORD_BYTES], "big") for at in range(0, len(addresses), WORD_BYTES)
    ]
    size = (len(words) + 1) * 2 * GROUP
    for group in range(shortcut["groups"]):
        place = shortcut["list"] + group * size
        matching = enclosing(tables.lists, place + size - 2 * GROUP, packed(*numbers))
        for row, word in enumerate(words):
            matching &= agreeing(tables.lists, place + row * 2 * GROUP, word)
        if matching:
            return int(group * GROUP + lowest_bit(matching))
    return NONE


def deciding(
    tables: Tables,
    classifier: int,
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    protocol: int,
    ports: tuple[int, int] | None,
) -> int:
    """Return the decision that the tables give a packet, NONE where no rule matches."""
    rules = tables.classifiers[classifier]
    if not rules["words"]:
        return NONE
    above = bytes([protocol])
    rows = [
        vector(tables, int(rules["source_root"]), source.packed),
        vector(tables, int(rules["destination_root"]), destination.packed),
    ]
    if ports is None:
        rows.append(vector(tables, int(rules["portless_root"]), above))
    else:
        rows.append(vector(tables, int(rules["service_root"]), above + ports[1].to_bytes(2, "big")))
        if rules["source_port_root"] != NONE:
            rows.append(vector(tables, int(rules["source_port_root"]), ports[0].to_bytes(2, "big")))
    common = -1
    for row in rows:
        common &= bits(tables, rules, row)
    found = (common & -common).bit_length() - 1 if common else NONE
    shortcut = tables.shortcuts[classifier]
    if shortcut["crossing"] != NONE:
        place = shortcut["crossing"] + sum(int(tables.bitmaps[row - 1]) for row in rows)
        assert tables.crossed[place] == (UNDECIDED if found == NONE else found)
    if shortcut["groups"]:
        assert listed(tables, shortcut, source.packed + destination.packed, protocol, ports) == found
    return int(rules["first_decision"]) + found if common else NONE
