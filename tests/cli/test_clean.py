"""`clean`, as a user types it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrorplane.engines.kernel.instances import tag_of
from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.lab.network import Host, Lab
from tests.engines.kernel.processes import Run, cleaned, listing, written
from tests.engines.live.network import Network, document

pytestmark = pytest.mark.usefixtures("allowed")

CLEAN = [sys.executable, "-m", "mirrorplane", "clean"]


@pytest.fixture
def network() -> Iterator[Network]:
    with Lab() as lab:
        yield Network(lab)


def without(host: Host, capability: str) -> tuple[int, str, str]:
    """Run it without a capability; return its exit code and what it said."""
    bare = ["setpriv", "--bounding-set", f"-{capability}", "--inh-caps", f"-{capability}", *CLEAN]
    done = host.spawn(bare)
    output, errors = done.communicate(timeout=20)
    return done.returncode, output, errors


def test_nothing(network: Network) -> None:
    assert cleaned(network.host) == "nothing was left behind\n"


def test_without_privileges(network: Network) -> None:
    assert without(network.host, "net_admin") == (
        1,
        "",
        "mirrorplane: clean: no CAP_NET_ADMIN: run it as root\n",
    )


def test_what_is_removed_is_said(network: Network, tmp_path: Path) -> None:
    if missing() is not None:
        pytest.skip(f"no kernel engine: {missing()}")
    said = document()
    far = {"device": "eth0", "netns": network.guest.namespace.reference, "side": "eni"}
    said["interfaces"]["eni-far"] = far
    said["sessions"]["tms-in"]["sources"].append("eni-far")
    said["kernel"] = {"cpus": "inline"}
    path = written(tmp_path / "c.yaml", said)
    before = listing(network.host, network.guest)
    with Run(network.host, path) as run:
        run.await_line()
        run.kill()
    tag = tag_of(str(path))
    devices = ", ".join(f"mp-{tag}-{end}" for end in ("0b", "sa", "sb"))
    assert cleaned(network.host) == f"instance {tag}: removed the taps of eth0, the taps of gst, {devices}\n"
    assert listing(network.host, network.guest) == before
    assert cleaned(network.host) == "nothing was left behind\n"
