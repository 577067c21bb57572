"""Processes that come and go: what is mirrored meanwhile, and what there is afterwards."""

import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.lab.network import Host, Lab
from tests.cli.commands import mirrorplane, refusal
from tests.engines.kernel.processes import (
    Run,
    Stream,
    are_gone,
    cleaned,
    listing,
    programs,
    within,
    written,
)
from tests.engines.live.network import Network, document, numbers_in, session, traces
from tests.engines.running import check_conservation

COMMAND_LINE = 0.5
"""Seconds until Python has read what there is to read: before, Ctrl-C is answered by Python."""

pytestmark = pytest.mark.usefixtures("bpf", "allowed")


@pytest.fixture
def network() -> Iterator[Network]:
    """The network, which is left as it was."""
    with Lab() as lab:
        built = Network(lab, "kernel")
        before = built.traces()
        yield built
        assert built.traces() == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "c.yaml", document())


def elsewhere(network: Network) -> dict[str, Any]:
    """Return a configuration whose source is the guest's own end of the wire."""
    said = document()
    reference = network.guest.namespace.reference
    said["interfaces"]["eni-guest"] |= {"device": "eth0", "netns": reference, "side": "eni"}
    return said


def inline(_: Network) -> dict[str, Any]:
    """Return a configuration without a relay."""
    return document() | {"kernel": {"cpus": "inline"}}


CONFIGURATIONS = {"here": lambda _: document(), "elsewhere": elsewhere, "inline": inline}


@pytest.mark.parametrize("which", CONFIGURATIONS)
def test_a_killed_run_goes_on_and_is_taken_over_without_a_gap(
    network: Network, path: Path, which: str
) -> None:
    written(path, CONFIGURATIONS[which](network))
    stream = Stream(network)
    with network.recorders() as (_, sent):
        with Run(network.host, path, "--engine", "kernel") as first:
            first.await_line()
            with stream.running():
                assert within(2, lambda: len(numbers_in(sent)) > 200)
                first.kill()
                at_work = programs(network.host) | programs(network.guest)
                n_sent = stream.n_sent
                assert within(2, lambda: len(numbers_in(sent)) > n_sent + 200), "nobody is there"
                with Run(network.host, path) as second:
                    second.await_line()
                    n_sent = stream.n_sent
                    assert within(2, lambda: stream.n_sent > n_sent + 200)
                    last = second.stop()
        time.sleep(0.1)
        seen = numbers_in(sent)
    assert second.said[0] == "mirrorplane: taking over what an earlier run left at work"
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    check_conservation(last)  # type: ignore[arg-type]
    source = last["sources"]["eni-guest"]
    assert source["not_mirrored"].keys() <= {"arp"}
    assert last["sessions"]["tms-out"]["mirrored_packets"] == len(seen), "also the first one's"
    assert len(at_work) >= 4
    assert are_gone(at_work)


def test_reloads_leave_a_session_that_does_not_change_alone(network: Network, path: Path) -> None:
    stream, said = Stream(network), document()
    with network.recorders() as (_, sent), Run(network.host, path) as run:
        run.await_line()
        with stream.running():
            assert within(2, lambda: len(numbers_in(sent)) > 50)
            for number in range(12):
                said["sessions"]["tms-more"] = session(3, "tmf-in", 1000 + number)
                said["sessions"]["tms-in"]["virtual_network_id"] = 2000 + number
                written(path, said)
                run.hang_up()
                run.await_line(": reloaded: ")
            right = path.read_text()
            path.write_text("interfaces: [")
            run.hang_up()
            assert run.await_line("not reloaded").startswith(f"mirrorplane: not reloaded: {path}:")
            path.write_text(right)
        time.sleep(0.2)
        last = run.stop()
        seen = numbers_in(sent)
    assert len([line for line in run.said if ": reloaded: " in line]) == 12
    assert seen == list(range(stream.n_sent))
    assert last["sessions"]["tms-out"]["mirrored_packets"] == stream.n_sent
    check_conservation(last)  # type: ignore[arg-type]


def test_two_instances_on_one_device(network: Network, path: Path, tmp_path: Path) -> None:
    other = document()
    other["sessions"]["tms-out"]["virtual_network_id"] = 12
    del other["sessions"]["tms-in"]
    network.sensor.vxlan("vx12", 12)
    other_path = written(tmp_path / "other.yaml", other)
    stream = Stream(network)
    with Run(network.host, path) as first, Run(network.host, other_path) as second:
        first.await_line()
        second.await_line()
        with stream.running():
            assert within(2, lambda: stream.n_sent > 200)
            one = first.stop()
            n_sent = stream.n_sent
            assert within(2, lambda: stream.n_sent > n_sent + 200)
        time.sleep(0.1)
        both = second.stop()
    assert one["sessions"]["tms-out"]["mirrored_packets"] > 190
    assert both["sessions"]["tms-out"]["mirrored_packets"] == stream.n_sent


def test_a_file_is_run_once_at_a_time(network: Network, path: Path) -> None:
    with Run(network.host, path) as first:
        first.await_line()
        before = listing(network.host, network.guest)
        with Run(network.host, path) as second:
            output, errors = second.process.communicate(timeout=5)
        assert (second.process.returncode, output) == (1, "")
        where = "with this configuration, in this network namespace"
        assert errors == f"mirrorplane: {path}: is running already, {where}\n"
        tidying = network.host.run([sys.executable, "-m", "mirrorplane", "clean"])
        assert "is running: it is left alone" in tidying.stderr
        assert tidying.stdout == "nothing was left behind\n"
        assert listing(network.host, network.guest) == before
        first.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_ends_it_with_nothing_left(
    network: Network, path: Path, number: signal.Signals
) -> None:
    before = listing(network.host, network.guest)
    for after in (0.05, *(random.uniform(COMMAND_LINE, 1.6) for _ in range(2))):
        with Run(network.host, path) as run:
            time.sleep(after)
            run.process.send_signal(number)
            _, errors = run.process.communicate(timeout=5)
        assert run.process.returncode in {0, -number, 128 + number}, errors
        assert "Traceback" not in errors or after < COMMAND_LINE
        assert listing(network.host, network.guest) == before, after


def test_what_is_kept_goes_on_and_is_taken_over(network: Network, path: Path) -> None:
    stream = Stream(network)
    with network.recorders() as (_, sent), stream.running():
        with Run(network.host, path, "--keep") as first:
            first.await_line()
            counted = first.stop()["sessions"]["tms-out"]["mirrored_packets"]
        n_sent = stream.n_sent
        assert within(2, lambda: bool(sent.frames) and numbers_in(sent)[-1] > n_sent + 100)
        with Run(network.host, path) as second:
            second.await_line()
            last = second.stop()
        time.sleep(0.1)
        seen = numbers_in(sent)
    assert "mirrorplane: taking over what an earlier run left at work" in second.said
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    assert last["sessions"]["tms-out"]["mirrored_packets"] == len(seen) > counted + 100


def test_another_engine_does_not_mirror_beside_what_is_left(network: Network, path: Path) -> None:
    with Run(network.host, path, "--keep") as first:
        first.await_line()
        first.stop()
    at_work = programs(network.host)
    with Run(network.host, path, "--engine", "userspace") as second:
        second.await_line("removed what an earlier run left at work in the kernel")
        second.await_line()
        assert are_gone(at_work)
        second.stop()


def test_only_the_kernel_engine_is_kept(path: Path) -> None:
    said = refusal(mirrorplane("run", path, "--keep", "--engine", "userspace"), 2)
    assert said == "mirrorplane: --keep: only the kernel engine goes on without its process\n"


def test_a_configuration_that_changed_while_nobody_was_there(network: Network, path: Path) -> None:
    """Two sources have swapped devices, a third is none any more."""
    said = document()
    said["interfaces"] |= {
        "eni-a": {"device": "up", "side": "eni"},
        "eni-b": {"device": "eth0", "netns": network.guest.namespace.reference, "side": "eni"},
    }
    said["sessions"]["tms-in"]["sources"] = ["eni-guest", "eni-a", "eni-b"]
    written(path, said)
    untouched = traces(network.guest)
    with Run(network.host, path) as first:
        first.await_line()
        first.kill()
    del said["interfaces"]["eni-b"]
    said["sessions"]["tms-in"]["sources"] = ["eni-guest", "eni-a"]
    said["interfaces"]["eni-guest"]["device"], said["interfaces"]["eni-a"]["device"] = "up", "gst"
    written(path, said)
    with Run(network.host, path) as second:
        second.await_line()
        assert traces(network.guest) == untouched
        with network.talkers() as talk:
            talk.guest_sends(range(100))
        last = second.stop()
    assert last["sources"]["eni-a"]["seen"] >= 100, "it is gst now"


def test_a_source_that_went_while_nobody_was_there_is_found_again(network: Network, path: Path) -> None:
    with Run(network.host, path) as first:
        first.await_line()
        first.kill()
    network.unplug()
    with network.recorders() as (_, sent), Run(network.host, path) as second:
        second.await_line("interface eni-guest: device gst has gone; looking for it every 1 s")
        second.await_line()
        network.plug()
        second.await_line("interface eni-guest: device gst is back")
        with network.talkers() as talk:
            talk.guest_sends(range(10))
        assert within(1, lambda: numbers_in(sent) == list(range(10)))
        second.stop()


def test_what_is_left_goes_on_if_the_file_is_wrong(network: Network, path: Path) -> None:
    with Run(network.host, path) as first:
        first.await_line()
        first.kill()
    before = listing(network.host)
    said = document()
    said["interfaces"]["eni-more"] = {"device": "nope"}
    said["sessions"]["tms-in"]["sources"].append("eni-more")
    written(path, said)
    with Run(network.host, path) as second:
        _, errors = second.process.communicate(timeout=5)
    assert second.process.returncode == 1
    assert errors.splitlines()[1:] == [
        "mirrorplane: what an earlier run left at work goes on as it was",
        "mirrorplane: interface eni-more: device nope: not there",
    ]
    assert listing(network.host) == before
    written(path, document())
    with Run(network.host, path) as third:
        third.await_line("taking over")
        third.await_line()
        assert "eni-more" not in third.stop()["sources"]


def remove(host: Host, end: str) -> None:
    """Remove the device of ours whose name ends so."""
    name = next(trace.split()[-1] for trace in traces(host) if trace.endswith(end))
    host.run(["ip", "link", "del", name])


def test_without_its_staging_pair_an_instance_is_put_up_anew(network: Network, path: Path) -> None:
    with Run(network.host, path) as first:
        first.await_line()
        first.kill()
    at_work = programs(network.host)
    remove(network.host, "sa")
    with network.recorders() as (_, sent), Run(network.host, path) as second:
        second.await_line()
        with network.talkers() as talk:
            talk.guest_sends(range(10))
        assert within(1, lambda: numbers_in(sent) == list(range(10)))
        second.kill()
    assert are_gone(at_work)
    remove(network.host, "sa")
    remove(network.host, "0a")
    assert "the taps of gst" in cleaned(network.host)


def test_a_run_from_another_namespace_is_left_alone(network: Network, path: Path) -> None:
    written(path, elsewhere(network))
    with Run(network.host, path) as run:
        run.await_line()
        assert cleaned(network.guest) == "nothing was left behind\n"
        assert listing(network.guest).count("mp-") > 0
        run.stop()


def test_where_the_kernel_engine_cannot_be_had(network: Network, path: Path) -> None:
    """In a user namespace: its rights are not enough for eBPF."""
    unshared = [
        "unshare",
        "-Urn",
        sys.executable,
        "-m",
        "mirrorplane",
        "run",
        str(path),
        "--engine",
        "kernel",
    ]
    refused = network.host.spawn(unshared)
    _, errors = refused.communicate(timeout=20)
    assert (refused.returncode, errors.count("\n")) == (1, 1), errors
    assert errors.startswith("mirrorplane: ")


def test_without_libbpf(network: Network, path: Path, tmp_path: Path) -> None:
    (tmp_path / "libbpf.so.1").write_text("is none")
    run = [sys.executable, "-m", "mirrorplane", "run", str(path), "--engine"]
    hidden = ["env", f"LD_LIBRARY_PATH={tmp_path}", *run]
    refused = network.host.spawn([*hidden, "kernel"])
    wanted = "mirrorplane: libbpf.so.1 is not there: install the system's libbpf (1.0 or later)\n"
    assert (refused.communicate(timeout=20)[1], refused.returncode) == (wanted, 1)
    instead = network.host.spawn([*hidden, "auto", "--keep"])
    assert instead.stderr is not None
    said = [instead.stderr.readline().rstrip() for _ in range(2)]
    assert said[0].startswith("mirrorplane: engine userspace: libbpf: libbpf.so.1 is not there")
    assert said[1] == "mirrorplane: --keep: the userspace engine ends with its process"
    instead.terminate()
    instead.communicate(timeout=10)
