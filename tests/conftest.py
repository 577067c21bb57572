"""What every test shares: how hypothesis searches, which worker runs what, whether there can be live ones."""

from signal import SIG_IGN, SIGINT, default_int_handler, getsignal, signal
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# The first call of a kernel may compile it, which takes seconds: no deadline for a single example.
settings.register_profile("mirrorplane", deadline=None)
settings.load_profile("mirrorplane")

# What a script starts in its background ignores Ctrl-C, and so would all that tests start and interrupt.
if getsignal(SIGINT) is SIG_IGN:
    signal(SIGINT, default_int_handler)

TRAFFIC = (
    "tests/cli/test_rootless.py",
    "tests/engines/live/test_loss.py",
    "tests/engines/live/test_parity.py",
    "tests/engines/live/test_reloads.py",
    "tests/engines/live/test_segmentation.py",
    "tests/engines/live/test_wire_faithful.py",
    "tests/engines/userspace/",
)
"""Where an engine has to keep up with what is sent, which on a computer that is busy otherwise it may not:
these run one by one."""

KILLED = (
    "tests/api/test_end_to_end.py",
    "tests/cli/test_clean.py",
    "tests/engines/kernel/test_crashes.py",
    "tests/engines/kernel/test_lifecycle.py",
)
"""Where engines are killed, and where `clean` takes away what such ones leave in any namespace with a name:
another's too."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # has no types
    """Each file to one worker, in the order of collection; KILLED as if it were one, and TRAFFIC last."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(KILLED):
            return "killed"
        return "traffic" if nodeid.startswith(TRAFFIC) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Schedule so."""
    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Compile the pipeline before there are workers, each of which would."""
    from mirrorplane.engines.userspace.kernels import compile_kernels  # noqa: PLC0415 - with -n0 not needed

    compile_kernels(print)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have TRAFFIC last, when the other workers are done; where there are none, have it over first."""
    is_worker = hasattr(config, "workerinput")
    items.sort(key=lambda item: item.nodeid.startswith(TRAFFIC) == is_worker)


@pytest.fixture(scope="session")
def allowed() -> None:
    """Skip what needs network namespaces where there can be none; the one place that decides it."""
    from mirrorplane.lab.namespaces import missing  # noqa: PLC0415 - netlink, which most tests do without

    reason = missing()
    if reason:
        pytest.skip(f"no live lab: {reason}")
