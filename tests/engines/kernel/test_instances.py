"""Who runs."""

import pytest

from mirrorplane.engines.kernel.instances import Lock, RunningError, is_running, tag_of

TAG = tag_of("test_instances")


def test_a_lock_is_held_by_one() -> None:
    with Lock(TAG):
        assert is_running(TAG)
        assert not is_running(tag_of("another"))
        with pytest.raises(RunningError, match="is running already"):
            Lock(TAG)
    assert not is_running(TAG)
    Lock(TAG).release()


def test_to_ask_takes_nothing() -> None:
    assert not is_running(TAG)
    with Lock(TAG):
        assert [is_running(TAG) for _ in range(3)] == [True] * 3


def test_a_tag_is_one_of_a_name() -> None:
    assert tag_of("/a.yaml") == tag_of("/a.yaml") != tag_of("/b.yaml")
    assert len(tag_of("")) == 8
