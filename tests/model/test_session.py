"""Sessions."""

import pytest

from mirrorplane.model import Session, read
from tests.model.documents import FILTERS, INTERFACES, LOAD_BALANCERS, only_problem

THINGS = INTERFACES + LOAD_BALANCERS + FILTERS
LINE = THINGS.count("\n") + 2
REQUIRED = "priority: 1, sources: [eni-web], target: eni-sensor, filter: tmf-web"


def session(keys: str) -> Session:
    return read(f"{THINGS}sessions:\n  tms-a: {{{keys}}}\n", "lab.yaml").sessions["tms-a"]


def test_defaults() -> None:
    assert session(REQUIRED) == Session(
        id="tms-a",
        priority=1,
        sources=("eni-web",),
        target="eni-sensor",
        filter="tmf-web",
        packet_length=1500,
        virtual_network_id=None,
        enabled=True,
        vxlan_port=4789,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("priority", 1),
        ("priority", 32766),
        ("packet_length", 64),
        ("packet_length", 8500),
        ("virtual_network_id", 0),
        ("virtual_network_id", 16777215),
        ("vxlan_port", 1),
        ("vxlan_port", 65535),
    ],
)
def test_bounds(key: str, value: int) -> None:
    keys = REQUIRED.replace("priority: 1, ", "") if key == "priority" else REQUIRED
    assert getattr(session(f"{keys}, {key}: {value}"), key) == value


def test_enabled() -> None:
    assert session(f"{REQUIRED}, enabled: false").enabled is False
    assert session(f"{REQUIRED}, enabled: true").enabled is True


def test_a_vni_of_nothing_is_drawn() -> None:
    assert session(f"{REQUIRED}, virtual_network_id: ~").virtual_network_id is None


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (REQUIRED.replace("priority: 1, ", ""), "priority: is required"),
        (REQUIRED.replace("sources: [eni-web], ", ""), "sources: is required"),
        (REQUIRED.replace("target: eni-sensor, ", ""), "target: is required"),
        (REQUIRED.replace(", filter: tmf-web", ""), "filter: is required"),
        (REQUIRED.replace("1", "0"), "priority: must be a whole number from 1 to 32766, not '0'"),
        (REQUIRED.replace("1", "32767"), "priority: must be a whole number from 1 to 32766, not '32767'"),
        (REQUIRED.replace("1", ""), "priority: must be a whole number from 1 to 32766, not nothing"),
        (REQUIRED.replace("[eni-web]", "eni-web"), "sources: must be a list, not a text"),
        (REQUIRED.replace("[eni-web]", "[]"), "sources: must not be empty"),
        (REQUIRED.replace("[eni-web]", "[eni-web, eni-web]"), "sources[1]: eni-web is listed twice"),
        (
            REQUIRED.replace("eni-web", "eni-wbe"),
            "sources[0]: there is no interface eni-wbe (did you mean eni-web?)",
        ),
        (
            REQUIRED.replace("eni-web", "lb-sensors"),
            "sources[0]: must be eni- and then 1-60 letters, digits or hyphens, not 'lb-sensors'",
        ),
        (
            REQUIRED.replace("eni-sensor", "eni-senser"),
            "target: there is no interface eni-senser (did you mean eni-sensor or eni-sensor2?)",
        ),
        (
            REQUIRED.replace("eni-sensor", "lb-sensor"),
            "target: there is no load balancer lb-sensor (did you mean lb-sensors?)",
        ),
        (
            REQUIRED.replace("eni-sensor", "10.9.0.2"),
            "target: must be eni- or lb- and then 1-60 letters, digits or hyphens, not '10.9.0.2'",
        ),
        (REQUIRED.replace("eni-sensor", "eni-bare"), "target: eni-bare has no address to send packets to"),
        (
            REQUIRED.replace("tmf-web", "tmf-wbe"),
            "filter: there is no filter tmf-wbe (did you mean tmf-web?)",
        ),
        (
            REQUIRED.replace("tmf-web", "web"),
            "filter: must be tmf- and then 1-60 letters, digits or hyphens, not 'web'",
        ),
        (f"{REQUIRED}, packet_length: 63", "packet_length: must be a whole number from 64 to 8500, not '63'"),
        (
            f"{REQUIRED}, packet_length: 8501",
            "packet_length: must be a whole number from 64 to 8500, not '8501'",
        ),
        (
            f"{REQUIRED}, packet_length: ~",
            "packet_length: must be a whole number from 64 to 8500, not nothing",
        ),
        (
            f"{REQUIRED}, virtual_network_id: -1",
            "virtual_network_id: must be a whole number from 0 to 16777215, not '-1'",
        ),
        (
            f"{REQUIRED}, virtual_network_id: 16777216",
            "virtual_network_id: must be a whole number from 0 to 16777215, not '16777216'",
        ),
        (
            f"{REQUIRED}, virtual_network_id: 0x10",
            "virtual_network_id: must be a whole number from 0 to 16777215, not '0x10'",
        ),
        (f"{REQUIRED}, enabled: on", "enabled: must be true or false, not 'on'"),
        (f"{REQUIRED}, vxlan_port: 0", "vxlan_port: must be a whole number from 1 to 65535, not '0'"),
        (f"{REQUIRED}, vxlan_port: 65536", "vxlan_port: must be a whole number from 1 to 65535, not '65536'"),
        (f"{REQUIRED}, vni: 3", "vni: unknown key"),
        (f"{REQUIRED}, packet_lenght: 64", "packet_lenght: unknown key (did you mean packet_length?)"),
        (f"{REQUIRED}, length_from: ip", "length_from: unknown key"),
    ],
)
def test_refused(keys: str, text: str) -> None:
    assert only_problem(f"{THINGS}sessions:\n  tms-a: {{{keys}}}\n") == f"{LINE}: sessions.tms-a.{text}"
