"""How much is kept: PacketLength from the IP header on, or what the MTU leaves, or nothing."""

from ipaddress import ip_address

import pytest

from mirrorplane import batch
from mirrorplane.plan import templates
from mirrorplane.plan.templates import Outer
from mirrorplane.stages import truncate

HEADER = 50


@pytest.mark.parametrize("payload", [0, 54])
@pytest.mark.parametrize(
    ("l3_length", "packet_length", "mtu", "kept"),
    [
        (500, 1500, 1500, 514),
        (1500, 1500, 1500, 1464),
        (1500, 1500, 8500, 1514),
        (1500, 64, 1500, 78),
        (1500, 1500, 36, 0),
        (1500, 1500, 20, 0),
    ],
)
def test_kept_is_the_least_of_three(
    l3_length: int, packet_length: int, mtu: int, kept: int, payload: int
) -> None:
    packets, copies = batch.packets(1), batch.copies(1)
    packets.l2_length[0], packets.l3_length[0] = 14, 30_000 if payload else l3_length
    copies.count[0], copies.payload[0], copies.whole[0] = 1, payload, 14 + l3_length if payload else 0
    made = templates.empty(1)
    ends = ip_address("10.0.0.1"), ip_address("10.9.0.2")
    templates.fill(made, 0, Outer(bytes(6), bytes(6), *ends, 4789, 7, mtu, packet_length, 0))
    truncate(packets, made, copies)
    assert (copies.kept[0], copies.length[0]) == (kept, HEADER + kept)
    assert copies.whole[0] == 14 + l3_length
