"""Whoever mirrors in a live measurement really sends the sensor each frame, and what is said of it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from benchmarks.live.load import FLOWS, Flood, frame
from benchmarks.live.mirrors import CLONE, INLINE, NFT, NONE, TC, USERSPACE, VNI, Wanted, at_work, why_not
from benchmarks.live.network import DEVICE, Network, missing, network
from benchmarks.measure import cpus
from benchmarks.traffic import UDP
from mirrorplane.lab.decoding import unwrap
from mirrorplane.lab.recorder import Recorder

SIZE, SESSIONS = 128, 10
WANTED = Wanted(UDP, packet_length=1500, rules=SESSIONS, sessions=SESSIONS)
SENT = Counter(frame(SIZE, flow) for flow in range(FLOWS))


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    why = missing()
    if why is not None:
        pytest.skip(f"no live measurements: {why}")
    with network() as made:
        yield made


def reason(built: Network, mirror: str) -> str | None:
    """Return why *mirror* cannot be had here; an engine says so soon enough when it is started."""
    return None if mirror in (NONE, INLINE, USERSPACE) else why_not(mirror, built, cpus()[0])


def flooded(built: Network, mirror: str) -> list[bytes]:
    """Return what the sensor gets of a frame of each flow."""
    why, cpu = reason(built, mirror), cpus()[0]
    if why is not None:
        pytest.skip(f"{mirror}: {why}")
    with (
        at_work(mirror, built, WANTED, cpu),
        Recorder(built.sensor, DEVICE, outgoing=False) as sensor,
        closing(Flood(built, SIZE, cpu)) as flood,
        ThreadPoolExecutor(1) as thread,
    ):
        thread.submit(flood.send, FLOWS).result()
        built.settle()
    return [seen.frame for seen in sensor.frames]


def test_nobody_mirrors(built: Network) -> None:
    assert flooded(built, NONE) == []


def test_a_clone_is_the_frame_itself(built: Network) -> None:
    assert Counter(flooded(built, CLONE)) == SENT


@pytest.mark.parametrize("mirror", [TC, NFT])
def test_peers_wrap_each_frame(built: Network, mirror: str) -> None:
    copies = [copy for each in flooded(built, mirror) if (copy := unwrap(each))]
    assert Counter(copy.inner for copy in copies) == SENT
    assert {copy.vni for copy in copies} == {VNI}


@pytest.mark.parametrize("mirror", [INLINE, USERSPACE])
def test_engines_wrap_each_frame_by_the_last_of_the_sessions(built: Network, mirror: str) -> None:
    copies = [copy for each in flooded(built, mirror) if (copy := unwrap(each))]
    assert Counter(copy.inner for copy in copies) == SENT
    assert {copy.vni for copy in copies} == {VNI + SESSIONS - 1}
