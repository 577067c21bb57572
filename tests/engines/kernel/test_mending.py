"""What others do to devices, filters and qdiscs while an engine runs: it goes on, or begins again."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from pyroute2 import IPRoute

from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.kernel.engine import LOOK_EVERY, Kernel
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.plan import PlanError
from tests.engines.kernel.processes import SOON, listing
from tests.engines.live.network import (
    EVERYTHING,
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

pytestmark = pytest.mark.usefixtures("bpf", "allowed")

U32 = ["pref", "1", "protocol", "ip", "u32", "match", "ip", "dst", "10.7.0.0/16", "flowid", "1:1"]


@pytest.fixture
def network() -> Iterator[Network]:
    with Lab() as lab:
        yield Network(lab, "kernel")


def tc(host: Host, *words: str) -> str:
    return host.run(["tc", *words]).stdout


def ours(engine: Kernel, end: str) -> str:
    """Return the name of a device of the engine's."""
    return f"mp-{engine._tag}-{end}"


def elsewhere(network: Network) -> dict[str, Any]:
    """Return a configuration whose source is in a namespace of its own."""
    said = document()
    far = {"device": "far", "netns": f"{network.lab.name}-other", "side": "eni"}
    said["interfaces"]["eni-guest"] |= far
    return said


def make_other(network: Network) -> Host:
    """Make that namespace, with that device."""
    other, peer = network.lab.host("other"), network.lab.host("peer")
    network.lab.link(End(other, "far", None, ("10.3.0.1/24",)), End(peer, "eth0", None, ("10.3.0.2/24",)))
    return other


@pytest.mark.parametrize("theirs", [None, "empty", "filters"])
@on_host
def test_a_clsact_goes_if_it_is_ours(network: Network, theirs: str | None) -> None:
    if theirs is not None:
        tc(network.host, "qdisc", "add", "dev", "gst", "clsact")
    if theirs == "filters":
        for way in ("ingress", "egress"):
            tc(network.host, "filter", "add", "dev", "gst", way, *U32)
    before = listing(network.host, network.guest)
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
    assert listing(network.host, network.guest) == before


@on_host
def test_a_clsact_that_is_used_meanwhile_stays(network: Network) -> None:
    with network.start(document()):
        tc(network.host, "filter", "add", "dev", "gst", "ingress", "pref", "7", *U32[2:])
        before = tc(network.host, "filter", "show", "dev", "gst", "ingress").splitlines()
    after = tc(network.host, "filter", "show", "dev", "gst", "ingress").splitlines()
    assert after == [line for line in before if " bpf " not in line]
    assert len(after) == 4


@on_host
def test_the_last_of_two_engines_removes_the_clsact(network: Network) -> None:
    before = network.traces()
    first, second = network.start(document()), network.start(document())
    first.close()
    assert network.traces() != before
    second.close()
    assert network.traces() == before


@on_host
def test_a_source_that_is_robbed_of_its_clsact_is_tapped_again(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        tc(network.host, "qdisc", "del", "dev", "gst", "clsact")
        until(engine, lambda: bool(network.lines), SOON)
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
    assert network.lines == ["interface eni-guest: device gst had lost our filters; they are back"]


@on_host
def test_a_source_that_cannot_be_tapped_again_is_tried_until_it_can(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        network.host.run(["sh", "-c", "tc qdisc del dev gst clsact && tc qdisc add dev gst ingress"])
        until(engine, lambda: bool(network.lines), SOON)
        settle(engine, 1.5)
        engine.reload(configuration(document()))
        tc(network.host, "qdisc", "del", "dev", "gst", "ingress")
        until(engine, lambda: len(network.lines) == 2, SOON)
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
    assert "there is a qdisc of kind ingress, which has no egress" in network.lines[0]
    assert network.lines[0].endswith("; trying again every 1 s")
    assert network.lines[1] == "interface eni-guest: device gst is back"


@pytest.mark.parametrize("end", ["sa", "sb", "0a", "0b"])
@on_host
def test_our_own_devices_are_put_up_again(network: Network, end: str) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        assert isinstance(engine, Kernel)
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
        network.host.run(["ip", "link", "del", ours(engine, end)])
        talk.guest_sends(range(5, 8))
        until(engine, lambda: bool(network.lines), SOON)
        sent.frames.clear()
        talk.guest_sends(range(8, 12))
        until(engine, lambda: numbers_in(sent) == list(range(8, 12)))
        assert guest(engine)["directions"]["egress"]["seen"] >= 12
    assert len(network.lines) == 1
    assert network.lines[0].endswith("had gone; put up again")


def next_look(engine: Kernel) -> float:
    """Return when what the next look sees is acted on: in SOON, or later if the last one took long."""
    return engine._look_at - monotonic() + SOON - LOOK_EVERY


@on_host
def test_our_own_devices_are_put_up_again_under_load(network: Network) -> None:
    """Copies that were in them count as dropped, once, and stay so."""
    with network.mirroring(document()) as (engine, talk, _, _):
        assert isinstance(engine, Kernel)
        for end in ("sa", "0b", "sa"):
            talk.guest_sends(range(500))
            network.host.run(["ip", "link", "del", ours(engine, end)])
            talk.guest_sends(range(500))
            before = guest(engine)["not_mirrored"].get("backlog_full", 0)
            n_lines = len(network.lines)
            until(engine, lambda: len(network.lines) > n_lines, next_look(engine))  # noqa: B023 - called at once
            assert guest(engine)["not_mirrored"].get("backlog_full", 0) >= before
        settle(engine, 0.2)
        assert guest(engine)["directions"]["egress"]["seen"] >= 3000


@on_host
def test_a_program_of_ours_that_is_removed_is_put_back(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        assert isinstance(engine, Kernel)
        tc(network.host, "filter", "del", "dev", ours(engine, "sa"), "egress")
        until(engine, lambda: bool(network.lines), SOON)
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))


@on_host
def test_a_namespace_that_is_replaced_under_its_name(network: Network) -> None:
    other = make_other(network)
    with network.start(elsewhere(network)) as engine:
        settle(engine)
        assert "clsact" in tc(other, "qdisc")
        network.host.run(["ip", "netns", "del", other.namespace.reference])
        until(engine, lambda: len(network.lines) == 1, SOON)
        again = make_other(network)
        tc(again, "qdisc", "add", "dev", "far", "clsact")
        until(engine, lambda: len(network.lines) == 2, SOON)
        assert "mirrorplane" in tc(again, "filter", "show", "dev", "far", "ingress")
        before = guest(engine)["seen"]
        again.run(["ping", "-c", "3", "-i", "0.01", "10.3.0.2"])
        until(engine, lambda: guest(engine)["seen"] >= before + 6)
    assert network.lines == [
        "interface eni-guest: device far has gone; looking for it every 1 s",
        "interface eni-guest: device far is back",
    ]
    assert "clsact" in tc(again, "qdisc"), "which is not ours"


@on_host
def test_a_source_is_replaced_before_anyone_looks(network: Network) -> None:
    with network.mirroring(document()) as (engine, talk, _, sent):
        network.unplug()
        network.plug()
        until(engine, lambda: len(network.lines) == 1, SOON)
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))


@on_host
def test_a_target_is_away_for_a_while(network: Network) -> None:
    def change(netlink: IPRoute, command: str) -> None:
        index = netlink.link_lookup(ifname="eth0")[0]
        netlink.addr(command, index=index, address="10.9.0.2", prefixlen=24)

    def forget(netlink: IPRoute) -> None:
        index = netlink.link_lookup(ifname="up")[0]
        netlink.neigh("change", dst="10.9.0.2", ifindex=index, state="failed")

    with network.mirroring(document()) as (engine, talk, _, sent):
        network.sensor.netlink(lambda netlink: change(netlink, "del"))
        network.host.netlink(forget)
        until(engine, lambda: "no" in engine.targets()["10.9.0.2"], SOON)
        talk.guest_sends(range(5))
        settle(engine, 2)
        assert guest(engine)["not_mirrored"]["no_neighbour"] >= 5
        network.sensor.netlink(lambda netlink: change(netlink, "add"))
        until(engine, lambda: engine.targets()["10.9.0.2"] == "by up", 3)
        talk.guest_sends(range(5, 10))
        until(engine, lambda: numbers_in(sent) == list(range(5, 10)))


def many_rules() -> dict[str, Any]:
    rules = [
        EVERYTHING | {"priority": number, "source_cidr_block": f"10.{number >> 8}.{number & 255}.0/24"}
        for number in range(1, 4490)
    ]
    said = document()
    said["filters"]["tmf-in"]["ingress"] = rules
    return said


def no_device() -> dict[str, Any]:
    said = document()
    said["interfaces"]["eni-more"] = {"device": "nope"}
    said["sessions"]["tms-in"]["sources"].append("eni-more")
    return said


def two_of_one() -> dict[str, Any]:
    said = document()
    said["interfaces"]["eni-more"] = {"device": "gst"}
    said["sessions"]["tms-in"]["sources"].append("eni-more")
    return said


def no_egress() -> dict[str, Any]:
    """One more source that can be tapped, and one that cannot."""
    said = document()
    said["interfaces"] |= {"eni-lo": {"device": "lo"}, "eni-more": {"device": "up"}}
    said["sessions"]["tms-in"]["sources"] += ["eni-lo", "eni-more"]
    said["kernel"] = {"cpus": "inline"}
    return said


REFUSALS = [
    (many_rules, PlanError, "more than 4480 rules"),
    (no_device, CaptureError, "interface eni-more: device nope: not there"),
    (two_of_one, CaptureError, "interface eni-more: device gst is mirrored for eni-guest already"),
    (no_egress, KernelError, "interface eni-more: up: adding a clsact qdisc: .* kind ingress"),
]


@pytest.mark.parametrize(("say", "error", "line"), REFUSALS)
@on_host
def test_a_reload_that_is_refused_changes_nothing(
    network: Network, say: Any, error: type[Exception], line: str
) -> None:
    tc(network.host, "qdisc", "add", "dev", "up", "ingress")
    with network.mirroring(document()) as (engine, talk, _, sent):
        assert isinstance(engine, Kernel)
        before, register = listing(network.host, network.guest), engine._register.emit()
        with pytest.raises(error, match=line):
            engine.reload(configuration(say()))
        assert listing(network.host, network.guest) == before
        assert engine._register.emit() == register
        assert engine._board.read_ledger().emit() == register
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
        engine.reload(configuration(document()))


STEPS = ["_ways.turn_to", "_ways.settle", "_board.turn_to", "_board.write_ledger", "_taps.prepare"]


@pytest.mark.parametrize("step", STEPS)
@on_host
def test_a_reload_that_fails_half_way_changes_nothing(network: Network, step: str) -> None:
    said = document()
    said["interfaces"]["eni-more"] = {"device": "up"}
    said["sessions"]["tms-more"] = session(4, "tmf-in", 33) | {"sources": ["eni-more"]}
    owner, name = step.split(".")
    with network.mirroring(document()) as (engine, talk, _, sent), pytest.MonkeyPatch.context() as patch:
        before, counted = listing(network.host, network.guest), engine.counters()["sessions"].keys()
        works, calls = getattr(getattr(engine, owner), name), []

        def fails_once(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            if len(calls) == 1:
                raise KernelError("no memory")
            return works(*args, **kwargs)

        patch.setattr(getattr(engine, owner), name, fails_once)
        with pytest.raises(KernelError, match="no memory"):
            engine.reload(configuration(said))
        assert listing(network.host, network.guest) == before
        assert engine.counters()["sessions"].keys() == counted
        talk.guest_sends(range(5))
        until(engine, lambda: numbers_in(sent) == list(range(5)))
        engine.reload(configuration(said))
        assert engine.counters()["sessions"].keys() == counted | {"tms-more"}
    assert network.lines == []


@on_host
def test_what_cannot_be_removed_does_not_keep_the_rest(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise KernelError("is stuck")

    engine = network.start(document())
    assert isinstance(engine, Kernel)
    monkeypatch.setattr("mirrorplane.engines.kernel.taps.hooks.release_clsact", refuses)
    with pytest.raises(KernelError, match="is stuck"):
        engine.close()
    engine.close()
    assert [trace for trace in network.traces() if "mp-" in trace.partition(":")[2]] == []
    assert engine.counters()["sources"].keys() == {"eni-guest"}
