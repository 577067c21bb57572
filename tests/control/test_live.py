"""What is asked for, mirrored by a real engine on a live network."""

from collections.abc import Iterator
from pathlib import Path
from socket import socket
from time import monotonic, sleep
from typing import Any

import pytest

from mirrorplane.control import Control, NewSession, operations
from mirrorplane.control.driver import Driver
from mirrorplane.control.resources import Session, Status
from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.engines.live import Live
from mirrorplane.engines.userspace import Userspace
from mirrorplane.lab.network import Lab
from mirrorplane.lab.recorder import Recorder
from mirrorplane.model import Configuration, read
from tests.control.desk import HERE, rule
from tests.control.rig import PATIENCE, new_filter, settled, submit, until
from tests.engines.conftest import bpf
from tests.engines.live.network import Network, bound, send
from tests.engines.live.wire import copies

__all__ = ["bpf"]

INVENTORY = """
interfaces:
  eni-guest: {device: gst, addresses: [10.1.0.2]}
  eni-away: {device: away, addresses: [10.1.0.3]}
  eni-sensor: {addresses: [10.9.0.2]}
"""
EVERYTHING = (rule(), rule(direction="egress"))


@pytest.fixture(params=["userspace", "kernel"])
def network(request: pytest.FixtureRequest, allowed: None) -> Iterator[Network]:
    """A guest, the host that mirrors it, and a sensor."""
    if request.param == "kernel":
        request.getfixturevalue("bpf")
    with Lab() as lab:
        yield Network(lab, request.param)


def make(network: Network, configuration: Configuration) -> Live:
    if network.engine_name == "kernel":
        return Kernel(configuration, network.lines.append, network.lab.name)
    return Userspace(configuration, network.lines.append)


def networks_seen(guest: socket, recorder: Recorder) -> set[int]:
    """Return the VNIs of the copies that arrive while the guest talks."""
    n_before = len(recorder.frames)
    send(guest, "10.1.0.1", range(5), 40)
    sleep(0.05)
    return {copy.vni for copy in copies(seen.frame for seen in recorder.frames[n_before:])}


def comes(guest: socket, recorder: Recorder, networks: set[int]) -> None:
    """Return when the guest's packets arrive in these *networks*."""
    end = monotonic() + PATIENCE
    while networks_seen(guest, recorder) != networks:
        assert monotonic() < end, "they never came"


def test_what_is_ready_is_mirrored(network: Network, tmp_path: Path) -> None:
    before = network.traces()
    driver = network.host.call(Driver, lambda said: make(network, said))
    with Control(read(INVENTORY, "lab.yaml"), tmp_path / "m.db", driver) as control:
        submit(control, lambda draft: operations.subscribe(draft, HERE))
        chosen = new_filter(control, *EVERYTHING)
        settled(control)
        words: dict[str, Any] = {"filter": chosen, "instance": "eni-sensor"}
        first = NewSession(1, sources=("eni-guest",), vni=7, **words)
        lost = NewSession(2, sources=("eni-away",), vni=8, **words)
        own = submit(control, lambda draft: operations.create_session(draft, HERE, first))
        settled(control)
        with bound(network.guest, "10.1.0.2") as guest, Recorder(network.sensor, "eth0") as recorder:
            comes(guest, recorder, {7})
            away = submit(control, lambda draft: operations.create_session(draft, HERE, lost))
            until(lambda: bool(life(control, away).reason))
            assert "away" in life(control, away).reason
            assert life(control, away).status is Status.CREATING
            submit(control, lambda draft: operations.change_session(draft, HERE, own, vni=9))
            until(lambda: own not in control.snapshot().pending)
            comes(guest, recorder, {9})
            assert driver.counters()["sessions"][own]["mirrored_packets"] > 0
            submit(control, lambda draft: operations.delete_session(draft, HERE, own))
            until(lambda: control.snapshot().find(HERE, "session", own) is None)
            assert networks_seen(guest, recorder) == set()
    assert network.traces() == before


def life(control: Control, name: str) -> Any:
    found = control.snapshot().find(HERE, "session", name)
    assert isinstance(found, Session)
    return found.life
