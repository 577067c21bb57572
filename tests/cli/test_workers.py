"""`run --workers`: where it makes sense, and what is said where it does not."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.lab.demo import demo
from tests.cli.commands import mirrorplane, refusal

CONFIGURATION = """
interfaces: {eni-a: {device: lo, addresses: [10.0.0.1]}, eni-b: {addresses: [127.0.0.2]}}
filters: {tmf-a: {}}
sessions: {tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a}}
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--engine kernel --workers 2", "--workers: only the userspace engine has workers"),
        ("--engine userspace --workers 0", "--workers: must be 1 to 64, not 0"),
        ("--workers 65", "--workers: must be 1 to 64, not 65"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: str, said: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIGURATION)
    assert refusal(mirrorplane("run", path, *arguments.split()), 2) == f"mirrorplane: {said}\n"


def test_what_is_no_number_is_wrong_usage(tmp_path: Path) -> None:
    assert "--workers" in refusal(mirrorplane("run", tmp_path, "--workers", "two"), 2)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("engine", ["auto", "userspace"])
def test_workers_mirror_what_one_would(tmp_path: Path, engine: str) -> None:
    """The kernel engine, where `auto` takes it, has none, and says that once."""
    with demo() as lab:
        path = tmp_path / "demo.yaml"
        path.write_text(lab.configuration())
        lab.serve()
        running = lab.host.spawn(mirroring(path, engine))
        assert running.stderr is not None
        said = []
        for line in running.stderr:
            said.append(line.rstrip())
            if line.endswith("ready\n"):
                break
        talked = list(lab.talk())
        time.sleep(0.3)
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=5)
    assert (running.returncode, errors) == (0, "")
    assert sum(talk.exchanges for talk in talked) == 14
    ignored = said.count("mirrorplane: --workers: ignored, only the userspace engine has workers")
    assert ignored == (engine == "auto" and missing() is None)
    (*_, last) = map(json.loads, output.splitlines())
    assert last["sessions"]["tms-http"]["mirrored_packets"] > 40
    assert last["sources"]["eni-web"]["not_mirrored"].keys() <= {"arp", "not_ip", "no_rule"}


def mirroring(path: Path, engine: str) -> list[str]:
    return [sys.executable, "-m", "mirrorplane", "run", str(path), "--engine", engine, "--workers", "2"]
