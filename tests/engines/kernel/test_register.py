"""What an instance's successor is told."""

import pytest

from mirrorplane.engines.kernel import register as module
from mirrorplane.engines.kernel.records import PAGE
from mirrorplane.engines.kernel.register import Namespace, Register, Relay, Spot
from mirrorplane.plan import PlanError, compile_plan
from tests.engines.live.network import configuration, document

PLAN = compile_plan(configuration(document()))


def full() -> Register:
    register = Register("build", "words")
    register.take_in(PLAN)
    register.number(Namespace("far", 4, 77))
    register.put(Spot("eni-guest", 1, "eth0", 7, made_clsact=True))
    register.relays.append(Relay(0, 1, None, 9))
    register.devices["eni-guest"] = ("eth0", "far", "eni")
    register.lost = 3
    return register


def test_it_comes_back_as_it_was() -> None:
    content = full().emit()
    assert len(content) % PAGE == 0
    again = Register.parse(content)
    assert again.emit() == content
    assert (again.spots, again.relays, again.rules) == (full().spots, full().relays, full().rules)
    assert again.namespaces == [Namespace(), Namespace("far", 4, 77)]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"build": 1}', bytes(PAGE)])
def test_anything_else_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"register|Expecting"):
        Register.parse(content)


def test_a_plan_that_fails_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Register("build", "words")
    with pytest.raises(KeyError), register.taking_in(PLAN):
        raise KeyError
    monkeypatch.setattr(module, "MAX_SESSIONS", 1)
    with pytest.raises(PlanError, match="more than 1 sessions"), register.taking_in(PLAN):
        pass
    assert register == Register("build", "words")


def test_a_row_is_never_given_to_another() -> None:
    register = full()
    before = list(register.sessions)
    said = document()
    said["sessions"]["tms-a"] = said["sessions"].pop("tms-in")
    with register.taking_in(compile_plan(configuration(said))):
        pass
    assert register.sessions == [*before, "tms-a"]


def test_a_namespace_is_known_whatever_its_name() -> None:
    register = full()
    assert register.number(Namespace("near", 4, 77)) == 1
    assert register.namespaces[1].name == "near"
    assert register.known(Namespace("near", 4, 78)) is None
    assert register.number(Namespace("near", 4, 78)) == 2
    assert register.number(Namespace()) == 0


def test_a_device_is_noted_once() -> None:
    register = full()
    register.put(Spot("eni-other", 1, "eth0", 7, made_clsact=True))
    assert [spot.source for spot in register.spots] == ["eni-other"]
    assert register.at((1, 8)) is None
    register.drop(register.spots[0])
    assert register.spots == []
