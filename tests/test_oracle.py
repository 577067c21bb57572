"""The judge, judged: the vectors, the conservation law, what other libraries make of its frames.

Owns the self-tests of the oracle, the vectors and the generators. Must not know the data plane.
"""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw
from yaml import safe_dump, safe_load

from tests.generate import Scenario, configurations, random_scenario, scenarios
from tests.oracle import Outcome, Packet, Verdict, internet_checksum, mirror, mix64, read_configuration
from tests.vectors import CASES, Case, Result, complaints, stream_complaints
from tests.vectors.world import ethernet, http4, http6, ip4, setup, tcp

LOST_BY_INTENT = {"not_for_source", "own_output", "malformed", "arp", "not_ip", "dhcp"}
EVERY_REASON = {"mirrored", "disabled", "drop_rule", "no_rule"} | LOST_BY_INTENT
NAMES = [case.id for case in CASES]


def judged(scenario: Scenario) -> Outcome:
    return mirror(scenario.config, scenario.packets, direction=scenario.direction)


def results(outcome: Outcome) -> list[Result]:
    return [Result(verdict.reason, verdict.session, verdict.outer) for verdict in outcome.verdicts]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_oracle_meets_vector(case: Case) -> None:
    outcome = mirror(case.config, case.packets, direction=case.direction)
    outers = [verdict.outer for verdict in outcome.verdicts if verdict.outer]
    assert complaints(case, results(outcome)) == []
    assert stream_complaints(case, outers, outcome.counters) == []


def test_vectors_have_names_of_their_own() -> None:
    assert [name for name, times in Counter(NAMES).items() if times > 1] == []


def test_vectors_cover_every_reason() -> None:
    assert {expected.reason for case in CASES for expected in case.expected} == EVERY_REASON


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_vector_survives_yaml(case: Case) -> None:
    text = safe_dump(case.config)
    assert safe_load(text) == case.config
    assert "&id" not in text


def _meddled(case: Case) -> list[list[Result]]:
    """Return results that are wrong in one way each: too short, too long, a bit flipped, another session."""
    good = results(mirror(case.config, case.packets, direction=case.direction))
    first = good[0]
    assert first.outer is not None
    flipped = [first.outer[:at] + bytes([first.outer[at] ^ 0x80]) + first.outer[at + 1 :] for at in range(80)]
    outers = [first.outer[:-1], first.outer + b"x", *flipped, None]
    wrong = [*(replace(first, outer=outer) for outer in outers), replace(first, session="tms-z")]
    return [[], *([one] for one in wrong)]


@pytest.mark.parametrize("case", [case for case in CASES if case.id.startswith("IPv4 in IPv")])
def test_complaints_are_made(case: Case) -> None:
    assert [meddled for meddled in _meddled(case) if not complaints(case, meddled)] == []


def test_stream_complaints_are_made() -> None:
    case = next(case for case in CASES if len(case.packets) == 3)
    outcome = mirror(case.config, case.packets)
    outers = [verdict.outer for verdict in outcome.verdicts if verdict.outer]
    nothing: dict[str, Any] = {"sources": {}, "sessions": {}}
    assert stream_complaints(case, outers, outcome.counters) == []
    assert stream_complaints(case, outers[1:], outcome.counters)
    assert stream_complaints(case, [*outers, outers[0]], outcome.counters)
    assert stream_complaints(case, outers[::-1], outcome.counters)
    assert stream_complaints(case, outers, nothing)


@pytest.mark.parametrize(
    ("value", "mixed"), [(0, 0), (1, 0xB456BCFC34C2CB2C), (0x0123456789ABCDEF, 0x87CBFBFE89022CEA)]
)
def test_mix64_is_murmur_s_finaliser(value: int, mixed: int) -> None:
    assert mix64(value) == mixed


@given(st.binary(min_size=1, max_size=200).filter(any))
def test_checksum_is_dpkt_s(data: bytes) -> None:
    assert internet_checksum(data) == dpkt.in_cksum(data)


@pytest.mark.parametrize("block", range(4))
def test_random_packets_meet_every_reason_and_keep_the_law(block: int) -> None:
    reasons: Counter[str] = Counter()
    for seed in range(block * 25, block * 25 + 25):
        outcome = judged(random_scenario(seed, 200))
        reasons.update(verdict.reason for verdict in outcome.verdicts)
        seen = [source["seen"] for source in outcome.counters["sources"].values()]
        assert sum(seen) == sum(outcome.seen.values()) == _ended(outcome) == 200
    assert {reason for reason, number in reasons.items() if number >= 50} == EVERY_REASON


def _ended(outcome: Outcome) -> int:
    sources, sessions = outcome.counters["sources"].values(), outcome.counters["sessions"].values()
    ended = [session["mirrored_packets"] for session in sessions]
    ended += [number for source in sources for number in source["not_mirrored"].values()]
    return sum(ended)


@settings(deadline=None, max_examples=25)
@given(scenarios(count=30))
def test_frames_are_what_scapy_and_dpkt_read(scenario: Scenario) -> None:
    configuration = read_configuration(scenario.config)
    for packet, verdict in zip(scenario.packets, judged(scenario).verdicts, strict=True):
        if verdict.outer is None or verdict.session is None:
            continue
        session = scenario.config["sessions"][verdict.session]
        limit = configuration.interfaces[str(verdict.backend)].mtu
        assert verdict.outer_ip_bytes == len(verdict.outer) - 14 <= limit
        _read_by_dpkt(verdict.outer, session, packet.frame[: verdict.kept])
        _read_by_scapy(verdict.outer)


def _read_by_dpkt(outer: bytes, session: dict[str, Any], inner: bytes) -> None:
    ip = dpkt.ethernet.Ethernet(outer).data
    vxlan = bytes(ip.data.data)
    assert (ip.p, ip.data.dport) == (17, session.get("vxlan_port", 4789))
    assert 49152 <= ip.data.sport <= 65535
    assert ip.data.ulen == len(ip.data)
    assert vxlan[:8] == b"\x08\0\0\0" + session["virtual_network_id"].to_bytes(3, "big") + b"\0"
    assert vxlan[8:] == inner


def _read_by_scapy(outer: bytes) -> None:
    """Let scapy compute the checksums anew; over IPv4 that of UDP is 0 instead."""
    ip = IP(outer[14:]) if outer[12:14] == b"\x08\x00" else IPv6(outer[14:])
    ip[UDP].payload = Raw(outer[14 + (20 if ip.version == 4 else 40) + 8 :])
    if ip.version == 4:
        assert (ip.tos, ip.id, str(ip.flags), ip.ttl, ip[UDP].chksum) == (0, 0, "DF", 64, 0)
        del ip.chksum
    else:
        assert (ip.tc, ip.fl, ip.hlim) == (0, 0, 64)
        assert ip[UDP].chksum != 0
        del ip[UDP].chksum
    assert bytes(ip) == outer[14:]


@settings(deadline=None, max_examples=50)
@given(scenarios(count=40))
def test_a_scenario_is_made_again_by_its_seed(scenario: Scenario) -> None:
    again = random_scenario(scenario.seed, 40)
    assert again == scenario
    assert safe_load(safe_dump(scenario.config)) == scenario.config


@settings(deadline=None, max_examples=50)
@given(configurations())
def test_a_random_configuration_keeps_the_rules_of_the_file(config: dict[str, Any]) -> None:
    for session in config["sessions"].values():
        balancer = config.get("load_balancers", {}).get(session["target"], {})
        backends = [config["interfaces"][name] for name in balancer.get("backends", [session["target"]])]
        families = {ip_address(backend["addresses"][0]).version for backend in backends}
        assert len(families) == 1
        for source in session["sources"]:
            own = {ip_address(address).version for address in config["interfaces"][source]["addresses"]}
            assert families <= own
    for key in ("priority", "virtual_network_id"):
        said = [session[key] for session in config["sessions"].values()]
        assert len(said) == len(set(said))


def _balanced(backends: int) -> dict[str, Any]:
    names = {f"eni-s{number}": {"addresses": [f"10.9.0.{number}"]} for number in range(1, backends + 1)}
    return setup(
        interfaces=names,
        load_balancers={"lb-a": {"backends": list(names), "address": "10.9.0.100"}},
        session={"target": "lb-a"},
    )


def test_losing_a_backend_moves_its_flows_and_no_others() -> None:
    config = _balanced(5)
    packets = [Packet("eni-web", ethernet(ip4(tcp(port))), 54) for port in range(1024, 2024)]
    healthy = ["eni-s1", "eni-s2", "eni-s4", "eni-s5"]
    before, after = mirror(config, packets).verdicts, mirror(config, packets, healthy=healthy).verdicts
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old.backend != new.backend]
    assert {old.backend for old, _ in moved} == {"eni-s3"}
    assert 150 < len(moved) < 250
    assert {new.backend for _, new in moved} == set(healthy)


def test_no_healthy_backend_is_not_for_a_file_to_say() -> None:
    with pytest.raises(ValueError, match="no backend is healthy"):
        mirror(_balanced(2), [Packet("eni-web", http4(), 54)], healthy=[])


@pytest.mark.parametrize("frame", [http4(60, tags=(0x8100,)), http6(70, tags=(0x88A8, 0x8100))])
def test_a_packet_cut_at_every_length_has_a_verdict(frame: bytes) -> None:
    """Within layer 2 and the fixed IP header it is malformed, from there on all that is left is mirrored."""
    fixed = len(frame) - (40 if frame[-70:-69] != b"\x60" else 30)
    verdicts = _each_length(frame)
    assert {verdict.reason for verdict in verdicts[:fixed]} == {"malformed"}
    assert [verdict.kept for verdict in verdicts[fixed:]] == list(range(fixed, len(frame) + 1))


def _each_length(frame: bytes) -> tuple[Verdict, ...]:
    packets = [Packet("eni-web", frame[:size], len(frame), "ingress") for size in range(len(frame) + 1)]
    return mirror(setup(), packets).verdicts
