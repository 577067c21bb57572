"""The network of the live tests, where one can be made: once for each engine, or for each of their modes."""

from collections.abc import Iterator

import pytest

from mirrorplane.lab.network import Lab
from tests.engines.kernel.rig import Rig
from tests.engines.live.bench import Bench
from tests.engines.live.mirror import Mirror
from tests.engines.live.modes import MODES, Mode, at_work
from tests.engines.live.network import Network
from tests.engines.live.rings import RingBench


@pytest.fixture(params=["userspace", "kernel"])
def network(request: pytest.FixtureRequest, allowed: None) -> Iterator[Network]:
    """A guest, the host that mirrors it, and a sensor."""
    if request.param == "kernel":
        request.getfixturevalue("bpf")
    with Lab() as lab:
        yield Network(lab, request.param)


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    """How the engine is at work."""
    return MODES[request.param]


@pytest.fixture(scope="module")
def mirror(mode: Mode, request: pytest.FixtureRequest, allowed: None) -> Iterator[Mirror]:
    """An engine at work, for all the tests of a module."""
    if mode.engine == "kernel":
        request.getfixturevalue("bpf")
    with at_work(mode) as running:
        yield running


@pytest.fixture(scope="module", params=[RingBench, Rig])
def bench(request: pytest.FixtureRequest, allowed: None) -> Iterator[Bench]:
    """A bench for all the tests of a module, of each engine."""
    if request.param is Rig:
        request.getfixturevalue("bpf")
    with Lab() as lab, request.param(lab.host("bench")) as made:
        yield made
