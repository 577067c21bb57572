"""The small world that the vectors play in: one web server's interface, one peer, one sensor.

Owns its names and addresses, the configuration around it, and the building of frames (with scapy, which
lies when asked to). Must not know what is expected of anything.
"""

from struct import pack

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from tests.oracle import Direction, Packet
from tests.vectors.case import Case, Config, Expected

Field = int | str | bytes
Macs = tuple[str, str] | None
Groups = tuple[tuple[int, ...], ...]
WEB_MAC, PEER_MAC, SENSOR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:77", "02:00:00:00:00:09"
WEB, PEER, SENSOR = "10.0.0.1", "198.51.100.7", "10.9.0.2"
WEB6, PEER6, SENSOR6 = "2001:db8::1", "2001:db8:7::7", "2001:db8:9::2"
IPV4, IPV6, ARP, VLAN, SERVICE_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8


def rule(
    priority: int = 1,
    action: str = "accept",
    protocol: str = "ALL",
    *,
    source: str = "0.0.0.0/0",
    destination: str = "0.0.0.0/0",
    sports: str | None = None,
    dports: str | None = None,
) -> Config:
    """Return a rule as the file has it; ports that are not said are left out."""
    ports = {"source_port_range": sports, "destination_port_range": dports}
    return {
        "priority": priority,
        "action": action,
        "protocol": protocol,
        "source_cidr_block": source,
        "destination_cidr_block": destination,
        **{key: value for key, value in ports.items() if value is not None},
    }


def rule6(priority: int = 1, action: str = "accept", protocol: str = "ALL", **more: str) -> Config:
    """Return a rule over IPv6, of any addresses unless said."""
    return rule(priority, action, protocol, **{"source": "::/0", "destination": "::/0", **more})


EVERYTHING = [rule(101), rule6(102)]


def setup(
    *,
    ingress: list[Config] = EVERYTHING,
    egress: list[Config] = EVERYTHING,
    source: Config | None = None,
    target: Config | None = None,
    session: Config | None = None,
    **sections: Config,
) -> Config:
    """Return a configuration with one session, `tms-a` from `eni-web` to `eni-sensor`, of everything.

    *source*, *target* and *session* change keys of these (a value of None takes the key away); *sections*
    add entries to the sections of the file.
    """
    web = {"mac": WEB_MAC, "addresses": [WEB, WEB6], **(source or {})}
    sensor = {"mac": SENSOR_MAC, "addresses": [SENSOR], **(target or {})}
    config: Config = {
        "interfaces": {"eni-web": _said(web), "eni-sensor": _said(sensor)},
        "filters": {"tmf-a": {"ingress": list(map(dict, ingress)), "egress": list(map(dict, egress))}},
        "sessions": {"tms-a": {**mirror_session(1, vni=77), **(session or {})}},
    }
    for section, entries in sections.items():
        config[section] = _said({**config.get(section, {}), **entries})
    return config


def mirror_session(priority: int, rules: str = "tmf-a", *, vni: int, **more: object) -> Config:
    """Return a session from `eni-web` to `eni-sensor`, as the file has it."""
    ends = {"sources": ["eni-web"], "target": "eni-sensor", "filter": rules}
    return {"priority": priority, **ends, "virtual_network_id": vni, **more}


def _said(entries: Config) -> Config:
    return {key: value for key, value in entries.items() if value is not None}


def over_ipv6(
    *, source: Config | None = None, target: Config | None = None, session: Config | None = None
) -> Config:
    """Return `setup` with a sensor that is reached over IPv6."""
    return setup(source=source, target={"addresses": [SENSOR6], **(target or {})}, session=session)


def ethernet(
    l3: bytes,
    kind: int = IPV4,
    *,
    source: str = PEER_MAC,
    destination: str = WEB_MAC,
    tags: tuple[int, ...] = (),
) -> bytes:
    """Return a frame, to `eni-web` unless said otherwise; *tags* are TPIDs, each with VLAN 5."""
    macs = bytes.fromhex((destination + source).replace(":", ""))
    return macs + b"".join(pack(">HH", tpid, 5) for tpid in tags) + pack(">H", kind) + l3


def from_web(l3: bytes, kind: int = IPV4, tags: tuple[int, ...] = ()) -> bytes:
    """Return a frame that `eni-web` sends."""
    return ethernet(l3, kind, source=WEB_MAC, destination=PEER_MAC, tags=tags)


def ip4(
    payload: bytes = b"", *, proto: int = 6, source: str = PEER, destination: str = WEB, **fields: Field
) -> bytes:
    """Return an IPv4 packet, from the peer to the web server unless said otherwise; *fields* are scapy's."""
    return bytes(IP(src=source, dst=destination, proto=proto, **fields) / Raw(payload))


def ip6(
    payload: bytes = b"", *, nh: int = 6, source: str = PEER6, destination: str = WEB6, **fields: Field
) -> bytes:
    """Return an IPv6 packet, from the peer to the web server unless said otherwise."""
    return bytes(IPv6(src=source, dst=destination, nh=nh, **fields) / Raw(payload))


def tcp(sport: int = 40000, dport: int = 80, size: int = 20) -> bytes:
    """Return a TCP segment of *size* bytes, its checksum unfinished."""
    return bytes(TCP(sport=sport, dport=dport, chksum=0)) + filler(size - 20)


def udp(sport: int = 40000, dport: int = 80, payload: bytes = b"") -> bytes:
    """Return a UDP datagram without a checksum."""
    return bytes(UDP(sport=sport, dport=dport, chksum=0, len=8 + len(payload))) + payload


def filler(size: int) -> bytes:
    """Return *size* bytes in which no two neighbours are alike, so that a shift shows."""
    return bytes(index % 251 for index in range(size))


def http4(size: int = 40, *, tags: tuple[int, ...] = (), padding: int = 0) -> bytes:
    """Return a frame to the web server with an IPv4 packet of *size* bytes, TCP 40000 to 80."""
    return ethernet(ip4(tcp(size=size - 20)), tags=tags) + bytes(padding)


def http6(size: int = 60, *, tags: tuple[int, ...] = ()) -> bytes:
    """Return a frame to the web server with an IPv6 packet of *size* bytes, TCP 40000 to 80."""
    return ethernet(ip6(tcp(size=size - 40)), IPV6, tags=tags)


def vxlan(vni: int = 77, flags: int = 0x08, inner: bytes | None = None) -> bytes:
    """Return a VXLAN header and an inner frame."""
    return pack(">BxxxI", flags, vni << 8) + (http4() if inner is None else inner)


def outer4(inner: bytes, port: int, *, vni: int = 77, dport: int = 4789, macs: Macs = None) -> bytes:
    """Return the outer frame from web server to sensor as scapy builds it; *macs*: source, destination."""
    ip = IP(src=WEB, dst=SENSOR, ttl=64, tos=0, id=0, flags="DF")
    return _outer(ip, UDP(sport=port, dport=dport, chksum=0), vni, inner, macs)


def outer6(inner: bytes, port: int, *, vni: int = 77, dport: int = 4789, macs: Macs = None) -> bytes:
    """Return the outer frame over IPv6 as scapy builds it; scapy computes the UDP checksum."""
    ip = IPv6(src=WEB6, dst=SENSOR6, hlim=64, tc=0, fl=0)
    return _outer(ip, UDP(sport=port, dport=dport), vni, inner, macs)


def _outer(ip: Layer, udp_header: Layer, vni: int, inner: bytes, macs: Macs) -> bytes:
    source, destination = macs or (WEB_MAC, SENSOR_MAC)
    vxlan_header = VXLAN(flags=0x08, vni=vni)
    return bytes(Ether(src=source, dst=destination) / ip / udp_header / vxlan_header / Raw(inner))


def mirrored(
    kept: int,
    session: str = "tms-a",
    *,
    truncated: bool = False,
    backend: str | None = None,
    port: int | None = None,
    outer: bytes | None = None,
) -> Expected:
    """Expect a packet to be mirrored with *kept* inner bytes, all of them unless said otherwise."""
    return Expected("mirrored", session, kept, truncated, backend, port, outer)


def whole(
    frame: bytes,
    session: str = "tms-a",
    *,
    backend: str | None = None,
    port: int | None = None,
    outer: bytes | None = None,
) -> Expected:
    """Expect a frame to be mirrored from its first byte to its last."""
    return mirrored(len(frame), session, backend=backend, port=port, outer=outer)


def one(
    description: str,
    frame: bytes,
    expected: Expected,
    config: Config | None = None,
    *,
    flag: Direction = "unknown",
    explicit: Direction = "unknown",
) -> Case:
    """Return a case of one packet of `eni-web`; *flag* is the capture's, *explicit* is `--direction`."""
    packet = Packet("eni-web", frame, len(frame), flag)
    return Case(description, setup() if config is None else config, ((packet, expected),), explicit)


def several(description: str, config: Config, *shots: tuple[bytes, Expected], **groups: Groups) -> Case:
    """Return a case of several packets of `eni-web`; *groups* are those of `Case`."""
    packets = tuple((Packet("eni-web", frame, len(frame)), expected) for frame, expected in shots)
    return Case(description, config, packets, alike=groups.get("alike", ()), unlike=groups.get("unlike", ()))


MALFORMED, OWN_OUTPUT = Expected("malformed"), Expected("own_output")
NOT_FOR_SOURCE = Expected("not_for_source")
ARP_SEEN, NOT_IP, DHCP = Expected("arp"), Expected("not_ip"), Expected("dhcp")
DISABLED, DROPPED, NO_RULE = Expected("disabled"), Expected("drop_rule"), Expected("no_rule")
