"""What a packet generator must know of a configuration: whose addresses, which borders, what could match.

Owns the reading of a configuration into numbers to draw from. Must not know how packets are built.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

from tests.generate.configurations import PEERS, PEERS6, PORTS

NUMBERS = {"TCP": (6,), "UDP": (17,), "ICMP": (1, 58), "ALL": (6, 17, 1, 58, 132, 47, 255, 59, 136, 33, 51)}
EVERY_PROTOCOL = (6, 6, 6, 17, 17, 17, 1, 58, 132, 136, 33, 47, 50, 51, 59, 4, 41, 0, 255)
MOST = {4: 2**32 - 1, 6: 2**128 - 1}


@dataclass(frozen=True)
class Wish:
    """A rule, as what a packet must look like to match it: the ends of its CIDRs and port ranges."""

    direction: str
    version: int
    protocols: tuple[int, ...]
    source: tuple[int, int]
    destination: tuple[int, int]
    source_ports: tuple[int, int]
    destination_ports: tuple[int, int]


@dataclass(frozen=True)
class OwnOutput:
    """A session's own output, as far as it can be told by: version, addresses, port and VNI."""

    version: int
    source: int
    destination: int
    port: int
    vni: int


@dataclass(frozen=True)
class Surroundings:
    """What there is to draw from for packets of one source: addresses by IP version, rules, own output."""

    name: str
    mac: bytes | None
    addresses: dict[int, list[int]]
    others: dict[int, list[int]]
    wishes: list[Wish]
    own_output: list[OwnOutput]

    def address(self, rng: Random, version: int) -> int:
        """Return an address of the source or of somebody else."""
        own = self.addresses[version]
        return rng.choice(own) if own and rng.random() < 0.4 else rng.choice(self.others[version])


def surroundings(config: dict[str, Any]) -> list[Surroundings]:
    """Return those of every source with sessions, more than once, and of an ENI without any."""
    sources = [name for session in config["sessions"].values() for name in session["sources"]]
    idle = [name for name in config["interfaces"] if name == "eni-idle"]
    found = {name: _of(config, name) for name in {*sources, *idle}}
    return [found[name] for name in sorted(found) + sorted(set(sources)) * 4]


def near(rng: Random, ends: tuple[int, int], most: int) -> int:
    """Return a number within *ends*, at one of them, or one past it."""
    low, high = ends
    place = rng.random()
    if place < 0.4:
        return rng.randint(low, high)
    if place < 0.85:
        return low if place < 0.625 else high
    return max(0, low - 1) if place < 0.925 else min(most, high + 1)


def _of(config: dict[str, Any], name: str) -> Surroundings:
    said = config["interfaces"][name]
    sessions = [session for session in config["sessions"].values() if name in session["sources"]]
    rest = [other["addresses"] for key, other in config["interfaces"].items() if key != name]
    everybody = [*PEERS, *PEERS6, *(address for addresses in rest for address in addresses)]
    return Surroundings(
        name,
        bytes.fromhex(said["mac"].replace(":", "")) if "mac" in said else None,
        _by_version(said["addresses"]),
        _by_version(everybody),
        [wish for session in sessions for wish in _wishes(config["filters"][session["filter"]])],
        [own for session in sessions for own in _own_output(config, said["addresses"], session)],
    )


def _by_version(addresses: list[str]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {4: [], 6: []}
    for address in map(ip_address, addresses):
        found[address.version].append(int(address))
    return found


def _wishes(said: dict[str, Any]) -> list[Wish]:
    return [_wish(direction, rule) for direction in ("ingress", "egress") for rule in said.get(direction, [])]


def _wish(direction: str, rule: dict[str, Any]) -> Wish:
    return Wish(
        direction,
        ip_network(rule["source_cidr_block"]).version,
        NUMBERS[rule["protocol"]],
        _ends(rule["source_cidr_block"]),
        _ends(rule["destination_cidr_block"]),
        _port_ends(rule.get("source_port_range", "-1/-1")),
        _port_ends(rule.get("destination_port_range", "-1/-1")),
    )


def _ends(cidr: str) -> tuple[int, int]:
    network = ip_network(cidr)
    return int(network.network_address), int(network.broadcast_address)


def _port_ends(text: str) -> tuple[int, int]:
    low, high = map(int, text.split("/"))
    return (PORTS[1], PORTS[-1]) if low < 0 else (low, high)


def _own_output(config: dict[str, Any], addresses: list[str], session: dict[str, Any]) -> list[OwnOutput]:
    target = session["target"]
    backends = config.get("load_balancers", {}).get(target, {}).get("backends", [target])
    ends = [ip_address(config["interfaces"][backend]["addresses"][0]) for backend in backends]
    port, vni = session.get("vxlan_port", 4789), session["virtual_network_id"]
    return [
        OwnOutput(end.version, source, int(end), port, vni)
        for end in ends
        for source in _by_version(addresses)[end.version]
    ]
