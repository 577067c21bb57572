"""Whoever is killed between any two steps leaves nothing that cannot be removed or taken over."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.lab.network import Lab
from tests.engines.kernel.processes import listing, written
from tests.engines.live.network import Network, document, session

KILLED = 9
SAMPLE = 4
"""Of so many kill points one is tried, and which one is drawn; with 1, each of the 200."""

PHASES = {"start": [], "reload": [], "stop": [], "mend": [], "restart": ["start"], "clean": ["start"]}
"""What is killed, and what is done before that."""

N_MOMENTS = 8


class Children:
    """The children of a `doomed` on the host of a network."""

    def __init__(self, network: Network, paths: list[Path]) -> None:
        self._network = network
        command = [sys.executable, "-m", "tests.engines.kernel.doomed", *map(str, paths)]
        self._process = network.host.spawn(command)
        self.before = self.listing()

    def listing(self) -> str:
        return listing(self._network.host, self._network.guest)

    def do(self, work: str, **doom: float) -> dict[str, Any]:
        """Have a child do *work*; return what became of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"work": work, **doom}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()
        return dict(json.loads(answer))

    def check(self, work: str, **doom: float) -> None:
        """Check that after *work*, which is to be killed, everything can be removed, or put up and down."""
        for first in PHASES[work]:
            assert self.do(first)["status"] == 0
        assert self.do(work, **doom)["status"] in {0, KILLED}, doom
        last = self.do(random.choice(["clean", "stop"]))
        assert last["status"] == 0, f"{work} {doom}: {last['said']}"  # a text is shown whole
        assert self.listing() == self.before, (work, doom, last)


@pytest.fixture(scope="module")
def children(bpf: None, allowed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with Lab() as lab:
        network = Network(lab, "kernel")
        first, second = document(), document()
        far = {"device": "eth0", "netns": network.guest.namespace.reference, "side": "eni"}
        for said, device in ((first, far), (second, {"device": "up"})):
            said["interfaces"]["eni-other"] = device
            said["sessions"]["tms-other"] = session(3, "tmf-in", 33) | {"sources": ["eni-other"]}
        network.host.run(["tc", "qdisc", "add", "dev", "up", "clsact"])  # somebody else's, and empty
        folder = tmp_path_factory.mktemp("doomed")
        yield Children(network, [written(folder / "a", first), written(folder / "b", second)])


@pytest.mark.parametrize("work", PHASES)
def test_a_kill_between_any_two_steps(children: Children, work: str) -> None:
    for first in PHASES[work]:
        children.do(first)
    n_steps = children.do(work)["steps"]
    assert n_steps >= 10
    children.do("clean")
    for at in range(random.randrange(SAMPLE) + 1, n_steps + 1, SAMPLE):
        children.check(work, at=at)


def test_a_kill_at_any_moment(children: Children) -> None:
    for _ in range(N_MOMENTS):
        children.check(random.choice(list(PHASES)), after=random.uniform(0, 0.3))
