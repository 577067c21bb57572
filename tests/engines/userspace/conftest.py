"""The network of this engine's own live tests, where one can be made."""

from collections.abc import Iterator

import pytest

from mirrorplane.lab.network import Lab
from tests.engines.live.network import Network


@pytest.fixture
def network(allowed: None) -> Iterator[Network]:
    """A guest, the host that mirrors it, and a sensor."""
    with Lab() as lab:
        yield Network(lab, "userspace")
