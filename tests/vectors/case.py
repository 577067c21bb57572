"""What a vector is: a description, a configuration, packets, and what must become of each.

Owns the shape of the table and the comparison with what an engine did. Must not know any engine, nor the
oracle's rules: it compares bytes and numbers that were written down by hand.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import pack
from typing import Any

from dpkt import in_cksum

from tests.oracle import Direction, Packet

Config = dict[str, Any]
IP_LENGTH = {4: 20, 6: 40}
"""Bytes of an outer IP header; UDP's 8 and VXLAN's 8 follow."""


@dataclass(frozen=True)
class Expected:
    """What must become of one packet.

    `kept` counts inner bytes with layer 2, `truncated` says that this is less than the packet. `port` is
    the outer UDP source port, `backend` the target interface, `outer` the whole outer frame: None where
    the case is not about them.
    """

    reason: str
    session: str | None = None
    kept: int = 0
    truncated: bool = False
    backend: str | None = None
    port: int | None = None
    outer: bytes | None = None


@dataclass(frozen=True)
class Case:
    """One row of the table. `shots` are the packets in the order of capture, each with what is expected.

    `direction` is an explicit `--direction`. `alike` are groups of packets (by index) that must leave
    with one UDP source port and for one backend; `unlike` groups whose ports must all differ. `share`
    bounds how many packets each backend gets.
    """

    id: str
    config: Config
    shots: tuple[tuple[Packet, Expected], ...]
    direction: Direction = "unknown"
    alike: tuple[tuple[int, ...], ...] = ()
    unlike: tuple[tuple[int, ...], ...] = ()
    share: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def packets(self) -> tuple[Packet, ...]:
        """The packets, in the order of capture."""
        return tuple(packet for packet, _ in self.shots)

    @property
    def expected(self) -> tuple[Expected, ...]:
        """What must become of each of them."""
        return tuple(expected for _, expected in self.shots)

    def counters(self) -> Config:
        """Return what must be counted, in the shape of DESIGN 6, for the sources of the case's packets."""
        sources: dict[str, Any] = {}
        for packet, expected in self.shots:
            entry = sources.setdefault(packet.source, {"seen": 0, "not_mirrored": Counter()})
            entry["seen"] += 1
            if expected.session is None:
                entry["not_mirrored"][expected.reason] += 1
        plain = {
            name: {**entry, "not_mirrored": dict(entry["not_mirrored"])} for name, entry in sources.items()
        }
        return {
            "sources": plain,
            "sessions": {name: self._tallies(name) for name in self.config.get("sessions", {})},
        }

    def _tallies(self, session: str) -> dict[str, int]:
        sent = [expected for expected in self.expected if expected.session == session]
        each = IP_LENGTH[family(self.config, session)] + 16
        return {
            "mirrored_packets": len(sent),
            "mirrored_bytes": sum(expected.kept + each for expected in sent),
            "truncated_packets": sum(expected.truncated for expected in sent),
        }


@dataclass(frozen=True)
class Result:
    """What an engine did with one packet: `outer` is the frame that it sent, Ethernet included."""

    reason: str
    session: str | None = None
    outer: bytes | None = None


@dataclass(frozen=True)
class Sent:
    """An outer frame taken apart at its fixed offsets; it has neither VLAN tags nor IP options."""

    frame: bytes

    @property
    def version(self) -> int:
        """The outer IP version, as the EtherType says it."""
        return 6 if self.frame[12:14] == b"\x86\xdd" else 4

    @property
    def ip(self) -> bytes:
        """The outer IP header."""
        return self.frame[14 : 14 + IP_LENGTH[self.version]]

    @property
    def udp(self) -> bytes:
        """The outer UDP header."""
        return self.frame[14 + len(self.ip) :][:8]

    @property
    def vxlan(self) -> bytes:
        """The VXLAN header."""
        return self.frame[14 + len(self.ip) + 8 :][:8]

    @property
    def inner(self) -> bytes:
        """The inner frame."""
        return self.frame[14 + len(self.ip) + 16 :]

    @property
    def addresses(self) -> tuple[bytes, bytes]:
        """Outer source and destination."""
        size = 4 if self.version == 4 else 16
        return self.ip[-2 * size : -size], self.ip[-size:]

    @property
    def source_port(self) -> int:
        """The outer UDP source port."""
        return int.from_bytes(self.udp[:2], "big")


def target(config: Config, session: str) -> list[str]:
    """Return the interfaces that a session's target stands for."""
    name = config["sessions"][session]["target"]
    return list(config.get("load_balancers", {}).get(name, {}).get("backends", [name]))


def family(config: Config, session: str) -> int:
    """Return the IP version of a session's outer headers: that of its target's first address."""
    return _addresses(config, target(config, session)[0])[0].version


def complaints(case: Case, results: Sequence[Result]) -> list[str]:
    """Return what is wrong with *results*, one of each packet in order; nothing if the case is met."""
    wrong = (
        [f"{len(results)} results for {len(case.shots)} packets"] if len(results) != len(case.shots) else []
    )
    for index, (packet, expected, result) in enumerate(
        zip(case.packets, case.expected, results, strict=False)
    ):
        wrong += [f"packet {index}: {what}" for what in _wrong_with(case, packet, expected, result)]
    return wrong or list(_wrong_together(case, [Sent(r.outer) if r.outer else None for r in results]))


def stream_complaints(case: Case, outers: Sequence[bytes], counters: Config) -> list[str]:
    """Return what is wrong with the frames that left, in order, and with the counters: all that a file shows.

    *counters* is in the shape of DESIGN 6; more than the case speaks of may be in it.
    """
    frames = iter(outers)
    results = [
        Result(expected.reason, expected.session, next(frames, None) if expected.session else None)
        for expected in case.expected
    ]
    wrong = [f"{left} frames too many"] if (left := len(list(frames))) else []
    wanted = case.counters()
    for section in ("sources", "sessions"):
        for name, entry in wanted[section].items():
            found = {key: counters[section].get(name, {}).get(key) for key in entry}
            wrong += [f"{section} {name}: {found}, expected {entry}"] if found != entry else []
    return wrong + complaints(case, results)


def _wrong_with(case: Case, packet: Packet, expected: Expected, result: Result) -> Iterator[str]:
    if (result.reason, result.session) != (expected.reason, expected.session):
        yield f"{result.reason} {result.session}, expected {expected.reason} {expected.session}"
        return
    if expected.session is None or result.outer is None:
        if (expected.session is None) != (result.outer is None):
            yield "a frame left that should not" if result.outer else "no frame left"
        return
    if expected.outer is not None and result.outer != expected.outer:
        yield f"outer frame {result.outer.hex()}, expected {expected.outer.hex()}"
    yield from _wrong_frame(case, packet, expected, Sent(result.outer))


def _wrong_frame(case: Case, packet: Packet, expected: Expected, sent: Sent) -> Iterator[str]:
    session = case.config["sessions"][expected.session]
    version = family(case.config, str(expected.session))
    length = IP_LENGTH[version] + 16 + expected.kept
    if sent.inner != packet.frame[: expected.kept]:
        yield f"{len(sent.inner)} inner bytes, expected the first {expected.kept} of {len(packet.frame)}"
    if sent.vxlan != pack(">BxxxI", 0x08, session["virtual_network_id"] << 8):
        yield f"VXLAN header {sent.vxlan.hex()}"
    if sent.udp[2:6] != pack(">HH", session.get("vxlan_port", 4789), length - IP_LENGTH[version]):
        yield f"UDP header {sent.udp.hex()}"
    if sent.source_port < 49152 or expected.port not in {None, sent.source_port}:
        yield f"source port {sent.source_port}, expected {expected.port or 'one from 49152 on'}"
    yield from _wrong_ipv4(sent, length) if version == 4 else _wrong_ipv6(sent, length)
    if (sent.frame[:12], sent.addresses) not in _ways(case.config, packet.source, expected):
        yield f"sent from and to {sent.frame[:12].hex()}, {sent.addresses}"


def _wrong_ipv4(sent: Sent, length: int) -> Iterator[str]:
    if sent.frame[12:24] != pack(">HBBHHHBB", 0x0800, 0x45, 0, length, 0, 0x4000, 64, 17):
        yield f"IPv4 header {sent.ip.hex()}"
    if in_cksum(sent.ip) != 0:
        yield "a wrong IPv4 checksum"
    if sent.udp[6:] != bytes(2):
        yield "a UDP checksum over IPv4"


def _wrong_ipv6(sent: Sent, length: int) -> Iterator[str]:
    if sent.frame[12:22] != pack(">HIHBB", 0x86DD, 0x60000000, length - 40, 17, 64):
        yield f"IPv6 header {sent.ip.hex()}"
    pseudo_header = b"".join(sent.addresses) + pack(">II", length - 40, 17)
    if in_cksum(pseudo_header + sent.frame[54:]) != 0 or sent.udp[6:] == bytes(2):
        yield "a wrong UDP checksum over IPv6"


def _ways(config: Config, source: str, expected: Expected) -> list[tuple[bytes, tuple[bytes, bytes]]]:
    """Return the MACs and the addresses that a packet of *source* may leave with: a way for each backend."""
    backends = [expected.backend] if expected.backend else target(config, str(expected.session))
    version = family(config, str(expected.session))
    own = next(address for address in _addresses(config, source) if address.version == version)
    return [
        (_mac(config, backend) + _mac(config, source), (own.packed, _addresses(config, backend)[0].packed))
        for backend in backends
    ]


def _addresses(config: Config, interface: str) -> list[IPv4Address | IPv6Address]:
    return [ip_address(address) for address in config["interfaces"][interface]["addresses"]]


def _mac(config: Config, interface: str) -> bytes:
    return bytes.fromhex(config["interfaces"][interface].get("mac", "00" * 6).replace(":", ""))


def _wrong_together(case: Case, sent: Sequence[Sent | None]) -> Iterator[str]:
    ways = [(one.source_port, one.addresses) if one else None for one in sent]
    for group in case.alike:
        if len({ways[index] for index in group}) > 1:
            yield f"{group} go ways that are not alike"
    for group in case.unlike:
        if len({ways[index] for index in group}) < len(group):
            yield f"{group}: a port twice"
    for name, (low, high) in case.share.items():
        got = sum(one.addresses[1] == _addresses(case.config, name)[0].packed for one in sent if one)
        if not low <= got <= high:
            yield f"{name} got {got} packets, expected {low} to {high}"
