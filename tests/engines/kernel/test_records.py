"""What Python and the programs share: every record, member by member, and every number, in both languages.

Records are compared through the object's type information; the numbers are read from the C text, because an
enum whose names alone are used is not in there.
"""

import re
from typing import Any

import numpy as np

from mirrorplane import batch
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Reason, Tally
from mirrorplane.engines.kernel import records
from mirrorplane.engines.kernel.bpf import object as object_file
from mirrorplane.engines.kernel.bpf.maps import Kind
from mirrorplane.engines.kernel.bpf.object import image
from mirrorplane.engines.kernel.bpf.sources import SOURCES
from mirrorplane.engines.kernel.loading import TABLES, Loaded
from mirrorplane.model import MAX_PACKET_LENGTH
from mirrorplane.plan import tables, tries
from mirrorplane.stages.encapsulate import LENGTH4, LENGTH6
from mirrorplane.wire import dhcp, ethernet, flow, ipv4, ipv6, transport, udp, vxlan
from tests.engines.kernel import rig
from tests.engines.kernel.btf import Span, Types

PROGRAM = object_file.ENGINE / SOURCES

STRUCTS: dict[str, np.dtype[Any]] = {
    "control": records.CONTROL,
    "place": records.PLACE,
    "device": records.DEVICE,
    "source": records.SOURCE,
    "tunnel": records.TUNNEL,
    "classifier": tables.CLASSIFIER,
    "node": records.NODE,
    "decision": tables.DECISION,
    "template": records.KERNEL_TEMPLATE,
    "way": records.WAY,
    "tally": records.TALLY,
    "bucket": records.BUCKET,
    "queue": records.QUEUE,
    "page": np.dtype([("bytes", "u1", records.PAGE)]),
}

MAPS = {
    "settings": (4, records.CONTROL.itemsize, 1),
    "devices": (records.PLACE.itemsize, records.DEVICE.itemsize, records.MAX_SOURCES),
    "buckets": (4, records.BUCKET.itemsize, records.N_BUCKETS),
    "queues": (4, records.QUEUE.itemsize, records.MAX_CPUS),
    "ways": (4, records.WAY.itemsize, N_DIRECTIONS * records.MAX_SOURCES),
    "tallies": (4, records.TALLY.itemsize, records.MAX_SESSIONS),
    "rules_counted": (4, 8, records.MAX_RULES),
    **dict.fromkeys(TABLES, (4, 4, records.GENERATIONS)),
}
"""Bytes of a key and of a value, and how many there may be; how many tunnels is the programs' own."""

TABLE_WORDS = {
    "NONE": tables.NONE,
    "ALSO_ARP": tables.ALSO_ARP,
    "ALSO_DHCP": tables.ALSO_DHCP,
    "ALSO_NON_IP": tables.ALSO_NON_IP,
    "FANOUT": tries.FANOUT,
    "HEADER_STRIDE": tables.HEADER_STRIDE,
    "MIN_PORT": flow.MIN_PORT,
    "PORT_MASK": flow.PORT_MASK,
    "SLOT_BITS": flow.SLOT_BITS,
}

WIRE_WORDS = {
    "ETHERNET_LEN": ethernet.HEADER_LEN,
    "TAG_LEN": ethernet.TAG_LEN,
    "MAX_TAGS": ethernet.MAX_TAGS,
    "TYPE_IPV4": ethernet.IPV4,
    "TYPE_ARP": ethernet.ARP,
    "TYPE_IPV6": ethernet.IPV6,
    "TYPE_VLAN": ethernet.VLAN,
    "TYPE_SERVICE_VLAN": ethernet.SERVICE_VLAN,
    "IPV4_LEN": ipv4.HEADER_LEN,
    "IPV6_LEN": ipv6.HEADER_LEN,
    "UDP_LEN": udp.HEADER_LEN,
    "VXLAN_LEN": vxlan.HEADER_LEN,
    "PORTS_LEN": transport.PORTS_LEN,
    "EXTENSION_UNIT": ipv6.EXTENSION_UNIT,
    "MAX_EXTENSIONS": ipv6.MAX_EXTENSIONS,
    "MAX_OPTIONS": ipv6.MAX_OPTIONS,
    "UNKNOWN_PROTOCOL": ipv6.UNKNOWN_PROTOCOL,
    "NO_NEXT_HEADER": ipv6.NO_NEXT_HEADER,
    "PADDED_LEN": ipv6.PADDED_LEN,
    "MIN_JUMBO": ipv6.MIN_JUMBO,
}


def enums(header: str) -> dict[str, dict[str, int]]:
    """Return the names and numbers of each enum in a header of ours; those without a name are one."""
    text = re.sub(r"/\*.*?\*/", "", (PROGRAM / header).read_text(encoding="ascii"), flags=re.DOTALL)
    found: dict[str, dict[str, int]] = {}
    for name, body in re.findall(r"enum (\w*)\s*\{([^}]*)\}", text):
        entries = re.findall(r"(\w+) = (-?(?:0x[0-9a-f]+|[0-9]+))\s*(?:,|$)", body.strip())
        found.setdefault(name, {}).update((word, int(number, 0)) for word, number in entries)
    return found


def test_structs() -> None:
    structs, sizes = Types(image()).structs(), Types(image()).sizes()
    declared = re.findall(
        r"^struct (\w+) \{", (PROGRAM / "structs.h").read_text(encoding="ascii"), re.MULTILINE
    )
    assert set(declared) == STRUCTS.keys()
    for name, dtype in STRUCTS.items():
        fields = (dtype.fields or {}).items()
        ours = {field: Span(offset, kind.itemsize) for field, (kind, offset, *_) in fields}
        assert (structs[name], sizes[name]) == (ours, dtype.itemsize), name


def test_records_of_the_plan() -> None:
    assert {name: tables.SOURCE[name] for name in records.SOURCE.names or () if name != "present"} == {
        name: records.SOURCE[name] for name in records.SOURCE.names or () if name != "present"
    }
    assert [tally.name.lower() for tally in Tally] == list(records.TALLY.names or ())


def test_maps(bpf: None) -> None:
    loaded = Loaded.anew()
    try:
        found = {name: each.info for name, each in loaded.maps.items()}
    finally:
        loaded.close()
    tunnels = found.pop("tunnels")
    assert tunnels.key_size == records.TUNNEL.itemsize
    assert {name: (info.key_size, info.value_size, info.max_entries) for name, info in found.items()} == MAPS
    assert {name for name, info in found.items() if info.kind == Kind.ARRAY_OF_MAPS} == set(TABLES)


def test_shared_words() -> None:
    shared = enums("constants.h")
    assert shared.pop("direction") == {
        **{name: getattr(batch, name) for name in ("UNKNOWN", "INGRESS", "EGRESS")},
        "N_DIRECTIONS": N_DIRECTIONS,
    }
    assert shared.pop("reason") == {**{reason.name: reason for reason in Reason}, "N_REASONS": N_REASONS}
    limits = shared.pop("limit")
    assert limits == {name: getattr(records, name) for name in limits}
    assert shared == {"table": TABLE_WORDS, "wire": WIRE_WORDS}


def test_words_of_one_header() -> None:
    parse, judge, cut = (enums(name)[""] for name in ("parse.h", "classify.h", "encapsulate.h"))
    assert parse["CUT"] == ethernet.CUT
    for name in ("NO_PORT", "TCP", "UDP", "DCCP", "SCTP", "UDP_LITE"):
        assert parse[name] == getattr(transport, name)
    for name in ("HOP_BY_HOP", "ROUTING", "FRAGMENT", "DESTINATION_OPTIONS"):
        assert parse[name] == getattr(ipv6, name)
    assert list(judge) == ["BOOTP_SERVER", "BOOTP_CLIENT", "DHCPV6_CLIENT", "DHCPV6_SERVER"]
    assert list(judge.values()) == [*dhcp.PORTS4, *dhcp.PORTS6]
    assert (cut["LENGTH4"], cut["LENGTH6"]) == (LENGTH4, LENGTH6)
    longest = ethernet.HEADER_LEN + ethernet.MAX_TAGS * ethernet.TAG_LEN + MAX_PACKET_LENGTH
    assert cut["CHUNK"] * cut["MAX_CHUNKS"] >= longest
    assert enums("roads.h")["road"]["STAGED"] == rig.STAGED
