"""Templates are what scapy reads, and leave everything alone that is not theirs."""

from ipaddress import ip_address

import numpy as np
import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from mirrorplane.counters import Reason
from mirrorplane.plan import templates
from mirrorplane.plan.tables import HEADER_STRIDE
from mirrorplane.plan.templates import Outer


def outer(source: str, destination: str) -> Outer:
    return Outer(
        source_mac=b"\x02\0\0\0\0\1",
        destination_mac=b"\x02\0\0\0\0\x09",
        source=ip_address(source),
        destination=ip_address(destination),
        port=4789,
        vni=77,
        mtu=1500,
        packet_length=128,
        session=3,
    )


@pytest.mark.parametrize(
    ("source", "destination", "length", "room"),
    [("10.0.0.1", "10.9.0.2", 50, 1464), ("2001:db8::1", "2001:db8::9", 70, 1444)],
)
def test_a_template_is_what_was_asked_for(source: str, destination: str, length: int, room: int) -> None:
    made = templates.empty(3)
    made.header[:] = 0xA5
    templates.fill(made, 1, outer(source, destination), Reason.NO_ROUTE)
    header = bytes(made.header[HEADER_STRIDE : HEADER_STRIDE + length])
    frame = Ether(header)
    assert (frame.src, frame.dst) == ("02:00:00:00:00:01", "02:00:00:00:00:09")
    assert (frame.payload.src, frame.payload.dst) == (source, destination)
    assert UDP(header[-16:]).dport == 4789
    assert VXLAN(header[-8:]).vni == 77
    record = made.rows[1]
    assert (record["length"], record["room"], record["packet_length"], record["session"]) == (
        length,
        room,
        128,
        3,
    )
    assert record["reason"] == Reason.NO_ROUTE
    untouched = np.delete(made.header, np.arange(HEADER_STRIDE, HEADER_STRIDE + length))
    assert (untouched == 0xA5).all()


def test_two_families_are_refused() -> None:
    with pytest.raises(ValueError, match="not of one family"):
        templates.emit(outer("10.0.0.1", "2001:db8::9"))
