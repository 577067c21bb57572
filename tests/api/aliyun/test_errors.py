"""Every reason to refuse something has an answer."""

import pytest

from mirrorplane.api.aliyun.errors import refused
from mirrorplane.control import Refusal, Why

ELSEWHERE = {Why.TARGET_CONFLICT, Why.QUOTA_TARGETS}
"""Of named targets, which this cloud has not."""


@pytest.mark.parametrize("why", [why for why in Why if why not in ELSEWHERE], ids=lambda why: why.name)
@pytest.mark.parametrize("kind", ["filter", "rule", "session"])
def test_a_reason_has_an_answer(why: Why, kind: str) -> None:
    error = refused(Refusal(why, kind, "the-id"))
    assert error.status == 400
    assert error.code
    assert not error.code.endswith(".")
    assert error.message
    assert "%s" not in error.message
