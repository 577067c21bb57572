"""The verdict on each packet (DESIGN 3.1, 3.2).

Owns direction, the reasons in their order, and the deciding rule. Must not know header layouts.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tests.oracle.configuration import Configuration, Interface, Rule, Session, read_configuration
from tests.oracle.envelope import wrap
from tests.oracle.flow import backend_of, flow_of
from tests.oracle.headers import UDP, MalformedError, Reading, addresses, be16, read
from tests.oracle.outcome import Direction, Outcome, Packet, RuleId, Verdict, count

TURNED_ROUND: Mapping[Direction, Direction] = {"ingress": "egress", "egress": "ingress", "unknown": "unknown"}
MIRRORED = "mirrored"
DHCP_PORTS = {4: {67, 68}, 6: {546, 547}}
ALSO_MIRROR = {"arp": "arp", "not_ip": "non-ip", "dhcp": "dhcp"}
"""The reasons that a source can switch off, and the words that it does so with."""


def mirror(
    config: Mapping[str, Any],
    packets: Sequence[Packet],
    *,
    direction: Direction = "unknown",
    healthy: Collection[str] | None = None,
) -> Outcome:
    """Return what becomes of *packets* under *config*, the plain dict that a configuration file gives.

    *direction* is an explicit `--direction`; *healthy* the ids of the backends that are alive, None for all.
    """
    configuration = read_configuration(config)
    verdicts = tuple(judge(configuration, packet, direction, healthy) for packet in packets)
    return count(configuration, packets, verdicts)


def judge(
    configuration: Configuration,
    packet: Packet,
    explicit: Direction = "unknown",
    healthy: Collection[str] | None = None,
) -> Verdict:
    """Return the verdict: "where several reasons apply, the first of" them, in the order written here."""
    source = configuration.interfaces[packet.source]
    sessions = configuration.sessions[packet.source]
    direction = direction_of(packet, source, explicit)
    if direction == "unknown":
        return Verdict(direction, "not_for_source")
    try:
        reading = read(packet.frame)
    except MalformedError:
        return Verdict(direction, "malformed")
    if is_own_output(reading, source, sessions):
        return Verdict(direction, "own_output")
    unwanted = unwanted_kind(reading)
    if unwanted is not None and ALSO_MIRROR[unwanted] not in source.also_mirror:
        return Verdict(direction, unwanted)
    if sessions and not any(session.enabled for session in sessions):
        return Verdict(direction, "disabled")
    session, rule, reason = first_enabled(sessions) if unwanted else first_match(sessions, direction, reading)
    decided_by: RuleId | None = (session.id, direction, rule.priority) if session and rule else None
    if session is None or reason != MIRRORED:
        return Verdict(direction, reason, decided_by)
    backend = backend_of(session.backends, flow_of(reading), healthy)
    sent = wrap(packet.frame, reading, source, session, backend)
    return Verdict(
        direction,
        MIRRORED,
        decided_by,
        session.id,
        backend.id,
        sent.frame,
        sent.ip_bytes,
        sent.kept,
        sent.truncated,
    )


def direction_of(packet: Packet, source: Interface, explicit: Direction) -> Direction:
    """Tell the direction, "in this order".

    "The pcapng per-packet direction flag (turned round for `side: host`); the ENI's MAC, then its addresses
    (source matches: egress; else destination matches: ingress); an explicit `--direction`."
    """
    if packet.direction != "unknown":
        return TURNED_ROUND[packet.direction] if source.host_side else packet.direction
    return _direction_by_mac(packet.frame, source) or _direction_by_address(packet.frame, source) or explicit


def _direction_by_mac(frame: bytes, source: Interface) -> Direction | None:
    """The MACs are there where the Ethernet header is whole."""
    if source.mac is None or len(frame) < 14:
        return None
    if frame[6:12] == source.mac:
        return "egress"
    return "ingress" if frame[0:6] == source.mac else None


def _direction_by_address(frame: bytes, source: Interface) -> Direction | None:
    found = addresses(frame)
    if found is None:
        return None
    if found[0] in source.addresses:
        return "egress"
    return "ingress" if found[1] in source.addresses else None


def is_own_output(reading: Reading, source: Interface, sessions: Sequence[Session]) -> bool:
    """Tell "mirrorplane's own VXLAN output".

    It goes "from this source's address to this target's, port 4789, this session's VNI". A session that
    is disabled may have sent it a moment ago, so it counts here. The VXLAN header must be whole.
    """
    if reading.kind != "ip" or reading.protocol != UDP or reading.later_piece or len(reading.l4) < 16:
        return False
    udp_header, vxlan_header = reading.l4[:8], reading.l4[8:16]
    port, vni = be16(udp_header, 2), int.from_bytes(vxlan_header[4:7], "big")
    return (
        bool(vxlan_header[0] & 0x08)
        and reading.source in source.addresses
        and any(
            (port, vni) == (session.vxlan_port, session.vni)
            and reading.destination in [backend.addresses[0] for backend in session.backends]
            for session in sessions
        )
    )


def unwanted_kind(reading: Reading) -> str | None:
    """Tell what is "not mirrored, whatever the rules".

    "ARP and other non-IP, DHCP (UDP with both ports in 67/68 over IPv4, in 546/547 over IPv6)."
    """
    if reading.kind != "ip":
        return reading.kind
    if reading.protocol == UDP and reading.ports and set(reading.ports) <= DHCP_PORTS[reading.source[0]]:
        return "dhcp"
    return None


def first_enabled(sessions: Sequence[Session]) -> tuple[Session | None, Rule | None, str]:
    """`also_mirror`: "such packets go to the source's first enabled session"."""
    session = next((session for session in sessions if session.enabled), None)
    return session, None, MIRRORED if session else "no_rule"


def first_match(
    sessions: Sequence[Session], direction: Direction, reading: Reading
) -> tuple[Session | None, Rule | None, str]:
    """Find what decides: "the first rule that matches, over all of them".

    "Sessions of a source by ascending priority, within each the rules of the packet's direction by
    ascending priority. accept: mirrored to that session's target. drop: not mirrored at all. Nothing
    matches: not mirrored." "A disabled session takes no part."
    """
    for session in sessions:
        for rule in session.rules[direction] if session.enabled else ():
            if matches(rule, reading):
                return session, rule, MIRRORED if rule.accept else "drop_rule"
    return None, None, "no_rule"


def matches(rule: Rule, reading: Reading) -> bool:
    """Match "on protocol, CIDRs and ports of the packet's own IP header"."""
    return (
        (rule.protocols is None or reading.protocol in rule.protocols)
        and rule.source.holds(reading.source)
        and rule.destination.holds(reading.destination)
        and _port_matches(rule.source_ports, reading.ports and reading.ports[0])
        and _port_matches(rule.destination_ports, reading.ports and reading.ports[1])
    )


def _port_matches(wanted: tuple[int, int] | None, port: int | None) -> bool:
    """`-1/-1` is any port. Ports that are not in the packet match only `-1/-1`."""
    if wanted is None:
        return True
    return port is not None and wanted[0] <= port <= wanted[1]
