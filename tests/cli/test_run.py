"""`run`, as a user starts it, in the demo's network: ready, JSON lines, SIGHUP, SIGTERM."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import yaml

from mirrorplane.cli import run
from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.lab.demo import Demo, demo
from tests.cli.commands import mirrorplane, refusal

pytestmark = pytest.mark.usefixtures("allowed")
LONGEST = 60.0


class Running:
    """A `run` in the lab's mirroring host."""

    def __init__(self, lab: Demo, path: Path, engine: str = "auto") -> None:
        command = [sys.executable, "-m", "mirrorplane", "run", str(path), "--engine", engine]
        self.process: Popen[str] = lab.host.spawn(command)
        self.said: list[str] = []

    def await_line(self, end: str) -> str:
        """Return the next line on stderr that ends so."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline and (line := self.process.stderr.readline()):
            self.said.append(line.rstrip())
            if end in line:
                return line.rstrip()
        raise AssertionError(self.said)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> list[dict[str, Any]]:
        """End it; return its reports."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=5)
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def lab() -> Iterator[Demo]:
    with demo() as built:
        yield built


@pytest.fixture
def path(lab: Demo, tmp_path: Path) -> Path:
    found = tmp_path / "demo.yaml"
    found.write_text(lab.configuration())
    return found


@pytest.fixture(params=["kernel", "userspace"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that there can be here."""
    why = missing() if request.param == "kernel" else None
    if why is not None:
        pytest.skip(f"no kernel engine: {why}")
    return str(request.param)


def devices(lab: Demo) -> list[str]:
    return sorted(lab.host.netlink(lambda netlink: [link.get("ifname") for link in netlink.get_links()]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_mirrors_until_it_is_told_to_stop_and_leaves_nothing(
    lab: Demo, path: Path, engine: str, number: signal.Signals
) -> None:
    before = devices(lab)
    lab.serve()
    with lab.record_sensor() as sensor:
        running = Running(lab, path, engine)
        running.await_line("mirrorplane: ready")
        assert "mirrorplane: eni-web: side host" in running.said
        assert "mirrorplane: target 10.77.9.2: by sensor" in running.said
        talked = list(lab.talk())
        time.sleep(0.3)
        last = running.stop(number)[-1]
    assert [talk.exchanges for talk in talked] == [3, 4, 3, 4]
    mirrored = {name: session["mirrored_packets"] for name, session in last["sessions"].items()}
    assert mirrored["tms-http"] > 40
    assert mirrored["tms-rest"] >= 16
    assert len([seen for seen in sensor.frames if len(seen.frame) > 100]) >= sum(mirrored.values())
    source = last["sources"]["eni-web"]
    assert source["seen"] == source["mirrored"] + sum(source["not_mirrored"].values())
    assert devices(lab) == before


def test_a_reload_keeps_counts_and_a_wrong_file_changes_nothing(lab: Demo, path: Path, engine: str) -> None:
    lab.serve()
    running = Running(lab, path, engine)
    running.await_line("mirrorplane: ready")
    list(lab.talk())
    right = path.read_text()
    path.write_text(right.replace("tms-rest", "tms-other"))
    running.process.send_signal(signal.SIGHUP)
    wanted = "mirrorplane: reloaded: added sessions tms-other; removed sessions tms-rest"
    assert running.await_line("reloaded") == wanted
    path.write_text(right.replace("priority: 1", "priority: none", 1))
    running.process.send_signal(signal.SIGHUP)
    assert f"not reloaded: {path}:" in running.await_line("not reloaded")
    list(lab.talk())
    time.sleep(0.3)
    sessions = running.stop()[-1]["sessions"]
    once = sessions["tms-rest"]["mirrored_packets"]
    assert once >= 16
    assert sessions["tms-other"]["mirrored_packets"] >= 16
    assert sessions["tms-http"]["mirrored_packets"] > 80


def test_the_engine_is_told(lab: Demo, path: Path) -> None:
    running = Running(lab, path)
    running.await_line("mirrorplane: ready")
    why = missing()
    assert running.said[0] == (
        "mirrorplane: engine kernel" if why is None else f"mirrorplane: engine userspace: {why}"
    )
    running.stop()


def test_standard_input_is_not_read_again(lab: Demo, path: Path) -> None:
    running = Running(lab, Path("-"))
    assert running.process.stdin is not None
    running.process.stdin.write(path.read_text())
    running.process.stdin.close()
    running.process.stdin = None
    running.await_line("mirrorplane: ready")
    running.process.send_signal(signal.SIGHUP)
    wanted = "mirrorplane: not reloaded: standard input cannot be read again"
    assert running.await_line("not reloaded") == wanted
    running.stop()


def test_a_source_that_a_reload_adds_has_its_side_told(lab: Demo, path: Path) -> None:
    running = Running(lab, path)
    running.await_line("mirrorplane: ready")
    document = yaml.safe_load(path.read_text())
    document["interfaces"]["eni-more"] = {"device": "sensor", "side": "eni"}
    document["sessions"]["tms-rest"]["sources"].append("eni-more")
    path.write_text(yaml.safe_dump(document))
    running.process.send_signal(signal.SIGHUP)
    running.await_line("reloaded: added sources eni-more")
    assert running.await_line("side") == "mirrorplane: eni-more: side eni"
    running.stop()


def test_a_stop_while_kernels_are_compiled_is_obeyed_at_once(
    lab: Demo, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPLANE_CACHE", str(tmp_path))
    running = Running(lab, path, "userspace")
    running.await_line("compiling the pipeline, once")
    running.process.send_signal(signal.SIGTERM)
    output, errors = running.process.communicate(timeout=5)
    assert running.process.returncode == -signal.SIGTERM
    assert output == ""
    assert "Traceback" not in errors
    assert "ready" not in errors


def test_a_clock_does_not_make_up_for_a_pause() -> None:
    called: list[float] = []
    clock = run._Clock(lambda: called.append(time.monotonic()))
    clock._next -= 10
    for _ in range(5):
        clock.tick()
    assert len(called) == 1


def test_reports_come_once_a_second(lab: Demo, path: Path) -> None:
    running = Running(lab, path)
    running.await_line("mirrorplane: ready")
    began = time.monotonic()
    while time.monotonic() - began < 2.5:
        time.sleep(0.1)
    reports = running.stop()
    seconds = time.monotonic() - began
    assert 3 <= len(reports) <= seconds + 2, "one a second, and one at the end"


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        """
interfaces:
  eni-a: {device: no-such-dev, addresses: [10.0.0.1]}
  eni-b: {addresses: [127.0.0.2]}
filters: {tmf-a: {}}
sessions: {tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a}}
"""
    )
    said = refusal(mirrorplane("run", path), 1)
    assert "interface eni-a: " in said
    assert "no-such-dev" in said


def test_a_source_without_a_device_is_wrong_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        """
interfaces: {eni-a: {addresses: [10.0.0.1]}, eni-b: {addresses: [127.0.0.2]}}
filters: {tmf-a: {}}
sessions: {tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a}}
"""
    )
    said = refusal(mirrorplane("run", path), 2)
    assert said == f"mirrorplane: {path}: interface eni-a has no device to mirror\n"


def test_nothing_to_mirror_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("interfaces: {eni-a: {addresses: [10.0.0.1]}}\n")
    assert "nothing to mirror" in refusal(mirrorplane("run", path), 2)


def full_pipe() -> tuple[int, int]:
    """Return the ends of a pipe that takes nothing more."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, bytes(1 << 12))
    os.set_blocking(write, True)
    return read, write


def test_reports_that_nobody_reads_hold_up_neither_packets_nor_the_end(lab: Demo, path: Path) -> None:
    lab.serve()
    read, write = full_pipe()
    command = [sys.executable, "-m", "mirrorplane", "run", str(path)]
    start = partial(Popen[str], command, stdout=write, stderr=PIPE, text=True)
    with lab.record_sensor() as sensor, lab.host.call(start) as process:
        os.close(write)
        assert process.stderr is not None
        assert any(line.endswith("ready\n") for line in process.stderr)
        time.sleep(2.5)
        list(lab.talk())
        sensor.wait_for(80)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 1
        assert "the last report was not taken" in process.stderr.read()
    os.close(read)
