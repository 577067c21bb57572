"""What a stage does with a plan's tables, in plain Python: the reference that the tables are tested by."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from mirrorplane.plan.tables import NONE, Tables


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
    start = row + int(rules["summaries"])
    words = tables.bitmaps[start : start + int(rules["words"])]
    return sum(int(word) << 64 * index for index, word in enumerate(words))


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
    rows = [
        vector(tables, int(rules["source_root"]), source.packed),
        vector(tables, int(rules["destination_root"]), destination.packed),
        vector(tables, int(rules["protocol_root"]), bytes([protocol])),
    ]
    for end, name in enumerate(("source", "destination")):
        if ports is None:
            rows.append(int(rules[f"{name}_port_absent"]))
        else:
            rows.append(vector(tables, int(rules[f"{name}_port_root"]), ports[end].to_bytes(2, "big")))
    common = -1
    for row in rows:
        common &= bits(tables, rules, row)
    return int(rules["first_decision"]) + (common & -common).bit_length() - 1 if common else NONE
