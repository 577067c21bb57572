"""`replay --send`: copies arrive at a real target; a kernel VXLAN device hands out their inner frames."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mirrorplane import batch
from mirrorplane.capture.file import open_capture
from mirrorplane.lab.decoding import unwrap
from mirrorplane.lab.demo import REST_VNI, Demo, demo
from mirrorplane.lab.recorder import Recorder
from tests.cli.commands import PCAPS
from tests.cli.test_replay import captured
from tests.oracle import mirror

pytestmark = pytest.mark.usefixtures("allowed")
CASE = "demo"


@pytest.fixture
def lab() -> Iterator[Demo]:
    with demo() as built:
        yield built


def send(lab: Demo, *flags: str, config: Path = PCAPS / f"{CASE}.yaml") -> dict[str, Any]:
    source = f"eni-web={PCAPS / CASE}.pcapng"
    arguments = ["replay", str(config), "--source", source, "--send", "--json", *flags]
    done = lab.host.run([sys.executable, "-m", "mirrorplane", *arguments])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def by_the_oracle() -> list[tuple[int, bytes]]:
    """Return (VNI, inner frame) of each copy."""
    config = yaml.safe_load((PCAPS / f"{CASE}.yaml").read_text())
    outers = [verdict.outer for verdict in mirror(config, list(captured(CASE))).verdicts if verdict.outer]
    return [(copy.vni, copy.inner) for outer in outers if (copy := unwrap(outer))]


def test_every_copy_arrives_once_and_in_order(lab: Demo) -> None:
    wanted = by_the_oracle()
    with lab.record_sensor() as sensor:
        found = send(lab, "--topspeed")
        sensor.wait_for(len(wanted))
    arrived = [(copy.vni, copy.inner) for seen in sensor.frames if (copy := unwrap(seen.frame))]
    assert arrived == wanted
    assert sum(session["mirrored_packets"] for session in found["sessions"].values()) == len(wanted)


def test_a_kernel_vxlan_device_hands_out_the_inner_frames(lab: Demo) -> None:
    lab.sensor.vxlan("vxlan0", REST_VNI)
    whole = [inner for vni, inner in by_the_oracle() if vni == REST_VNI]
    with Recorder(lab.sensor, "vxlan0", outgoing=False) as recorder:
        send(lab, "--topspeed")
        recorder.wait_for(len(whole))
    assert [seen.frame for seen in recorder.frames] == whole


def test_the_recorded_pace_is_kept(lab: Demo) -> None:
    with closing(open_capture(PCAPS / f"{CASE}.pcapng", 0)) as capture:
        rows = batch.frames()
        count = capture.fill(rows)
    with lab.record_sensor() as sensor:
        send(lab, "--speed", "0.5")
        sensor.wait_for(len(by_the_oracle()))
    copies = [seen.time for seen in sensor.frames if unwrap(seen.frame)]
    assert copies == sorted(copies)
    # The first and last packets of the file are ARP, which is not mirrored: those after and before them are.
    recorded = np.sort(rows.time[:count])
    assert copies[-1] - copies[0] >= (recorded[-4] - recorded[3]) / 0.5


def test_a_target_out_of_reach_is_refused_in_one_line(lab: Demo, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text((PCAPS / f"{CASE}.yaml").read_text().replace("10.77.9.2", "10.77.9.77"))
    arguments = ["replay", str(config), "--source", f"eni-web={PCAPS / CASE}.pcapng", "--send"]
    running = lab.host.spawn([sys.executable, "-m", "mirrorplane", *arguments])
    started = time.monotonic()
    _, errors = running.communicate(timeout=30)
    assert time.monotonic() - started < 20
    assert running.returncode == 1
    assert "10.77.9.77" in errors
    assert "Traceback" not in errors


def test_an_interruption_while_packets_wait_leaves_none_unaccounted(lab: Demo) -> None:
    arguments = [
        "replay",
        str(PCAPS / f"{CASE}.yaml"),
        "--source",
        f"eni-web={PCAPS / CASE}.pcapng",
        "--send",
    ]
    command = [sys.executable, "-m", "mirrorplane", *arguments, "--json", "--speed", "0.01"]
    with lab.record_sensor() as sensor:
        running = lab.host.spawn(command)
        deadline = time.monotonic() + 30
        while not any(len(seen.frame) > 100 and unwrap(seen.frame) for seen in sensor.frames):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=10)
    assert running.returncode == 130, errors
    found = json.loads(output)["sources"]["eni-web"]
    assert found["not_mirrored"]["send_failed"] > 0
    assert found["seen"] == found["mirrored"] + sum(found["not_mirrored"].values())
