"""The rules that every model keeps."""

import pytest
from pydantic import ValidationError

from mirrorplane.model import Interface, PortRange
from mirrorplane.model.frozen import Frozen


class Thing(Frozen):
    name: str


def test_nothing_changes() -> None:
    thing = Thing(name="a")
    with pytest.raises(ValidationError):
        thing.name = "b"
    assert thing == Thing(name="a")
    assert len({thing, Thing(name="a"), Interface(id="eni-a"), Interface(id="eni-a")}) == 2


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Thing.model_validate({"name": "a", "nam": "b"})


def test_values_are_not_shown() -> None:
    with pytest.raises(ValidationError) as refused:
        Thing.model_validate({"name": PortRange(4711, 4711)})
    assert "4711" not in str(refused.value)
