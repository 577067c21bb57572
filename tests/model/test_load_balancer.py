"""Load balancers."""

from ipaddress import ip_address

import pytest

from mirrorplane.model import LoadBalancer, read
from tests.model.documents import INTERFACES, only_problem


def balancer(keys: str) -> LoadBalancer:
    return read(f"{INTERFACES}load_balancers:\n  lb-a: {{{keys} }}\n", "lab.yaml").load_balancers["lb-a"]


def test_defaults() -> None:
    assert balancer("backends: [eni-sensor]") == LoadBalancer(
        id="lb-a", backends=("eni-sensor",), address=None, status="available", network="vpc", type="clb"
    )


def test_everything_said() -> None:
    keys = "address: 10.9.0.100, status: unavailable, network: classic, type: gwlbe"
    assert balancer(f"backends: [eni-sensor2, eni-sensor], {keys}") == LoadBalancer(
        id="lb-a",
        backends=("eni-sensor2", "eni-sensor"),
        address=ip_address("10.9.0.100"),
        status="unavailable",
        network="classic",
        type="gwlbe",
    )


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("", ".backends: is required"),
        ("backends: ", ".backends: must be a list, not nothing"),
        ("backends: []", ".backends: must not be empty"),
        ("backends: eni-sensor", ".backends: must be a list, not a text"),
        ("backends: [eni-sensor, eni-sensor2, eni-sensor]", ".backends[2]: eni-sensor is listed twice"),
        (
            "backends: [eni-senser]",
            ".backends[0]: there is no interface eni-senser (did you mean eni-sensor or eni-sensor2?)",
        ),
        ("backends: [eni-zzz]", ".backends[0]: there is no interface eni-zzz"),
        (
            "backends: [lb-a]",
            ".backends[0]: must be eni- and then 1-60 letters, digits or hyphens, not 'lb-a'",
        ),
        ("backends: [eni-bare]", ".backends[0]: eni-bare has no address to send packets to"),
        (
            "backends: [eni-sensor, eni-six]",
            ".backends[1]: eni-six has an IPv6 address, backends before it have IPv4",
        ),
        (
            "backends: [eni-sensor], address: 10.9.0.0/24",
            ".address: must be an IPv4 or IPv6 address, not '10.9.0.0/24'",
        ),
        ("backends: [eni-sensor], status: up", ".status: must be 'available' or 'unavailable', not 'up'"),
        ("backends: [eni-sensor], network: lan", ".network: must be 'vpc' or 'classic', not 'lan'"),
        ("backends: [eni-sensor], type: nlb", ".type: must be 'clb' or 'gwlbe', not 'nlb'"),
        ("backends: [eni-sensor], adress: 10.9.0.1", ".adress: unknown key (did you mean address?)"),
    ],
)
def test_refused(keys: str, text: str) -> None:
    line = INTERFACES.count("\n") + 2
    found = only_problem(f"{INTERFACES}load_balancers:\n  lb-a: {{{keys} }}\n")
    assert found == f"{line}: load_balancers.lb-a{text}"
