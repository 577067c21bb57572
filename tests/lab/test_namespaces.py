"""Namespaces: named and unnamed, swept and left alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps
from os import kill
from pathlib import Path
from shutil import which
from signal import SIGKILL
from subprocess import PIPE, Popen, run
from sys import executable
from time import monotonic, sleep

import pytest
from pyroute2 import IPRoute

from mirrorplane.capture.device import LIBC, NAMES, inspect
from mirrorplane.lab.namespaces import Namespace, missing, remove_names, sweep
from tests.cli.rootless import NOBODY, can_become
from tests.lab.conftest import names

CLONE_NEWNS = 0x2_0000
"""include/uapi/linux/sched.h: a mount namespace."""

OWNER = """
from mirrorplane.lab.network import Lab, End
lab = Lab().__enter__()
left, right = lab.host("left"), lab.host("right")
lab.link(End(left, "eth0"), End(right, "eth0"))
print(left.namespace.reference, left.spawn(["sleep", "60"]).pid, flush=True)
input()
"""


def devices() -> set[str]:
    with IPRoute() as netlink:
        return {link.get("ifname") for link in netlink.get_links()}


def is_alive(pid: int) -> bool:
    """Return whether a process runs: a zombie, which nobody may be there to reap, does not."""
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return False


def wait_until_gone(pid: int) -> None:
    deadline = monotonic() + 5
    while is_alive(pid):
        assert monotonic() < deadline
        sleep(0.01)


def among_its_own_names(test: Callable[[], None]) -> Callable[[], None]:
    """Have a test run where there are no names but its own: labs of other tests sweep all that they see."""

    def there() -> None:
        with suppress(OSError):
            NAMES.mkdir(exist_ok=True)
        if NAMES.is_dir() and not LIBC.unshare(CLONE_NEWNS):
            run(["mount", "--make-rprivate", "/"], check=True)
            run(["mount", "-t", "tmpfs", "names", NAMES], check=True)
        test()

    @wraps(test)
    def runs_there() -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(there).result()

    return runs_there


def test_inside_is_elsewhere_and_back() -> None:
    namespace = Namespace("mp-test-inside")
    try:
        assert namespace.inside(devices) == {"lo"}
    finally:
        remove_names("mp-test-inside")
        namespace.close()


def test_an_exception_inside_reaches_the_caller() -> None:
    namespace = Namespace("mp-test-exception")
    try:
        with pytest.raises(ZeroDivisionError):
            namespace.inside(lambda: 1 // 0)
    finally:
        remove_names("mp-test-exception")
        namespace.close()
        namespace.close()


def test_the_reference_is_what_a_configuration_names() -> None:
    namespace = Namespace("mp-test-reference")
    try:
        assert inspect("lo", namespace.reference).name == "lo"
    finally:
        remove_names("mp-test-reference")
        namespace.close()


def test_a_living_lab_is_not_swept() -> None:
    namespace = Namespace("mp-test-living")
    try:
        assert "mp-test-living" not in sweep()
        assert namespace.inside(devices) == {"lo"}
    finally:
        remove_names("mp-test-living")
        namespace.close()


@among_its_own_names
def test_a_killed_lab_is_swept_with_its_programs() -> None:
    with Popen([executable, "-c", OWNER], stdin=PIPE, stdout=PIPE, text=True) as owner:
        assert owner.stdout is not None
        reference, pid = owner.stdout.readline().split()
        kill(owner.pid, SIGKILL)
        owner.wait()
    if reference.startswith("/"):
        kill(int(pid), SIGKILL)
        pytest.skip("namespaces cannot be named here, so a killed lab leaves no name")
    both = {reference, reference.replace("left", "right")}
    assert names(owner.pid) == both
    assert both <= set(sweep())
    assert not names(owner.pid)
    wait_until_gone(int(pid))


def test_sweeping_leaves_other_names_alone() -> None:
    other = Namespace("other-test-name")
    try:
        other.close()  # nobody holds it any more, but it is not a lab's
        assert "other-test-name" not in sweep()
        assert not other.named or (NAMES / "other-test-name").exists()
    finally:
        remove_names("other-test-name")


def test_missing_names_the_way_out() -> None:
    if not can_become(NOBODY):
        pytest.skip("only root can become somebody else")
    script = f"from mirrorplane.lab.namespaces import missing; setuid({NOBODY}); print(missing())"
    arguments = [executable, "-c", f"from os import setuid; {script}"]
    result = run(arguments, capture_output=True, text=True, check=True)
    assert "network namespaces need root or a user namespace" in result.stdout
    assert "unshare -Urn" in result.stdout


def test_nothing_is_missing_here() -> None:
    assert missing() is None


def test_a_user_namespace_is_enough() -> None:
    script = (
        "from mirrorplane.lab.demo import demo\n"
        "from mirrorplane.lab.namespaces import missing\n"
        "assert missing() is None, missing()\n"
        "with demo() as built:\n"
        "    built.serve()\n"
        "    print(built.host.namespace.reference, sum(done.exchanges for done in built.talk()))\n"
    )
    if not which("unshare") or run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no unprivileged user namespaces")
    result = run(["unshare", "-Urn", executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    reference, exchanges = result.stdout.split()
    assert reference.startswith("/proc/")
    assert int(exchanges) == 14
