"""What every test shares: how hypothesis searches, and whether there can be a live network."""

import pytest
from hypothesis import settings

# The first call of a kernel may compile it, which takes seconds: no deadline for a single example.
settings.register_profile("mirrorplane", deadline=None)
settings.load_profile("mirrorplane")


@pytest.fixture(scope="session")
def allowed() -> None:
    """Skip what needs network namespaces where there can be none; the one place that decides it."""
    from mirrorplane.lab.namespaces import missing  # noqa: PLC0415 - netlink, which most tests do without

    reason = missing()
    if reason:
        pytest.skip(f"no live lab: {reason}")
