"""What tests say to the SDK again and again: models by name, waiting, and the error of an answer."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import volcenginesdkvpc
from volcenginesdkcore.rest import ApiException

from mirrorplane.api.volcengine.errors import Error

PATIENCE = 20.0
ANYWHERE = {"source_cidr_block": "0.0.0.0/0", "destination_cidr_block": "0.0.0.0/0"}


def model(name: str, **values: Any) -> Any:
    """Return a model of the SDK that checks nothing itself."""
    made = getattr(volcenginesdkvpc, name)
    fields = {"_configuration": _lenient(), **values}
    return made(**fields)


def _lenient() -> Any:
    import volcenginesdkcore  # noqa: PLC0415 -- one of its own for each model

    configuration = volcenginesdkcore.Configuration()
    configuration.client_side_validation = False
    return configuration


def call(api: Any, action: str, **values: Any) -> Any:
    """Call the method for *action* (in the SDK's spelling, `create_traffic_mirror_target`)."""
    name = "".join(word.title() for word in action.split("_")) + "Request"
    return getattr(api, action)(model(name, **values))


@contextmanager
def refused(expected: Error) -> Iterator[None]:
    """Expect the SDK to raise for exactly this error."""
    with pytest.raises(ApiException) as caught:
        yield
    found = json.loads(caught.value.body)["ResponseMetadata"]["Error"]
    answer = Error(caught.value.status, found["Code"], found["Message"], found.get("CodeN"))
    assert answer == Error(expected.status, expected.code, expected.message, expected.number)


def until(is_so: Callable[[], Any]) -> Any:
    """Return what *is_so* returns, once it is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := is_so():
            return found
        time.sleep(0.01)
    raise AssertionError("it never was")


def described(api: Any, kind: str, **values: Any) -> list[Any]:
    """Return all things of a *kind* (`target`, `filter`, `session`) on the first page."""
    answer = call(api, f"describe_traffic_mirror_{kind}s", **values)
    return list(getattr(answer, f"traffic_mirror_{kind}s"))


def one(api: Any, kind: str, name: str) -> Any:
    """Return the thing with the id *name*, None if there is none."""
    found = described(api, kind, **{f"traffic_mirror_{kind}_ids": [name]})
    return found[0] if found else None


def ready(api: Any, kind: str, name: str) -> Any:
    """Return the thing *name*, once it is."""
    state = "Active" if kind == "session" else "Available"

    def look() -> Any:
        found = one(api, kind, name)
        return found if found and found.status == state else None

    return until(look)


def target(api: Any, instance: str = "eni-sensor", kind: str = "NetworkInterface", **more: Any) -> str:
    """Create a target; return its id, once it is ready."""
    action = "create_traffic_mirror_target"
    made: str = call(api, action, instance_type=kind, instance_id=instance, **more).traffic_mirror_target_id
    return str(ready(api, "target", made).traffic_mirror_target_id)


def filter_(api: Any, **more: Any) -> str:
    """Create a filter; return its id, once it is ready."""
    made = call(api, "create_traffic_mirror_filter", **more).traffic_mirror_filter_id
    return str(ready(api, "filter", made).traffic_mirror_filter_id)


def rule(api: Any, owner: str, **more: Any) -> str:
    """Create a rule; return its id, once it is ready."""
    words = {"traffic_direction": "ingress", "policy": "accept", "protocol": "all", **ANYWHERE, **more}
    action = "create_traffic_mirror_filter_rule"
    made = call(api, action, traffic_mirror_filter_id=owner, **words).traffic_mirror_filter_rule_id
    until(lambda: rules(api, owner)[made].status == "Available")
    return str(made)


def rules(api: Any, owner: str) -> dict[str, Any]:
    """Return the rules of a filter by id."""
    found = one(api, "filter", owner)
    return {
        rule.traffic_mirror_filter_rule_id: rule
        for rule in found.ingress_filter_rules + found.egress_filter_rules
    }


def session(api: Any, source: str = "eni-web", **more: Any) -> str:
    """Create a session; return its id, once it is active."""
    action = "create_traffic_mirror_session"
    made = call(api, action, network_interface_id=source, **more).traffic_mirror_session_id
    return str(ready(api, "session", made).traffic_mirror_session_id)


RULE = {"traffic_direction": "ingress", "policy": "accept", "protocol": "all", **ANYWHERE}
PORTS = {"source_port_range": "1/65535", "destination_port_range": "80/80"}


def both(api: Any) -> dict[str, str]:
    """Return what a session needs beside its source."""
    return {"traffic_mirror_target_id": target(api), "traffic_mirror_filter_id": filter_(api)}


def tags(action: str, **pairs: str) -> list[Any]:
    return [model(f"TagFor{action}Input", key=key, value=value) for key, value in pairs.items()]


def wanted(action: str, **keys: list[str]) -> list[Any]:
    return [model(f"TagFilterFor{action}Input", key=key, values=values) for key, values in keys.items()]
