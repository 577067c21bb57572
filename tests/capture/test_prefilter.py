"""The filter keeps whole all that the judge mirrors, and of the rest no more than what tells its reason."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise
from random import Random
from socket import AF_PACKET, SO_RCVBUF, SOCK_RAW, SOL_SOCKET, socket

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet as Layers
from scapy.packet import Raw

from mirrorplane.capture.afpacket import ETH_P_ALL
from mirrorplane.capture.cbpf import IMM, JEQ, LD, LEN, MAX_INSTRUCTIONS, Program
from mirrorplane.capture.prefilter import HEADERS, program
from mirrorplane.lab.network import End, Lab
from mirrorplane.model import read
from mirrorplane.plan.intervals import Range
from mirrorplane.plan.prefilter import BOXES, Box, Wanted, everything, wanted
from tests.capture.classic_bpf import INSTRUCTION, Interpreter, Kernel, attach
from tests.generate import Scenario, random_scenario, scenarios
from tests.generate.headers import FILLER
from tests.oracle import read_configuration
from tests.oracle.judge import judge

OUTGOING = 4
LEAST, SHORT = 78, 142
"""Headers that the program can do with, and those that can be: two tags, all options."""

NOTHING = Wanted((), (), arp=False, non_ip=False)
EVERY = tuple(everything(version) for version in (4, 6))
WEB = everything(4)._replace(
    protocol=Range(6, 6), destination=Range(0x0A000000, 0x0AFFFFFF), destination_ports=Range(80, 90)
)
WEB6 = everything(6)._replace(
    protocol=Range(6, 6),
    source=Range(0xFD << 120, (0xFD << 120) + (1 << 70) - 1),
    source_ports=Range(443, 443),
)
FOUR, SIX = IP(src="192.0.2.1", dst="10.1.2.3"), IPv6(src="fd00::1", dst="2001:db8::1")


def frame(*layers: Layers, size: int = 1000) -> bytes:
    """Return a frame of *size* bytes, and the lengths that its headers say."""
    head = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
    for layer in layers:
        head /= layer
    return bytes(head / Raw(bytes(size - len(head))))


def received(*boxes: Box) -> Wanted:
    return NOTHING._replace(received=boxes)


def filter_of(wanted: Wanted, headers: int = HEADERS) -> bytes:
    """Return the program, which is not None."""
    made = program(wanted, headers)
    assert made is not None
    return made


def kept(wanted: Wanted, *frames: bytes) -> list[int]:
    with Kernel(filter_of(wanted)) as kernel:
        return [kernel.kept(each) for each in frames]


def longer(frame: bytes, size: int) -> bytes:
    """Return *frame* with what makes it *size* bytes long, or a little longer, behind it."""
    return frame + FILLER[: max(0, size - len(frame))]


def check(scenario: Scenario, headers: int, *, sent: bool) -> None:
    """Assert that the filters of a scenario's sources keep what they must, for packets of one direction."""
    judging = read_configuration(scenario.config)
    configuration = read(yaml.safe_dump(scenario.config, sort_keys=False), "case.yaml")
    for source in sorted({packet.source for packet in scenario.packets}):
        host_end = configuration.interfaces[source].side == "host"
        said = wanted(configuration, source, turned=host_end, boxes=2 + scenario.seed % 9)
        if sent:  # the kernel's machine knows no packets that were sent: it is given them as received ones
            said = said._replace(received=said.sent, sent=said.received)
        made = program(said, headers)
        if made is None:
            continue
        packets = [packet for packet in scenario.packets if packet.source == source]
        packets += [replace(packet, frame=longer(packet.frame, headers + 1)) for packet in packets]
        with Kernel(made) as kernel:
            for packet in packets:
                as_seen = replace(packet, direction="egress" if sent else "ingress")
                verdict = judge(judging, as_seen)
                left = kernel.kept(packet.frame)
                if verdict.reason == "mirrored":
                    assert left == len(packet.frame), packet
                else:
                    assert left >= min(len(packet.frame), headers), packet
                    cut = replace(as_seen, frame=packet.frame[:left])
                    assert judge(judging, cut).reason == verdict.reason, packet


@pytest.mark.parametrize("sent", [False, True], ids=["received", "sent"])
@pytest.mark.parametrize("first", range(0, 100, 25))
def test_nothing_that_is_mirrored_is_cut(first: int, sent: bool) -> None:
    for seed in range(first, first + 25):
        check(random_scenario(seed, 200), HEADERS, sent=sent)


@settings(max_examples=30)
@given(scenarios(), st.booleans())
def test_nothing_that_hypothesis_finds_is_cut(scenario: Scenario, sent: bool) -> None:
    check(scenario, SHORT, sent=sent)


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
@example(b"", 0)
@example(bytes(13), 0)
def test_no_load_misses(data: bytes, seed: int) -> None:
    """Whatever a frame is, it is not rejected, by either machine: both keep the same."""
    rng = Random(seed)
    kinds = (b"\x08\x00", b"\x86\xdd", b"\x81\x00", b"\x08\x06", b"\x00\x2e")
    typed = data[:12] + rng.choice(kinds) + data[12:]
    boxes = (WEB, WEB6, WEB._replace(protocol=Range(17, 17), source_ports=Range(0, 65535)))
    made = filter_of(Wanted(boxes, boxes[:1], arp=True, non_ip=False), LEAST)
    machine = Interpreter(made)
    with Kernel(made) as kernel:
        for each in (data, typed):
            assert kernel.kept(each) == machine.kept(each) >= min(len(each), LEAST)
            assert machine.kept(each, OUTGOING) >= min(len(each), LEAST)


@pytest.mark.parametrize("size", [*range(20), HEADERS - 1, HEADERS])
def test_a_short_frame_is_kept_whole(size: int) -> None:
    assert kept(NOTHING, frame(FOUR / TCP())[:size].ljust(size, b"\0")) == [size]


@pytest.mark.parametrize(
    ("layers", "is_kept"),
    [
        (FOUR / TCP(dport=80), True),
        (FOUR / TCP(dport=90), True),
        (FOUR / TCP(dport=79), False),
        (FOUR / TCP(dport=91), False),
        (FOUR / UDP(dport=80), False),
        (IP(src="192.0.2.1", dst="11.0.0.0") / TCP(dport=80), False),
        (IP(src="192.0.2.1", dst="10.1.2.3", options=[b"\x01"] * 40) / TCP(dport=80), True),
        (IP(src="192.0.2.1", dst="10.1.2.3", options=[b"\x01"] * 40) / TCP(dport=79), False),
        (IP(src="192.0.2.1", dst="10.1.2.3", flags="MF") / TCP(dport=80), True),
        (IP(src="192.0.2.1", dst="10.1.2.3", flags="MF", proto=6, frag=7) / Raw(b"\0\x50" * 4), False),
        (SIX / TCP(sport=443), True),
        (SIX / TCP(sport=444), False),
        (SIX / UDP(sport=443), False),
        (IPv6(src="fd00::40:0:0:0:1", dst="::1") / TCP(sport=443), False),
        (IPv6(src="fd00::3f:0:0:0:1", dst="::1") / TCP(sport=443), True),
        (SIX / IPv6ExtHdrDestOpt() / UDP(), True),
        (Dot1Q(vlan=5) / FOUR / UDP(), True),
        (ARP(), False),
        (Raw(b""), False),
    ],
    ids=lambda value: value.summary() if isinstance(value, Layers) else "",
)
def test_what_is_not_wanted_is_cut(layers: Layers, is_kept: bool) -> None:
    assert kept(received(WEB, WEB6), frame(layers)) == [1000 if is_kept else HEADERS]


def test_a_fragment_without_ports_is_kept_where_no_port_is_asked_for() -> None:
    fragment = frame(IP(src="192.0.2.1", dst="10.1.2.3", proto=6, frag=7))
    of_any = everything(4)._replace(protocol=Range(6, 6))
    every_port = WEB._replace(destination_ports=Range(0, 65535))
    assert kept(received(WEB, of_any), fragment) == [1000]
    assert kept(received(WEB, every_port), fragment) == [HEADERS]


def test_beside_ip_a_source_says_what_it_wants() -> None:
    arp, other = frame(ARP()), frame(Raw(b""))
    assert kept(NOTHING, arp, other) == [HEADERS, HEADERS]
    assert kept(NOTHING._replace(arp=True), arp, other) == [1000, HEADERS]
    assert kept(NOTHING._replace(non_ip=True), arp, other) == [HEADERS, 1000]


def test_directions_are_told_apart() -> None:
    web, six = frame(FOUR / TCP(dport=80)), frame(SIX / UDP())
    machine = Interpreter(filter_of(Wanted((WEB,), (EVERY[1],), arp=False, non_ip=False)))
    assert [machine.kept(web), machine.kept(six)] == [1000, HEADERS]
    assert [machine.kept(web, OUTGOING), machine.kept(six, OUTGOING)] == [HEADERS, 1000]


def test_where_all_is_wanted_there_is_no_filter() -> None:
    assert program(Wanted(EVERY, EVERY, arp=False, non_ip=False)) is None
    assert program(Wanted(EVERY, EVERY[:1], arp=True, non_ip=True)) is not None


def test_a_super_packet_is_not_cut() -> None:
    assert kept(received(EVERY[0]), frame(FOUR / TCP(), size=65000)) == [65000]


def test_what_nobody_asks_for_is_judged_in_a_few_steps() -> None:
    machine = Interpreter(filter_of(received(EVERY[0])))
    assert machine.kept(frame(FOUR / UDP())) == 1000
    assert machine.steps <= 8


def many(rng: Random, version: int) -> tuple[Box, ...]:
    """Return boxes that have nothing in common and leave out no check."""
    bits = {4: 32, 6: 128}[version]

    def network() -> Range:
        low = rng.getrandbits(bits) & ~1
        return Range(low, low + 1)

    def ports() -> Range:
        low = rng.randrange(1, 1000)
        return Range(low, low + 1)

    return tuple(Box(version, Range(6, 17), network(), network(), ports(), ports()) for _ in range(BOXES))


@pytest.mark.parametrize(("version", "most"), [(4, 1024), (6, 2048)])
def test_the_longest_program_is_valid(version: int, most: int) -> None:
    rng = Random(version)
    boxes, others = many(rng, version), many(rng, version)
    made = filter_of(Wanted(boxes, others, arp=False, non_ip=False))
    assert len(made) <= most * INSTRUCTION.size <= MAX_INSTRUCTIONS * INSTRUCTION.size
    machine = Interpreter(made)
    with Kernel(made) as kernel:
        for way, (here, there) in ((0, (boxes, others)), (OUTGOING, (others, boxes))):
            for box in (*here, *there):
                sample = sample_of(box)
                left = machine.kept(sample, way)
                assert left == (len(sample) if box in here else HEADERS)
                assert way or kernel.kept(sample) == left


def sample_of(box: Box) -> bytes:
    """Return a frame in two corners of *box*."""
    ip = IP if box.version == 4 else IPv6
    ends = ip(src=str(ip_address(box.source.low)), dst=str(ip_address(box.destination.high)))
    return frame(ends / TCP(sport=box.source_ports.low, dport=box.destination_ports.high))


def test_a_port_more_costs_a_step_more() -> None:
    ports = range(1, 64, 2)
    boxes = tuple(WEB._replace(destination_ports=Range(port, port)) for port in ports)
    steps = []
    for port in ports:
        machine = Interpreter(filter_of(received(*boxes)))
        assert machine.kept(frame(FOUR / TCP(dport=port))) == 1000
        steps.append(machine.steps)
    assert {after - before for before, after in pairwise(steps)} == {1}


@pytest.mark.parametrize("between", [0, 1, *range(248, 262), 600])
def test_a_jump_reaches_any_distance(between: int) -> None:
    """A comparison jumps over 255 instructions at most; what lies farther is reached in two steps."""
    write = Program()
    no, yes = write.leave(1), write.leave(2)
    far_no, far_yes = write.step(LD | IMM, 0, no), write.step(LD | IMM, 0, yes)
    label = far_yes
    for _ in range(between):
        label = write.step(LD | IMM, 0, label)
    label = write.fork(JEQ, 7, far_yes, far_no)
    label = write.fork(JEQ, 5, yes, label)
    write.step(LD | LEN, 0, write.fork(JEQ, 4, no, label))
    machine = Interpreter(write.packed())
    assert [machine.kept(bytes(size)) for size in (4, 5, 6, 7)] == [1, 2, 1, 2]


@pytest.fixture
def lab(allowed: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


def test_on_a_device_it_cuts_by_direction(lab: Lab) -> None:
    """What a veth end receives, and what it sends, from a packet socket that is filtered there."""
    left, right = lab.host("left"), lab.host("right")
    lab.link(End(left, "eth0", "02:00:00:00:00:01"), End(right, "eth0", "02:00:00:00:00:02"))
    web, name = frame(FOUR / TCP(dport=80)), frame(FOUR / UDP(dport=53))
    names = everything(4)._replace(protocol=Range(17, 17))

    def sender() -> socket:
        sending = socket(AF_PACKET, SOCK_RAW, 0)
        sending.bind(("eth0", 0))
        return sending

    def watcher() -> socket:
        watching = socket(AF_PACKET, SOCK_RAW, 0)
        watching.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
        attach(watching, filter_of(Wanted((WEB,), (names,), arp=False, non_ip=False)))
        watching.bind(("eth0", ETH_P_ALL))
        watching.settimeout(5.0)
        return watching

    def next_length(watching: socket) -> int:
        """Return how much is left of the next IPv4 frame; the hosts' noise is passed over."""
        while True:
            left_of_it = watching.recv(2000)
            if left_of_it[12:14] == b"\x08\x00":
                return len(left_of_it)

    with left.call(watcher) as watching, left.call(sender) as here, right.call(sender) as there:
        lengths = []
        for sending, each in ((there, web), (there, name), (here, web), (here, name)):
            sending.send(each)
            lengths.append(next_length(watching))
    assert lengths == [1000, HEADERS, HEADERS, 1000]
