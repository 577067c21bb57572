"""The whole, and the VNIs that are drawn."""

from collections.abc import Mapping
from random import Random

import pytest
from pydantic import ValidationError

from mirrorplane.model import MAX_VNI, Configuration, Filter, Interface, Session, read, with_networks
from tests.model.documents import DESIGN, FILTERS, INTERFACES, RIGHT


def test_backends() -> None:
    found = read(DESIGN, "lab.yaml")
    session = found.sessions["tms-web"]
    assert found.backends(session) == (found.interfaces["eni-sensor"],)
    through_balancer = session.model_copy(update={"target": "lb-sensors"})
    assert [each.id for each in found.backends(through_balancer)] == ["eni-sensor", "eni-sensor2"]


def test_the_order_of_the_file_is_kept() -> None:
    found = read("interfaces: {eni-z: {}, eni-a: {}, eni-m: {}}", "lab.yaml")
    assert list(found.interfaces) == ["eni-z", "eni-a", "eni-m"]
    assert [each.id for each in found.interfaces.values()] == ["eni-z", "eni-a", "eni-m"]


def test_nothing_changes() -> None:
    found = read(RIGHT, "lab.yaml")
    with pytest.raises(TypeError):
        found.interfaces["eni-x"] = Interface(id="eni-x")  # type: ignore[index]
    with pytest.raises(ValidationError):
        found.sessions = {}
    given = {"eni-a": Interface(id="eni-a")}
    made = Configuration(interfaces=given)
    given.clear()
    assert list(made.interfaces) == ["eni-a"]


def test_configurations_are_compared_by_what_they_say() -> None:
    assert read(RIGHT, "a") == read(RIGHT, "b")
    assert read(RIGHT, "a") != read(RIGHT.replace("10.0.0.1", "10.0.0.9"), "a")


def test_what_does_not_hold_together_is_refused_from_python_too() -> None:
    session = Session(id="tms-a", priority=1, sources=("eni-a",), target="eni-b", filter="tmf-a")
    with pytest.raises(ValidationError) as refused:
        Configuration(interfaces={"eni-a": Interface(id="eni-a")}, sessions={"tms-a": session})
    assert [(error["loc"], error["msg"]) for error in refused.value.errors()] == [
        (("sessions", "tms-a", "target"), "there is no interface eni-b"),
        (("sessions", "tms-a", "filter"), "there is no filter tmf-a"),
    ]


def test_an_id_stands_for_the_thing_that_has_it() -> None:
    with pytest.raises(ValidationError, match="stands for tmf-b"):
        Configuration(filters={"tmf-a": Filter(id="tmf-b")})


def sessions(networks: Mapping[str, int | None]) -> Configuration:
    lines = "".join(
        f"  {name}: {{priority: {at}, sources: [eni-web], target: eni-sensor, filter: tmf-web, "
        f"virtual_network_id: {'~' if vni is None else vni}}}\n"
        for at, (name, vni) in enumerate(networks.items(), 1)
    )
    return read(f"{INTERFACES}{FILTERS}sessions:\n{lines}", "lab.yaml")


def networks(configuration: Configuration) -> dict[str, int | None]:
    return {session.id: session.virtual_network_id for session in configuration.sessions.values()}


class Drawing:
    """Draws the numbers that it was given, in turn."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = iter(numbers)

    def randrange(self, start: int, stop: int, /) -> int:
        number = next(self._numbers)
        assert start <= number < stop
        return number


def test_networks_that_are_said_stay() -> None:
    found = sessions({"tms-a": 5, "tms-b": 0})
    assert with_networks(found, {"tms-a": 9}, Drawing()) == found


def test_a_network_is_drawn() -> None:
    assert networks(with_networks(sessions({"tms-a": None, "tms-b": 5}), {}, Drawing(7))) == {
        "tms-a": 7,
        "tms-b": 5,
    }


def test_a_network_is_kept() -> None:
    found = with_networks(sessions({"tms-a": None, "tms-b": None}), {"tms-b": 7, "tms-gone": 8}, Drawing(7))
    assert networks(found) == {"tms-a": 8, "tms-b": 7}


def test_a_kept_network_that_another_session_took_is_drawn_anew() -> None:
    found = with_networks(
        sessions({"tms-a": None, "tms-b": 7, "tms-c": None}), {"tms-a": 7, "tms-c": 8}, Drawing(8)
    )
    assert networks(found) == {"tms-a": 9, "tms-b": 7, "tms-c": 8}


def test_one_kept_network_is_not_given_twice() -> None:
    found = with_networks(sessions({"tms-a": None, "tms-b": None}), {"tms-a": 7, "tms-b": 7}, Drawing(7))
    assert networks(found) == {"tms-a": 7, "tms-b": 8}


def test_the_highest_network_is_followed_by_the_lowest() -> None:
    found = with_networks(sessions({"tms-a": MAX_VNI, "tms-b": 1, "tms-c": None}), {}, Drawing(MAX_VNI))
    assert networks(found)["tms-c"] == 2


def test_real_random_numbers() -> None:
    undecided = sessions({f"tms-{at}": None for at in range(50)})
    found = with_networks(undecided, {}, Random(1))
    drawn = {vni for vni in networks(found).values() if vni is not None and 1 <= vni <= MAX_VNI}
    assert len(drawn) == 50
    assert found == with_networks(undecided, {}, Random(1))
    assert found.interfaces == undecided.interfaces


def test_a_configuration_with_networks_is_frozen_too() -> None:
    found = with_networks(sessions({"tms-a": None}), {}, Drawing(7))
    with pytest.raises(TypeError):
        del found.sessions["tms-a"]  # type: ignore[attr-defined]
