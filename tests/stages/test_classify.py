"""Own output, also where its source address is lent by a device (DESIGN 3.7)."""

from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from mirrorplane.batch import EGRESS
from mirrorplane.capture.memory import MemorySource, Packet
from mirrorplane.engines.replay import Replay, into
from mirrorplane.engines.report import report
from mirrorplane.forward.memory import MemorySink
from mirrorplane.model import read
from mirrorplane.plan import compile_plan, templates
from mirrorplane.plan.templates import Outer

ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
"""Told which, as scapy would ask this machine's own network for them, a second each."""
TEXT = """
interfaces:
  eni-a: {addresses: ["2001:db8::1"]}
  eni-b: {addresses: [10.1.0.2]}
  eni-t: {addresses: [10.9.0.2]}
filters:
  tmf-a:
    egress:
      - {priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
sessions:
  tms-a: {priority: 1, sources: [eni-a], target: eni-t, filter: tmf-a, virtual_network_id: 7}
  tms-b: {priority: 2, sources: [eni-b], target: eni-t, filter: tmf-a, virtual_network_id: 8}
"""


def reasons(source: int, sender: str, vni: int, *, shared_wire: bool) -> dict[str, int]:
    plan = compile_plan(read(TEXT, "own.yaml"), shared_wire=shared_wire)
    made = templates.empty(len(plan.routes))
    for row, route in enumerate(plan.routes):
        lent = route.source_address or ip_address("10.9.0.1")
        outer = Outer(bytes(6), bytes(6), lent, route.destination, 4789, route.vni, 1500, 1500, row)
        templates.fill(made, row, outer)
    frame = bytes(ETHER / IP(src=sender, dst="10.9.0.2") / UDP(dport=4789) / VXLAN(vni=vni) / ETHER / IP())
    run = Replay(plan, MemorySource([Packet(frame, source, 0, EGRESS)]), into(MemorySink(), made))
    run.run()
    return report(plan, run.counters)["sources"][plan.sources[source]]["not_mirrored"]


@pytest.mark.parametrize(
    ("source", "sender", "vni", "shared_wire", "expected"),
    [
        (0, "10.9.0.1", 7, False, {"own_output": 1}),
        (0, "10.9.0.1", 9, False, {}),
        (1, "10.1.0.2", 8, False, {"own_output": 1}),
        (1, "10.9.0.1", 8, False, {}),
        (1, "10.9.0.1", 7, False, {}),
        (1, "10.9.0.1", 7, True, {"own_output": 1}),
    ],
    ids=[
        "lent address",
        "another VNI",
        "own address",
        "another address",
        "another source's",
        "on a shared wire",
    ],
)
def test_own_output(source: int, sender: str, vni: int, shared_wire: bool, expected: dict[str, int]) -> None:
    assert reasons(source, sender, vni, shared_wire=shared_wire) == expected
