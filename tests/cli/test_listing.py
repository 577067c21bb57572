"""The lists as tables, from a server that answers with rows."""

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from sys import executable
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mirrorplane.api.private import Private
from mirrorplane.cli.places import private
from tests.cli.commands import mirrorplane
from tests.cli.rootless import NOBODY, can_become

RATES = {"mirrored_packets": 1234567, "mirrored_bytes": 1, "packets_per_second": 99.6, "bits_per_second": 2e6}
COMMON = {
    "dialect": "aliyun",
    "account": "AK1",
    "region": "cn-hongkong",
    "status": "ready",
    "reason": "",
    **RATES,
}
ROWS: dict[str, list[dict[str, Any]]] = {
    "sessions": [
        {
            **COMMON,
            "id": "tms-1",
            "name": "[red]mine[/red]",
            "status": "creating",
            "reason": "no device",
            "priority": 7,
            "enabled": False,
            "virtual_network_id": 42,
            "packet_length": 100,
            "filter": "tmf-1",
            "target": "eni-t",
            "sources": ["eni-a", "eni-b"],
        }
    ],
    "filters": [{**COMMON, "id": "tmf-1", "name": "tmf-1", "rules": 3, "sessions": ["tms-1"]}],
    "targets": [
        {**COMMON, "id": "tmt-1", "name": "", "kind": "interface", "instance": "eni-t", "sessions": ["tms-1"]}
    ],
    "enis": [
        {
            "id": "eni-a",
            "device": "a0",
            "netns": "guest",
            "addresses": ["10.0.0.1"],
            "source_of": ["tms-1"],
            "target_of": [],
            "seen_packets": 5,
            "mirrored_packets": 4,
            "packets_per_second": 0.0,
        }
    ],
}
SHOWN = {
    "sessions": [
        "tms-1",
        "[red]mine[/red]",
        "creating",
        "disabled",
        "no device",
        "eni-b",
        "VNI 42",
        "1,234,567",
    ],
    "filters": ["tmf-1", "ready", "3", "100/s", "2.0 Mbit/s"],
    "targets": ["tmt-1", "eni-t", "tms-1"],
    "enis": ["eni-a", "a0 in guest", "10.0.0.1", "0/s"],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "here.db"
    with Private(private(found), ROWS.__getitem__):
        yield found


@pytest.mark.parametrize("what", ROWS)
def test_a_list_is_a_table(store: Path, what: str) -> None:
    done = mirrorplane(what, "--state", store, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    for text in SHOWN[what]:
        assert text in done.stdout.decode()


AS_ANOTHER = """
import os, sys
from mirrorplane.cli import main
status = 0
for user in (os.getuid(), int(sys.argv.pop())):
    os.setuid(user)  # the second time: all modules have been found by then
    try:
        main()
    except SystemExit as end:
        status = end.code
sys.exit(status)
"""


def test_others_cannot_ask() -> None:
    with TemporaryDirectory() as name, Private(private(store := Path(name) / "here.db"), ROWS.__getitem__):
        assert private(store).stat().st_mode & 0o777 == 0o600
        Path(name).chmod(0o711)
        other = NOBODY if can_become(NOBODY) else os.getuid()
        if other == os.getuid():
            private(store).chmod(0)
            if os.access(private(store), os.W_OK):
                pytest.skip("root of a user namespace without others may do everything")
        command = [executable, "-c", AS_ANOTHER, "enis", "--state", str(store), str(other)]
        done = run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "only who started the server may ask it" in done.stderr
