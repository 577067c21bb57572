"""Actions on sessions by the SDK, and what all actions refuse: what is not there, not ready, in use."""

from typing import Any

import pytest

from mirrorplane.api.volcengine import errors
from mirrorplane.control import Control
from mirrorplane.control.resources import Scope
from tests.api.volcengine.clients import (
    RULE,
    both,
    call,
    described,
    filter_,
    one,
    ready,
    refused,
    rule,
    session,
    target,
    until,
)


def test_a_session_from_beginning_to_end(api: Any, control: Control, scope: Scope) -> None:
    needed = both(api)
    made = call(
        api, "create_traffic_mirror_session", network_interface_id="eni-web", priority=5, **needed
    ).traffic_mirror_session_id
    assert one(api, "session", made).status == "Creating"
    found = ready(api, "session", made)
    assert found.traffic_mirror_session_name == made
    assert found.traffic_mirror_source_ids == ["eni-web"]
    assert found.traffic_mirror_target_id == needed["traffic_mirror_target_id"]
    assert found.traffic_mirror_filter_id == needed["traffic_mirror_filter_id"]
    assert (found.priority, found.packet_length) == (5, 1500)
    assert 0 < found.virtual_network_id < 1 << 24
    assert (found.business_status, found.lock_reason) == ("Normal", "")
    assert (found.description, found.project_name, found.tags) == ("", "default", [])
    (kept,) = control.snapshot().sessions(scope)
    assert kept.enabled
    other = target(api, "lb-sensors", "ClbInstance")
    call(
        api,
        "modify_traffic_mirror_session_attributes",
        traffic_mirror_session_id=made,
        traffic_mirror_session_name="s",
        description="d",
        traffic_mirror_target_id=other,
        priority=6,
        virtual_network_id=0,
        packet_length=64,
    )
    assert one(api, "session", made).status == "Pending"
    found = ready(api, "session", made)
    assert (found.traffic_mirror_session_name, found.description) == ("s", "d")
    assert (found.traffic_mirror_target_id, found.priority) == (other, 6)
    assert (found.virtual_network_id, found.packet_length) == (0, 64)
    assert found.traffic_mirror_filter_id == needed["traffic_mirror_filter_id"]
    call(api, "delete_traffic_mirror_session", traffic_mirror_session_id=made)
    assert one(api, "session", made).status == "Deleting"
    until(lambda: one(api, "session", made) is None)
    call(api, "delete_traffic_mirror_target", traffic_mirror_target_id=other)


@pytest.mark.parametrize(
    ("parameter", "low", "high"),
    [("Priority", 1, 32766), ("VirtualNetworkId", 0, 16777215), ("PacketLength", 64, 9600)],
)
def test_a_sessions_numbers(parameter: str, low: int, high: int, lenient: Any) -> None:
    """At both bounds they are taken and shown, one beyond refused; created and changed."""
    name = {"Priority": "priority", "VirtualNetworkId": "virtual_network_id"}.get(parameter, "packet_length")
    needed: dict[str, Any] = {**both(lenient), "priority": 7}
    for value in (low - 1, high + 1):
        with refused(errors.malformed(parameter)):
            session(lenient, **{**needed, name: value})
    made = session(lenient, **{**needed, name: low})
    assert getattr(one(lenient, "session", made), name) == low
    change = "modify_traffic_mirror_session_attributes"
    for value in (low - 1, high + 1):
        with refused(errors.malformed(parameter)):
            call(lenient, change, traffic_mirror_session_id=made, **{name: value})
    for value in (high, low):
        call(lenient, change, traffic_mirror_session_id=made, **{name: value})
        assert getattr(ready(lenient, "session", made), name) == value
    made = session(lenient, **{**needed, "priority": 8, name: high})
    assert getattr(one(lenient, "session", made), name) == high


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("eni-nobody", errors.INTERFACE_NOT_FOUND),
        ("eni-free", errors.ENI_INSTANCE_MISMATCH),
        ("eni-lost", errors.ENI_INSTANCE_MISMATCH),
        ("eni-down", errors.ENI_STATUS),
        ("eni-old", errors.NETWORK_INTERFACE_TYPE),
        ("eni-odd", errors.NETWORK_INTERFACE_TYPE),
        ("eni-nat", errors.NETWORK_INTERFACE_TYPE),
        ("eni-sensor", errors.NETWORK_INTERFACE_ROLE),
    ],
)
def test_sources_that_are_none(source: str, error: errors.Error, api: Any) -> None:
    with refused(error):
        session(api, source, priority=1, **both(api))
    assert described(api, "session") == []


def test_what_is_not_there(lenient: Any) -> None:
    """Every action that names a thing says which kind is not there."""
    for kind, noun in (
        ("target", "target"),
        ("filter", "filter"),
        ("rule", "filter_rule"),
        ("session", "session"),
    ):
        named = {f"traffic_mirror_{noun}_id": "tm-nothing"}
        for action in (f"delete_traffic_mirror_{noun}", f"modify_traffic_mirror_{noun}_attributes"):
            with refused(errors.NOT_FOUND[kind]):
                call(lenient, action, **named)
            with refused(errors.MISSING_PARAMETER.about(f"TrafficMirror{noun.title().replace('_', '')}Id")):
                call(lenient, action)
    with refused(errors.NOT_FOUND["filter"]):
        rule(lenient, "tmf-nothing")
    needed: dict[str, Any] = {**both(lenient), "priority": 1}
    for kind in ("target", "filter"):
        with refused(errors.NOT_FOUND[kind]):
            session(lenient, **{**needed, f"traffic_mirror_{kind}_id": "tm-nothing"})
    with refused(errors.PROJECT_NOT_FOUND):
        session(lenient, **needed, project_name="nowhere")
    with refused(errors.PROJECT_NOT_FOUND):
        filter_(lenient, project_name="nowhere")


def test_what_is_not_ready(api: Any) -> None:
    made = call(api, "create_traffic_mirror_filter").traffic_mirror_filter_id
    with refused(errors.STATUS["filter"]):
        call(api, "delete_traffic_mirror_filter", traffic_mirror_filter_id=made)
    with refused(errors.STATUS["filter"]):
        rule(api, made)


def test_what_is_in_use(api: Any) -> None:
    needed = both(api)
    session(api, priority=1, **needed)
    for kind in ("target", "filter"):
        named = {name: value for name, value in needed.items() if kind in name}
        with refused(errors.IN_USE[kind]):
            call(api, f"delete_traffic_mirror_{kind}", **named)


def test_priorities_are_one_sessions(api: Any) -> None:
    needed = both(api)
    session(api, priority=1, **needed)
    with refused(errors.PRIORITY_CONFLICT["session"]):
        session(api, "eni-web2", priority=1, **needed)
    other = session(api, "eni-web2", priority=2, **needed)
    with refused(errors.PRIORITY_CONFLICT["session"]):
        call(
            api,
            "modify_traffic_mirror_session_attributes",
            traffic_mirror_session_id=other,
            priority=1,
        )


def test_quotas(api: Any) -> None:
    """As the configuration has them: 4 sessions, 2 of an interface, 3 rules, 4 filters."""
    needed = both(api)
    other = {**needed, "traffic_mirror_target_id": target(api, "lb-sensors", "ClbInstance")}
    owner = needed["traffic_mirror_filter_id"]
    for priority in range(1, 4):
        rule(api, owner, priority=priority)
    with refused(errors.QUOTA["rule"]):
        rule(api, owner, priority=4)
    session(api, priority=1, **needed)
    session(api, priority=2, **needed)
    with refused(errors.QUOTA_PER_INTERFACE):
        session(api, priority=3, **needed)
    session(api, "eni-web2", priority=3, **other)
    session(api, "eni-web2", priority=4, **other)
    with refused(errors.QUOTA["session"]):
        session(api, "eni-web3", priority=5, **other)
    for _ in range(3):
        filter_(api)
    with refused(errors.QUOTA["filter"]):
        filter_(api)


def test_sources_of_a_target(api: Any) -> None:
    needed = both(api)
    session(api, "eni-web", priority=1, **needed)
    session(api, "eni-web2", priority=2, **needed)
    session(api, "eni-web3", priority=3, **needed)
    with refused(errors.QUOTA_PER_TARGET):
        session(api, "eni-web4", priority=4, **needed)


@pytest.mark.parametrize("action", ["filter", "target", "session", "filter_rule"])
def test_tokens(action: str, api: Any) -> None:
    """The same request again gets the same answer and makes nothing; another is refused."""
    needed = both(api) if action in {"session", "filter_rule"} else {}
    if action == "filter_rule":
        needed.pop("traffic_mirror_target_id")
    words: dict[str, dict[str, Any]] = {
        "filter": {},
        "target": {"instance_type": "NetworkInterface", "instance_id": "eni-sensor"},
        "session": {"network_interface_id": "eni-web", "priority": 1},
        "filter_rule": RULE,
    }
    asked = {**needed, **words[action], "client_token": "t" * 64}
    first, again = (call(api, f"create_traffic_mirror_{action}", **asked) for _ in range(2))
    name = f"traffic_mirror_{action}_id"
    assert getattr(first, name) == getattr(again, name)
    assert first.request_id != again.request_id
    with refused(errors.IDEMPOTENT_PARAMETER_MISMATCH):
        call(api, f"create_traffic_mirror_{action}", **asked, description="another")
