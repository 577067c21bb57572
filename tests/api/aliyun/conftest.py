"""The server of a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.aliyun.cloud import Cloud, running


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDKs from going by a proxy: they know of none that a host is not to be reached by."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A server where the service is open."""
    with running(tmp_path) as cloud:
        cloud.open()
        yield cloud
