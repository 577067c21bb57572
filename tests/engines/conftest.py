"""Whether the kernel lets this process use eBPF."""

import pytest

from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.kernel.bpf.maps import Kind, Map


@pytest.fixture(scope="session")
def bpf() -> None:
    """Skip what needs maps or programs in the kernel where there can be none."""
    try:
        with Map.create(Kind.PERCPU_HASH, "mp_test", 4, 8, 1):
            pass
    except KernelError as error:
        pytest.skip(f"no eBPF: {error}")
