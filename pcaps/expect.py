"""The expected outcome of recorded captures: `python pcaps/expect.py [CASE...]` writes `<case>.json`.

Owns what DESIGN 3.1 to 3.3 make of packets as tshark reads them. Must not know mirrorplane: nothing of it is
imported, so that the two can disagree. For ordinary traffic only: headers that lie are `edge.py`'s, and
expected by hand there.
"""

from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from json import dumps
from pathlib import Path
from subprocess import run
from sys import argv
from typing import Any, NamedTuple

from yaml import BaseLoader, load

HERE = Path(__file__).parent
FIELDS = (
    "frame.cap_len", "frame.packet_flags_direction", "eth.src", "eth.dst", "frame.protocols", "arp.opcode",
    "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.frag_offset",
    "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.fraghdr.offset", "ipv6.fraghdr.nxt",
    "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
)  # fmt: skip
UNFRAGMENTED = ("ip.defragment:FALSE", "ipv6.defragment:FALSE")
ETHERNET, TAG, VXLAN, UDP, OUTER_IP = 14, 4, 8, 8, {4: 20, 6: 40}
IPV6 = 40
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
PROTOCOLS = {
    "TCP": {4: {6}, 6: {6}},
    "UDP": {4: {17}, 6: {17}},
    "ICMP": {4: {1}, 6: {1, 58}},
}
"""What a rule's protocol matches, by the IP version of its CIDRs."""
DEFAULT_MTU = DEFAULT_PACKET_LENGTH = 1500

Config = dict[str, Any]
Address = IPv4Address | IPv6Address


class Packet(NamedTuple):
    """An IP packet as tshark reads it; `length` is the header's field, or what is there if that is less."""

    source: Address
    destination: Address
    protocol: int
    ports: tuple[int, int] | None
    l2_length: int
    length: int


def rows(capture: Path) -> list[dict[str, str]]:
    """Return what tshark reads of each frame; of fields that quoted headers have too, the first."""
    options = [part for preference in UNFRAGMENTED for part in ("-o", preference)]
    fields = [part for field in FIELDS for part in ("-e", field)]
    command = ["tshark", "-n", "-r", str(capture), *options, "-T", "fields", "-E", "occurrence=f", *fields]
    lines = run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in lines]


def packet(row: dict[str, str]) -> Packet | None:
    """Return the IP packet of a frame, None where it is not IP."""
    layers = row["frame.protocols"].split(":")
    l2_length = ETHERNET + TAG * sum(layer in {"vlan", "ieee8021ad"} for layer in layers)
    there = int(row["frame.cap_len"]) - l2_length
    if row["ip.src"] and not _first(layers, "ipv6", "ip"):
        protocol, later = int(row["ip.proto"]), row["ip.frag_offset"] != "0"
        ends, length = (row["ip.src"], row["ip.dst"]), int(row["ip.len"])
    elif row["ipv6.src"]:
        later = row["ipv6.fraghdr.offset"] not in {"", "0"}
        found = (NUMBERS[layer] for layer in layers if layer in NUMBERS)
        protocol = int(row["ipv6.fraghdr.nxt"]) if row["ipv6.fraghdr.nxt"] else next(found)
        ends, length = (row["ipv6.src"], row["ipv6.dst"]), IPV6 + int(row["ipv6.plen"])
    else:
        return None
    names = {6: "tcp", 17: "udp"}.get(protocol, "")
    ports = None if later or not names else (int(row[f"{names}.srcport"]), int(row[f"{names}.dstport"]))
    return Packet(ip_address(ends[0]), ip_address(ends[1]), protocol, ports, l2_length, min(length, there))


def _first(layers: list[str], one: str, other: str) -> bool:
    """Return whether layer *one* is there and comes before *other*."""
    return one in layers and (other not in layers or layers.index(one) < layers.index(other))


def direction(row: dict[str, str], found: Packet | None, interface: Config) -> str | None:
    """Return the direction as the ENI sees it (DESIGN 3.1)."""
    flag = int(row["frame.packet_flags_direction"] or "0", 0)
    if flag:
        inward = (flag == 1) != (interface.get("side") == "host")
        return "ingress" if inward else "egress"
    ends = [(row["eth.src"], row["eth.dst"])] if "mac" in interface else []
    mine = {interface.get("mac", "").lower(), *map(ip_address, interface["addresses"])}
    ends += [(found.source, found.destination)] if found else []  # type: ignore[list-item]
    for source, destination in ends:
        if source in mine:
            return "egress"
        if destination in mine:
            return "ingress"
    return None


def matches(rule: Config, found: Packet) -> bool:
    """Return whether a rule matches a packet (DESIGN 3.2)."""
    source, destination = ip_network(rule["source_cidr_block"]), ip_network(rule["destination_cidr_block"])
    wanted = PROTOCOLS[rule["protocol"]][source.version] if rule["protocol"] != "ALL" else {found.protocol}
    if found.protocol not in wanted:
        return False
    if found.source not in source or found.destination not in destination:
        return False
    return all(
        (low, high) == (-1, -1) or (found.ports is not None and low <= found.ports[which] <= high)
        for which, key in enumerate(("source_port_range", "destination_port_range"))
        for low, high in [tuple(map(int, rule.get(key, "-1/-1").split("/")))]
    )


def decide(config: Config, source: str, row: dict[str, str]) -> tuple[str, Packet | None]:
    """Return the session that mirrors a packet, or the reason why none does."""
    found, interface = packet(row), config["interfaces"][source]
    way = direction(row, found, interface)
    if way is None:
        return "not_for_source", None
    if found is None:
        return ("arp" if row["arp.opcode"] else "not_ip"), None
    sessions = [(name, each) for name, each in config["sessions"].items() if source in each["sources"]]
    for name, session in sorted(sessions, key=lambda pair: int(pair[1]["priority"])):
        rules = config["filters"][session["filter"]].get(way, ()) if session.get("enabled") != "false" else ()
        for rule in sorted(rules, key=lambda rule: int(rule["priority"])):
            if matches(rule, found):
                return (name if rule["action"] == "accept" else "drop_rule"), found
    return "no_rule", found


def target(config: Config, session: Config) -> Config:
    """Return the interface that a session sends to; backends of a load balancer are all alike here."""
    name = session["target"]
    backends = config.get("load_balancers", {}).get(name, {"backends": [name]})["backends"]
    found: Config = config["interfaces"][backends[0]]
    return found


def sizes(config: Config, session: Config, found: Packet) -> tuple[int, bool]:
    """Return the outer IP length of a mirrored packet, and whether it was truncated (DESIGN 3.3)."""
    interface = target(config, session)
    around = found.l2_length + VXLAN + UDP + OUTER_IP[ip_address(interface["addresses"][0]).version]
    packet_length = int(session.get("packet_length", DEFAULT_PACKET_LENGTH))
    kept = min(found.length, packet_length, int(interface.get("mtu", DEFAULT_MTU)) - around)
    return around + kept, kept < found.length


def outcome(case: str) -> Config:
    """Return what `mirrorplane replay --json` must report of a case."""
    config: Config = load((HERE / f"{case}.yaml").read_bytes(), BaseLoader)  # noqa: S506 - it makes nothing but text
    tallies = {name: Counter[str]() for name in config["sessions"]}
    sources = {}
    for source, capture in captures(case, config):
        verdicts = [decide(config, source, row) for row in rows(capture)]
        for verdict, found in verdicts:
            if verdict in tallies and found:
                size, cut = sizes(config, config["sessions"][verdict], found)
                tallies[verdict].update(mirrored_packets=1, mirrored_bytes=size, truncated_packets=int(cut))
        reasons = Counter(verdict for verdict, _ in verdicts if verdict not in tallies)
        sources[source] = {"seen": len(verdicts), "not_mirrored": dict(sorted(reasons.items()))}
    names = ("mirrored_packets", "mirrored_bytes", "truncated_packets")
    sessions = {session: {name: tallies[session][name] for name in names} for session in sorted(tallies)}
    return {"sources": sources, "sessions": sessions}


def captures(case: str, config: Config) -> list[tuple[str, Path]]:
    """Return the sources of a case with their files: `<case>.pcap`, of several `<case>.<source>.pcap`."""
    sources = sorted({source for session in config["sessions"].values() for source in session["sources"]})
    names = {source: f"{case}.{source}" if len(sources) > 1 else case for source in sources}
    return [(source, next(HERE.glob(f"{name}.pcap*"))) for source, name in names.items()]


RECORDED = (
    "both",
    "demo",
    "dns",
    "fragments",
    "http",
    "http6",
    "icmp",
    "jumbo",
    "offloads",
    "qinq",
    "ssh",
    "tls",
    "vlan",
)

if __name__ == "__main__":
    for case in argv[1:] or RECORDED:
        (HERE / f"{case}.json").write_text(dumps(outcome(case), indent=2) + "\n", encoding="utf-8")
