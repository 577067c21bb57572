"""The configuration of DESIGN 5, as the rules of DESIGN 3 read it.

Owns the defaults and the order of sessions and rules. Must not know packets. It trusts the file:
validation is what the model is tested for elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

Address = tuple[int, int]
"""An IP address as (version, number)."""

PROTOCOLS: dict[str, dict[int, frozenset[int]]] = {
    "TCP": {4: frozenset({6}), 6: frozenset({6})},
    "UDP": {4: frozenset({17}), 6: frozenset({17})},
    "ICMP": {4: frozenset({1}), 6: frozenset({1, 58})},
}
"""What a rule's protocol matches: "`ICMP` matches ICMP, and ICMPv6 where the rule's CIDRs are IPv6"."""


@dataclass(frozen=True)
class Cidr:
    """A block of addresses, both ends included."""

    version: int
    first: int
    last: int

    def holds(self, address: Address) -> bool:
        """Return whether *address* is of this block; an address of the other IP version never is."""
        version, number = address
        return version == self.version and self.first <= number <= self.last


@dataclass(frozen=True)
class Rule:
    """One rule of one direction. `protocols` None is ALL; a port range None is `-1/-1`."""

    priority: int
    accept: bool
    protocols: frozenset[int] | None
    source: Cidr
    destination: Cidr
    source_ports: tuple[int, int] | None
    destination_ports: tuple[int, int] | None


@dataclass(frozen=True)
class Interface:
    """A network interface, as source or as target."""

    id: str
    mac: bytes | None
    addresses: tuple[Address, ...]
    host_side: bool
    also_mirror: frozenset[str]
    mtu: int

    def first_address(self, version: int) -> Address:
        """Return the first address of an IP version; a source without one is an error of the file."""
        return next(address for address in self.addresses if address[0] == version)


@dataclass(frozen=True)
class Session:
    """A mirror session; `backends` is the target interface alone, or those of the load balancer."""

    id: str
    priority: int
    enabled: bool
    packet_length: int
    vni: int
    vxlan_port: int
    rules: Mapping[str, tuple[Rule, ...]]
    backends: tuple[Interface, ...]


@dataclass(frozen=True)
class Configuration:
    """What packets are judged by: the interfaces, and of each source its sessions by ascending priority."""

    interfaces: Mapping[str, Interface]
    sessions: Mapping[str, tuple[Session, ...]]
    session_ids: tuple[str, ...]


def read_configuration(config: Mapping[str, Any]) -> Configuration:
    """Return the configuration of a file's plain dict, as YAML gives it."""
    interfaces = {name: _interface(name, said) for name, said in config["interfaces"].items()}
    filters = {name: _filter(said) for name, said in (config.get("filters") or {}).items()}
    by_source: dict[str, list[Session]] = {name: [] for name in interfaces}
    for name, said in (config.get("sessions") or {}).items():
        backends = tuple(interfaces[backend] for backend in _backend_ids(config, said["target"]))
        session = _session(name, said, filters[said["filter"]], backends)
        for source in said["sources"]:
            by_source[source].append(session)
    ordered = {source: _by_priority(sessions) for source, sessions in by_source.items()}
    return Configuration(interfaces, ordered, tuple(config.get("sessions") or {}))


def _by_priority(sessions: list[Session]) -> tuple[Session, ...]:
    return tuple(sorted(sessions, key=lambda session: session.priority))


def _backend_ids(config: Mapping[str, Any], target: str) -> list[str]:
    if target in (config.get("load_balancers") or {}):
        return list(config["load_balancers"][target]["backends"])
    return [target]


def _session(
    name: str, said: Mapping[str, Any], rules: Mapping[str, tuple[Rule, ...]], backends: tuple[Interface, ...]
) -> Session:
    return Session(
        id=name,
        priority=int(said["priority"]),
        enabled=bool(said.get("enabled", True)),
        packet_length=int(said.get("packet_length", 1500)),
        vni=int(said["virtual_network_id"]),  # a VNI that is drawn cannot be judged: cases always say one
        vxlan_port=int(said.get("vxlan_port", 4789)),
        rules=rules,
        backends=backends,
    )


def _interface(name: str, said: Mapping[str, Any]) -> Interface:
    addresses = [ip_address(text) for text in said.get("addresses") or ()]
    return Interface(
        id=name,
        mac=bytes.fromhex(said["mac"].replace(":", "")) if said.get("mac") else None,
        addresses=tuple((address.version, int(address)) for address in addresses),
        host_side=said.get("side") == "host",
        also_mirror=frozenset(said.get("also_mirror") or ()),
        mtu=int(said.get("mtu", 1500)),
    )


def _filter(said: Mapping[str, Any]) -> dict[str, tuple[Rule, ...]]:
    return {
        direction: tuple(sorted(map(_rule, said.get(direction) or ()), key=lambda rule: rule.priority))
        for direction in ("ingress", "egress")
    }


def _rule(said: Mapping[str, Any]) -> Rule:
    source, destination = _cidr(said["source_cidr_block"]), _cidr(said["destination_cidr_block"])
    everything = said["protocol"] == "ALL"
    return Rule(
        priority=int(said["priority"]),
        accept=said["action"] == "accept",
        protocols=None if everything else PROTOCOLS[said["protocol"]][source.version],
        source=source,
        destination=destination,
        source_ports=_ports(said.get("source_port_range", "-1/-1")),
        destination_ports=_ports(said.get("destination_port_range", "-1/-1")),
    )


def _cidr(text: str) -> Cidr:
    network = ip_network(text)
    return Cidr(network.version, int(network.network_address), int(network.broadcast_address))


def _ports(text: str) -> tuple[int, int] | None:
    """`-1/-1` is any port."""
    if text == "-1/-1":
        return None
    low, high = text.split("/")
    return int(low), int(high)
