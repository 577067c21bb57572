"""The flow hash: fixed values that every engine must give, symmetry, spread."""

from ipaddress import ip_address
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.jit import I64, U8, U64, kernel
from mirrorplane.wire import flow

MASK = (1 << 64) - 1


class Flow(NamedTuple):
    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: int


@kernel
def _hash4(addresses: U8, ports: I64, out: U64) -> None:
    one, other = flow.endpoint4(addresses, 0, ports[0]), flow.endpoint4(addresses, 4, ports[1])
    out[0] = flow.between(one, other, ports[2])
    ports[0], ports[1] = flow.source_port(out[0]), flow.slot(out[0])


@kernel
def _hash6(addresses: U8, ports: I64, out: U64) -> None:
    one, other = flow.endpoint6(addresses, 0, ports[0]), flow.endpoint6(addresses, 16, ports[1])
    out[0] = flow.between(one, other, ports[2])
    ports[0], ports[1] = flow.source_port(out[0]), flow.slot(out[0])


def compiled(packet: Flow) -> tuple[int, int, int]:
    source, destination = ip_address(packet.source), ip_address(packet.destination)
    addresses = np.frombuffer(source.packed + destination.packed + bytes(8), np.uint8)
    ports = np.array([packet.source_port, packet.destination_port, packet.protocol])
    out = np.zeros(1, np.uint64)
    (_hash4 if source.version == 4 else _hash6)(addresses, ports, out)
    return int(out[0]), int(ports[0]), int(ports[1])


def mix(word: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        word = (word ^ word >> 33) * factor & MASK
    return word ^ word >> 33


def by_definition(packet: Flow) -> int:
    ends = []
    for text, port in ((packet.source, packet.source_port), (packet.destination, packet.destination_port)):
        address = ip_address(text)
        number = int(address)
        if address.version == 4:
            ends.append(number << 16 | port)
        else:
            ends.append(mix((number >> 64) + mix((number & MASK) + port & MASK) & MASK))
    return mix(min(ends) + mix(max(ends) + packet.protocol & MASK) & MASK)


addresses4, addresses6 = st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str)
ports = st.integers(0, 0xFFFF)
flows = st.one_of(
    st.builds(Flow, addresses4, ports, addresses4, ports, st.integers(0, 255)),
    st.builds(Flow, addresses6, ports, addresses6, ports, st.integers(0, 255)),
)


@given(flows)
def test_it_is_its_definition_and_symmetric(packet: Flow) -> None:
    turned = Flow(
        packet.destination, packet.destination_port, packet.source, packet.source_port, packet.protocol
    )
    assert compiled(packet)[0] == compiled(turned)[0] == by_definition(packet)


@pytest.mark.parametrize(
    ("packet", "port", "slot"),
    [
        (Flow("10.0.0.1", 1234, "10.0.0.2", 80, 6), 62205, 9037),
        (Flow("2001:db8::1", 1234, "2001:db8::2", 80, 6), 59644, 1305),
    ],
)
def test_fixed_values_hold_from_release_to_release(packet: Flow, port: int, slot: int) -> None:
    assert compiled(packet)[1:] == (port, slot)


def test_ports_spread_over_the_whole_range() -> None:
    found = {compiled(Flow("10.0.0.1", port, "10.0.0.2", 80, 6))[1] for port in range(4096)}
    assert len(found) > 3500
    assert min(found) >= 49152
    assert max(found) <= 65535
