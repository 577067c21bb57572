"""The network of the live tests, where one can be made, once for each engine."""

from collections.abc import Iterator

import pytest

from mirrorplane.lab.network import Lab
from tests.engines.live.network import Network


@pytest.fixture(params=["userspace", "kernel"])
def network(request: pytest.FixtureRequest, allowed: None) -> Iterator[Network]:
    """A guest, the host that mirrors it, and a sensor."""
    if request.param == "kernel":
        request.getfixturevalue("bpf")
    with Lab() as lab:
        yield Network(lab, request.param)
