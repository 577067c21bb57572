"""The ways out by themselves, as a file that is sent uses them."""

from contextlib import closing

import pytest

from mirrorplane.engines.userspace.uplinks import Uplinks
from mirrorplane.forward.sink import ForwardError
from mirrorplane.plan import Plan, compile_plan
from tests.engines.live.network import Network, configuration, document, on_host


def plan(*targets: str) -> Plan:
    """Return a plan with a session for each target."""
    said = document()
    for name, target in zip(("tms-in", "tms-out"), targets, strict=True):
        said["interfaces"][f"eni-of-{name}"] = {"addresses": [target]}
        said["sessions"][name]["target"] = f"eni-of-{name}"
    return compile_plan(configuration(said))


@on_host
def test_what_is_required_is_reached(network: Network) -> None:
    with closing(Uplinks(network.lines.append, patient=True)) as uplinks:
        uplinks.turn_to(plan("10.9.0.2", "fd09::2"))
        uplinks.settle(2.0)
        uplinks.require()
        assert [sink.device for sink in uplinks.sinks] == ["up"]
        assert (uplinks.templates.rows["reason"] == 0).all()
        assert uplinks.outlets.tolist() == [0, 0]


@on_host
def test_what_is_not_reached_is_named(network: Network) -> None:
    with closing(Uplinks(network.lines.append)) as uplinks:
        uplinks.turn_to(plan("10.9.0.2", "172.16.0.1"))
        uplinks.settle(0.1)
        with pytest.raises(ForwardError, match=r"^target 172\.16\.0\.1: there is no route to 172\.16\.0\.1$"):
            uplinks.require()


@on_host
def test_a_plan_with_other_targets_keeps_what_is_known(network: Network) -> None:
    with closing(Uplinks(network.lines.append)) as uplinks:
        uplinks.turn_to(plan("10.9.0.2", "172.16.0.1"))
        uplinks.settle(0.1)
        sinks = uplinks.sinks
        uplinks.turn_to(plan("fd09::2", "10.9.0.2"))
        assert uplinks.templates.rows["reason"].tolist().count(0) == 1, "reached before, reached at once"
        uplinks.settle(2.0)
        uplinks.require()
        assert uplinks.sinks == sinks
