"""Random configurations: the dict that the YAML of DESIGN 5 gives, always one that `check` accepts.

Owns the choice of interfaces, load balancers, filters and sessions. Must not know packets.
"""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

Config = dict[str, Any]
PEERS = [
    "192.0.2.1",
    "192.0.2.255",
    "198.51.100.7",
    "203.0.113.9",
    "10.255.0.1",
    "0.0.0.1",
    "255.255.255.254",
]
PEERS6 = ["2001:db8:7::7", "2001:db8:7:8000::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1", "::1"]
PREFIXES, PREFIXES6 = (0, 0, 1, 8, 15, 16, 24, 30, 31, 32), (0, 0, 1, 32, 48, 63, 64, 65, 120, 127, 128)
PORTS = (0, 1, 22, 53, 66, 67, 68, 69, 80, 443, 546, 547, 1023, 1024, 4789, 8472, 49152, 65534, 65535)
MOST_RULE_PRIORITY, MOST_SESSION_PRIORITY, MOST_VNI = 16777216, 32766, 16777215
FAMILIES = ("4", "4", "6", "46", "64", "464")


def random_configuration(rng: Random) -> Config:
    """Return a configuration with one to three sources, some sessions, and perhaps an ENI without any."""
    sources = {f"eni-s{number}": _source(rng, number) for number in range(1, rng.randint(2, 4))}
    targets = {f"eni-t{number}": _target(rng, number) for number in range(rng.randint(1, 4))}
    idle = {"eni-idle": _source(rng, 9)} if rng.random() < 0.2 else {}
    balancers = _balancers(rng, targets)
    known = [address for said in {**sources, **targets}.values() for address in said["addresses"]]
    filters = {f"tmf-{number}": _filter(rng, known) for number in range(rng.randint(1, 4))}
    config: Config = {"interfaces": _shuffled(rng, {**sources, **targets, **idle}), "filters": filters}
    if balancers:
        config["load_balancers"] = balancers
    config["sessions"] = _sessions(rng, config, list(sources))
    return config


def _shuffled(rng: Random, entries: Config) -> Config:
    return dict(rng.sample(list(entries.items()), len(entries)))


def _source(rng: Random, number: int) -> Config:
    """Return a source; the first has both families, so that every target has a source that reaches it."""
    families = rng.choice(FAMILIES) if number > 1 else rng.choice(FAMILIES[3:])
    addresses = [_own_address(number, place, family) for place, family in enumerate(families, 1)]
    said: Config = {"addresses": addresses}
    if rng.random() < 0.75:
        said["mac"] = f"02:00:00:00:00:{number:02x}"
    if rng.random() < 0.5:
        said["side"] = rng.choice(("eni", "host"))
    if rng.random() < 0.4:
        said["also_mirror"] = [kind for kind in ("arp", "dhcp", "non-ip") if rng.random() < 0.6]
    return said


def _own_address(number: int, place: int, family: str) -> str:
    return f"10.{number}.0.{place}" if family == "4" else f"2001:db8:{number}::{place}"


def _target(rng: Random, number: int) -> Config:
    family = rng.choice("446")
    addresses = [f"10.99.0.{number + 1}", f"2001:db8:99::{number + 1}"]
    ordered = addresses if family == "4" else addresses[::-1]
    said: Config = {"addresses": ordered[: 1 + (rng.random() < 0.3)]}
    if rng.random() < 0.7:
        said["mac"] = f"02:00:00:00:99:{number:02X}"
    if rng.random() < 0.6:
        least = 1280 if any(":" in address for address in said["addresses"]) else 256
        said["mtu"] = max(least, rng.choice((256, 300, 576, 1280, 1300, 1499, 1500, 1501, 1550, 1600, 9000)))
    return said


def _balancers(rng: Random, targets: Config) -> Config:
    """Return up to two load balancers, each with backends of one family."""
    found: Config = {}
    for number in range(rng.choice((0, 0, 1, 1, 2))):
        family = rng.choice([_family(said) for said in targets.values()])
        able = [name for name, said in targets.items() if _family(said) == family]
        backends = rng.sample(able, rng.randint(1, len(able)))
        found[f"lb-{number}"] = {"backends": backends, "address": f"10.98.0.{number + 1}"}
    return found


def _family(said: Config) -> int:
    return ip_address(said["addresses"][0]).version


def _filter(rng: Random, known: Sequence[str]) -> Config:
    said: Config = {"ingress": _rules(rng, known), "egress": _rules(rng, known)}
    if rng.random() < 0.1:
        del said[rng.choice(("ingress", "egress"))]
    return said


def _rules(rng: Random, known: Sequence[str]) -> list[Config]:
    """Return rules of one direction, in no order, often with one at the end that matches everything."""
    number = rng.choice((0, 1, 2, 3, 4, 6, 8, 12))
    priorities = rng.sample((*range(1, 40), MOST_RULE_PRIORITY - 1, MOST_RULE_PRIORITY), number)
    rules = [_rule(rng, priority, known) for priority in priorities]
    if rng.random() < 0.3:
        block = rng.choice(("0.0.0.0/0", "::/0"))
        rules.append(
            {
                "priority": 1000,
                "action": rng.choice(("accept", "accept", "drop")),
                "protocol": "ALL",
                "source_cidr_block": block,
                "destination_cidr_block": block,
            }
        )
    return rules


def _rule(rng: Random, priority: int, known: Sequence[str]) -> Config:
    version = rng.choice((4, 4, 6))
    protocol = rng.choice(("ALL", "TCP", "TCP", "UDP", "UDP", "ICMP"))
    said: Config = {
        "priority": priority,
        "action": rng.choice(("accept", "accept", "drop")),
        "protocol": protocol,
        "source_cidr_block": _cidr(rng, version, known),
        "destination_cidr_block": _cidr(rng, version, known),
    }
    for key in ("source_port_range", "destination_port_range"):
        if rng.random() < 0.6:
            said[key] = _port_range(rng) if protocol in {"TCP", "UDP"} else "-1/-1"
    return said


def _cidr(rng: Random, version: int, known: Sequence[str]) -> str:
    peers, prefixes = (PEERS, PREFIXES) if version == 4 else (PEERS6, PREFIXES6)
    bases = peers + [address for address in known if (":" in address) == (version == 6)]
    return str(ip_network((rng.choice(bases), rng.choice(prefixes)), strict=False))


def _port_range(rng: Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(("-1/-1", "0/65535"))
    low, high = sorted((rng.choice(PORTS), rng.choice(PORTS)))
    return f"{low}/{high}" if rng.random() < 0.6 else f"{low}/{low}"


def _sessions(rng: Random, config: Config, sources: Sequence[str]) -> Config:
    number = rng.randint(1, 5)
    priorities = rng.sample((*range(1, 20), MOST_SESSION_PRIORITY), number)
    networks = rng.sample((0, 1, 77, 256, 65536, 0x123456, MOST_VNI), number)
    enabled = 0.0 if rng.random() < 0.08 else 0.85
    found = (
        _session(rng, config, sources, {"priority": priority, "virtual_network_id": network})
        for priority, network in zip(priorities, networks, strict=True)
    )
    sessions = {f"tms-{index}": session for index, session in enumerate(found)}
    for session in sessions.values():
        if rng.random() > enabled:
            session["enabled"] = False
        elif rng.random() < 0.3:
            session["enabled"] = True
    return sessions


def _session(rng: Random, config: Config, sources: Sequence[str], said: Config) -> Config:
    """Fill in a session; its sources have an address of its target's family, the first always has."""
    interfaces, balancers = config["interfaces"], config.get("load_balancers", {})
    target = rng.choice([*balancers, *balancers, *(name for name in interfaces if name.startswith("eni-t"))])
    first = balancers[target]["backends"][0] if target in balancers else target
    family = _family(interfaces[first])
    able = [source for source in sources if _has_family(interfaces[source], family)]
    said |= {"sources": rng.sample(able, rng.randint(1, len(able))), "target": target}
    said["filter"] = rng.choice(list(config["filters"]))
    if rng.random() < 0.7:
        said["packet_length"] = rng.choice((64, 65, 66, 100, 128, 1400, 1450, 1499, 1500, 8500))
    if rng.random() < 0.2:
        said["vxlan_port"] = rng.choice((1, 67, 8472, 65535))
    return said


def _has_family(said: Config, family: int) -> bool:
    return any(ip_address(address).version == family for address in said["addresses"])
