"""Live: every packet once, in order, in its direction, on its way out; and what is counted."""

from socket import AF_INET, SOCK_DGRAM, socket
from threading import Event, Timer

from pyroute2 import IPRoute
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from mirrorplane.lab.network import End
from mirrorplane.lab.recorder import Recorder
from tests.engines.live.network import (
    EGRESS,
    EVERYTHING,
    INGRESS,
    MTU,
    Network,
    configuration,
    document,
    guest,
    numbers_in,
    on_host,
    session,
    settle,
    until,
)

ENVELOPE = 50
HEADERS = 28
"""Of IPv4 and UDP."""


@on_host
def test_every_packet_arrives_once_in_order_and_in_its_direction(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, received, sent):
        talk.guest_sends(range(1))
        talk.guest_sends(range(1, 3000))
        talk.guest_receives(range(2000))
        until(engine, lambda: len(numbers_in(received)) >= 2000 and len(numbers_in(sent)) >= 3000)
        settle(engine)
        assert (numbers_in(sent), numbers_in(received)) == (list(range(3000)), list(range(2000)))
        report = engine.counters()
        assert engine.sides() == {"eni-guest": "host"}
    ways = report["sources"]["eni-guest"]["directions"]
    assert (ways["egress"]["mirrored"], ways["ingress"]["mirrored"]) == (3000, 2000)
    assert report["sessions"]["tms-out"]["mirrored_packets"] == 3000
    assert report["sessions"]["tms-out"]["mirrored_bytes"] == 3000 * (40 + HEADERS + ENVELOPE)
    assert report["sessions"]["tms-in"]["truncated_packets"] == 0
    assert network.lines == []


@on_host
def test_the_frames_are_those_on_the_wire(network: Network) -> None:
    network.guest.offloads("eth0", on=False)
    network.host.offloads("gst", on=False)
    wire = Recorder(network.guest, "eth0")
    with wire, network.mirroring(document()) as (engine, talk, received, sent):
        talk.guest_sends(range(3), size=1400)
        talk.guest_receives(range(3), size=1472)
        until(engine, lambda: len(numbers_in(received)) == len(numbers_in(sent)) == 3)
    large = [seen for seen in wire.frames if len(seen.frame) > 1400]
    assert [seen.frame for seen in sent.frames] == [seen.frame for seen in large if seen.outgoing]
    assert [seen.frame for seen in received.frames] == [seen.frame for seen in large if not seen.outgoing]


@on_host
def test_a_device_inside_a_namespace_is_the_eni_if_said(network: Network) -> None:
    said = document()
    inside = {"device": "eth0", "netns": network.guest.namespace.reference, "side": "eni"}
    said["interfaces"]["eni-guest"] = inside
    with network.mirroring(said) as (engine, talk, received, sent):
        talk.guest_sends(range(5))
        talk.guest_receives(range(7))
        until(engine, lambda: len(numbers_in(received)) >= 7 and len(numbers_in(sent)) >= 5)
        assert engine.sides() == {"eni-guest": "eni"}
        assert (numbers_in(sent), numbers_in(received)) == (list(range(5)), list(range(7)))


@on_host
def test_the_outer_source_is_the_enis_address_else_the_devices(network: Network) -> None:
    said = document()
    with network.talkers() as talk, network.engine(said) as engine:

        def sources() -> set[str]:
            engine.reload(configuration(said))
            settle(engine)
            with Recorder(network.sensor, "eth0", outgoing=False) as recorder:
                talk.guest_receives(range(3))
                until(engine, lambda: len(outer_headers(recorder)) >= 3)
            return {header.src for header in outer_headers(recorder)}

        assert sources() == {"10.1.0.2"}
        said["interfaces"]["eni-guest"]["addresses"] = []
        assert sources() == {"10.9.0.1"}
        said["interfaces"]["eni-guest"]["side"] = "eni"
        assert sources() == {"10.1.0.1"}, "the ENI itself: its device's address"
        said["interfaces"]["eni-sensor"]["addresses"] = ["fd09::2"]
        assert sources() == {"fd09::1"}


def outer_headers(recorder: Recorder) -> list[IP | IPv6]:
    """Return the IP headers of the VXLAN packets recorded."""
    packets = [Ether(seen.frame) for seen in recorder.frames]
    return [packet.payload for packet in packets if UDP in packet and packet[UDP].dport == 4789]


@on_host
def test_packets_are_cut_to_the_routes_mtu(network: Network) -> None:
    said = document()
    said["sessions"]["tms-out"]["packet_length"] = 8500
    network.host.netlink(lambda netlink: narrow(netlink, "10.9.0.2/32", "up", 900))
    with network.talkers() as talk, network.engine(said) as engine:
        with Recorder(network.sensor, "eth0", outgoing=False) as recorder:
            talk.guest_sends(range(4), size=1400)
            until(engine, lambda: len(outer_headers(recorder)) >= 4)
        assert {header.len for header in outer_headers(recorder)} == {900}
        assert engine.counters()["sessions"]["tms-out"]["truncated_packets"] == 4


def narrow(netlink: IPRoute, destination: str, device: str, mtu: int) -> None:
    """Add a route by *device* with an MTU of its own."""
    index = netlink.link_lookup(ifname=device)[0]
    netlink.route("add", dst=destination, oif=index, metrics={"mtu": mtu}, scope="link")


@on_host
def test_each_target_is_sent_to_by_its_own_device(network: Network) -> None:
    other = network.lab.host("other")
    ends = End(network.host, "up2", None, ("10.8.0.1/24",)), End(other, "eth0", None, ("10.8.0.2/24",))
    network.lab.link(*ends, mtu=MTU)
    other.vxlan(f"vx{EGRESS}", EGRESS)
    said = document()
    said["interfaces"]["eni-other"] = {"addresses": ["10.8.0.2"]}
    said["sessions"]["tms-out"]["target"] = "eni-other"
    with network.mirroring(said) as (engine, talk, received, strays):
        with Recorder(other, f"vx{EGRESS}") as sent:
            for first in range(0, 300, 100):
                talk.guest_sends(range(first, first + 100))
                talk.guest_receives(range(first, first + 100))
            until(engine, lambda: len(numbers_in(received)) >= 300 and len(numbers_in(sent)) >= 300)
        assert numbers_in(sent) == numbers_in(received) == list(range(300))
        assert numbers_in(strays) == []


@on_host
def test_a_sensor_on_this_host_is_reached_over_loopback(network: Network) -> None:
    said = document()
    said["interfaces"]["eni-sensor"]["addresses"] = ["10.9.0.1"]
    with network.talkers() as talk, network.engine(said) as engine, socket(AF_INET, SOCK_DGRAM) as sensor:
        sensor.bind(("10.9.0.1", 4789))
        sensor.settimeout(2)
        talk.guest_sends(range(3), size=1400)
        until(engine, lambda: guest(engine)["mirrored"] >= 3)
        assert [len(sensor.recv(2000)) for _ in range(3)] == [8 + 14 + HEADERS + 1400] * 3
    assert network.lines == []


@on_host
def test_a_sensor_that_this_host_would_not_listen_to_is_warned_of(network: Network) -> None:
    said = document()
    said["interfaces"] |= {
        "eni-guest": {"device": "gst", "addresses": ["10.1.0.1"], "side": "eni"},
        "eni-sensor": {"addresses": ["10.9.0.1"]},
    }
    with network.engine(said):
        line = "target 10.9.0.1: is this host, and so is 10.1.0.1: only a capture on lo sees packets"
        assert network.lines == [line]


@on_host
def test_an_uplink_that_is_a_source_does_not_mirror_our_output(network: Network) -> None:
    said = document()
    said["interfaces"]["eni-up"] = {"device": "up", "side": "eni"}
    said["filters"]["tmf-both"] = {"ingress": [EVERYTHING], "egress": [EVERYTHING]}
    said["sessions"]["tms-up"] = session(3, "tmf-both", 33) | {"sources": ["eni-up"]}
    with network.talkers() as talk, network.engine(said) as engine:
        with Recorder(network.sensor, "eth0", outgoing=False) as recorder:
            talk.guest_sends(range(100))
            until(engine, lambda: len(outer_headers(recorder)) >= 100)
            settle(engine)
        assert len(outer_headers(recorder)) == 100
        assert engine.counters()["sources"]["eni-up"]["mirrored"] == 0


@on_host
def test_run_goes_on_until_it_is_stopped(network: Network) -> None:
    stop, called = Event(), []
    with network.mirroring(document()) as (engine, talk, _, sent):

        def ready() -> None:
            called.append("ready")
            talk.guest_sends(range(50))
            Timer(0.3, stop.set).start()

        engine.run(stop.is_set, ready, lambda: called.append("round"))
        assert numbers_in(sent) == list(range(50)), "the target is reached before it is ready"
    assert called[0] == "ready"
    assert set(called[1:]) == {"round"}


@on_host
def test_counters_answer_after_close(network: Network) -> None:
    with network.talkers() as talk, network.start(document()) as engine:
        settle(engine)
        talk.guest_sends(range(5))
        until(engine, lambda: guest(engine)["mirrored"] == 5)
    assert guest(engine)["mirrored"] == 5
    engine.close()
    assert engine.counters()["sessions"]["tms-in"]["virtual_network_id"] == INGRESS
