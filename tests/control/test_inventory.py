"""What sessions can name."""

from mirrorplane.control.inventory import Inventory
from mirrorplane.model import Interface, read
from tests.control.desk import configuration


def test_things_are_found_by_id() -> None:
    said = configuration()
    inventory = Inventory(said)
    assert inventory.interface("eni-a") is said.interfaces["eni-a"]
    assert inventory.load_balancer("lb-pair") is said.load_balancers["lb-pair"]
    assert inventory.interface("lb-pair") is None
    assert inventory.load_balancer("eni-a") is None


def test_who_gets_what_an_instance_is_sent() -> None:
    inventory = Inventory(configuration())
    assert inventory.receivers("interface", "eni-a") == ("eni-a",)
    assert inventory.receivers("load_balancer", "lb-pair") == ("eni-sensor2", "eni-sensor3")
    assert inventory.receivers("load_balancer", "lb-none") == ("lb-none",)
    assert inventory.ways_to("eni-a") == ("eni-a",)
    assert inventory.ways_to("eni-sensor3") == ("eni-sensor3", "lb-pair", "lb-two")


def test_what_was_found_stands_beside_what_was_said() -> None:
    found = {name: Interface(id=name, device="found") for name in ("eni-a", "eni-found")}
    inventory = Inventory(configuration(), found)
    assert inventory.interface("eni-found") is found["eni-found"]
    assert inventory.interface("eni-a") == configuration().interfaces["eni-a"]


def test_a_files_own_sessions_are_none_of_the_apis() -> None:
    said = read(
        "interfaces: {eni-a: {device: a, addresses: [10.0.0.1]}, eni-b: {addresses: [10.0.0.2]}}\n"
        "filters: {tmf-a: {}}\n"
        "sessions: {tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a}}",
        "lab.yaml",
    )
    inventory = Inventory(said)
    assert (dict(inventory.configuration.sessions), dict(inventory.configuration.filters)) == ({}, {})
    assert set(inventory.interfaces) == {"eni-a", "eni-b"}
