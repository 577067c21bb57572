"""The tables decide as a list that is read from its top does, for rules and packets near every border."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrorplane.model import ANY_PORT, PortRange, Rule
from mirrorplane.plan import tables
from mirrorplane.plan.classifier import EMPTY, classifier, parts
from mirrorplane.plan.tables import NONE, Tables
from tests.plan.lookup import deciding

NUMBERS = {4: {"TCP": {6}, "UDP": {17}, "ICMP": {1}}, 6: {"TCP": {6}, "UDP": {17}, "ICMP": {1, 58}}}


def networks(version: int) -> st.SearchStrategy[IPv4Network | IPv6Network]:
    width = 32 if version == 4 else 128
    # Few distinct high bits, so that prefixes nest and touch.
    base = st.sampled_from([0, 10 << width - 8, (10 << width - 8) + (1 << width // 2), (1 << width) - 1])
    length = st.sampled_from([0, 1, 7, 8, 9, 15, 16, 17, 24, width - 1, width])
    kind = IPv4Network if version == 4 else IPv6Network
    return st.builds(lambda start, bits: kind((start >> width - bits << width - bits, bits)), base, length)


@st.composite
def rules(draw: st.DrawFn) -> list[Rule]:
    version = draw(st.sampled_from([4, 6]))
    found = []
    for priority in range(1, draw(st.integers(1, 150)) + 1):
        protocol = draw(st.sampled_from(["ALL", "TCP", "UDP", "ICMP"]))
        ports = st.just(ANY_PORT)
        if protocol in {"TCP", "UDP"}:
            ends = st.tuples(*[st.sampled_from([0, 1, 79, 80, 255, 256, 65535])] * 2)
            ports = st.one_of(ports, ends.map(lambda pair: PortRange(min(pair), max(pair))))
        found.append(
            Rule.model_construct(
                priority=priority,
                action="accept",
                protocol=protocol,
                source_cidr_block=draw(networks(version)),
                destination_cidr_block=draw(networks(version)),
                source_port_range=draw(ports),
                destination_port_range=draw(ports),
            )
        )
    return found


def matches(rule: Rule, source: Any, destination: Any, protocol: int, ports: tuple[int, int] | None) -> bool:
    if rule.protocol != "ALL" and protocol not in NUMBERS[rule.version][rule.protocol]:
        return False
    if source not in rule.source_cidr_block or destination not in rule.destination_cidr_block:
        return False
    for end, wanted in enumerate((rule.source_port_range, rule.destination_port_range)):
        if wanted != ANY_PORT and (ports is None or not wanted.low <= ports[end] <= wanted.high):
            return False
    return True


def compiled(chosen: list[Rule]) -> Tables:
    into = parts()
    row, shortcut = classifier(chosen, into)
    none = np.zeros(0, tables.SOURCE)
    return Tables(
        sources=none,
        addresses=none,
        tunnels=none,
        nodes=into.tries.nodes,
        bitmaps=into.tries.bitmaps,
        classifiers=np.array([(*row, 0)], tables.CLASSIFIER),
        decisions=none,
        slots=np.zeros(0, np.uint16),
        shortcuts=np.array([shortcut], tables.SHORTCUT),
        lists=into.lists.words,
        crossed=into.crossings.crossed,
    )


def near(network: IPv4Network | IPv6Network) -> st.SearchStrategy[Any]:
    """Addresses at the borders of a network and beside them."""
    low, high = int(network.network_address), int(network.broadcast_address)
    top = (1 << network.max_prefixlen) - 1
    kind = type(network.network_address)
    return st.sampled_from([low, high, max(low - 1, 0), min(high + 1, top)]).map(kind)


@settings(max_examples=60)
@given(st.data())
def test_the_first_matching_rule_decides(data: st.DataObject) -> None:
    chosen = data.draw(rules())
    found = compiled(chosen)
    port = st.sampled_from([0, 1, 2, 78, 79, 80, 81, 254, 255, 256, 257, 65534, 65535])
    for _ in range(20):
        picked = data.draw(st.sampled_from(chosen))
        source = data.draw(near(picked.source_cidr_block))
        destination = data.draw(near(picked.destination_cidr_block))
        protocol = data.draw(st.sampled_from([1, 6, 17, 58, 132, 255]))
        ports = data.draw(st.one_of(st.none(), st.tuples(port, port)))
        packet = (source, destination, protocol, ports)
        expected = next((row for row, rule in enumerate(chosen) if matches(rule, *packet)), NONE)
        assert deciding(found, 0, *packet) == expected


def test_no_rules_match_nothing() -> None:
    assert classifier([], parts()) == EMPTY
    found = compiled([])
    assert deciding(found, 0, ip_address("10.0.0.1"), ip_address("10.0.0.2"), 6, (1, 2)) == NONE


def rule(priority: int, network: str, ports: PortRange = ANY_PORT) -> Rule:
    return Rule.model_construct(
        priority=priority,
        action="accept",
        protocol="TCP",
        source_cidr_block=ip_network(network),
        destination_cidr_block=ip_network("0.0.0.0/0"),
        source_port_range=ANY_PORT,
        destination_port_range=ports,
    )


def test_thousands_of_rules_fit() -> None:
    chosen = [rule(n + 1, f"10.{n >> 8}.{n & 255}.0/24", PortRange(n, n + 7)) for n in range(4096)]
    found = compiled(chosen)
    for n in (0, 1, 63, 64, 4032, 4095):
        address = ip_address(f"10.{n >> 8}.{n & 255}.9")
        assert deciding(found, 0, address, ip_address("1.1.1.1"), 6, (5, n + 3)) == n
        assert deciding(found, 0, address, ip_address("1.1.1.1"), 6, (5, n + 8)) == NONE


def test_too_many_combinations_are_searched() -> None:
    chosen = [
        rule(n + 1, f"10.{n >> 2}.{n % 4}.0/24", PortRange(n % 37, n % 37)).model_copy(
            update={"destination_cidr_block": ip_network(f"11.{n % 251}.0.0/16")}
        )
        for n in range(600)
    ]
    found = compiled(chosen)
    assert found.shortcuts["crossing"][0] == NONE
    assert found.crossed.size == 0
    for n in range(0, 600, 7):
        packet = (ip_address(f"10.{n >> 2}.{n % 4}.1"), ip_address(f"11.{n % 251}.2.3"), 6, (5, n % 37))
        assert deciding(found, 0, *packet) == n
    assert compiled(chosen[:300]).shortcuts["crossing"][0] == NONE
    assert compiled(chosen[:70]).shortcuts["crossing"][0] != NONE


def test_equal_rules_share_their_tables() -> None:
    into, chosen = parts(), [rule(1, "10.0.0.0/8"), rule(2, "10.1.0.0/16")]
    first = classifier(chosen, into)
    sizes = into.tries.nodes.size, into.tries.bitmaps.size, into.lists.words.size
    assert classifier(chosen, into) == first
    assert (into.tries.nodes.size, into.tries.bitmaps.size, into.lists.words.size) == sizes
