"""`run` without any rights: in a user namespace of its own it mirrors, by the engine that works there."""

import json
import re
import sys
from collections.abc import Iterator

import pytest

from tests.cli.rootless import User, user


@pytest.fixture(scope="module")
def nobody() -> Iterator[User]:
    """A user without rights, where there can be one who makes namespaces."""
    with user() as made:
        done = made.run("true")
        if done.returncode:
            pytest.skip(f"no namespaces without rights: {done.stderr.strip()}")
        yield made


def test_run_mirrors_and_says_by_what_and_why(nobody: User) -> None:
    done = nobody.run(sys.executable, "-m", "tests.cli.rootless")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    said, last = found["said"], found["last"]
    assert re.match(r"mirrorplane: engine userspace: user namespace: .*", said[0]), said
    assert said[-1] == "mirrorplane: ready"
    assert found["exchanges"] == [3, 4, 3, 4]
    source, sessions = last["sources"]["eni-web"], last["sessions"].values()
    mirrored = sum(session["mirrored_packets"] for session in sessions)
    assert mirrored > 50
    assert source["mirrored"] == mirrored <= found["copies"]
    assert source["seen"] == source["mirrored"] + sum(source["not_mirrored"].values())


@pytest.mark.parametrize("module", ["test_packets", "test_segmentation"])
def test_live_tests_pass(nobody: User, module: str) -> None:
    options = ("-q", "-n0", "-p", "no:cacheprovider", "-k", "userspace", f"tests/engines/live/{module}.py")
    done = nobody.run(sys.executable, "-m", "pytest", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
