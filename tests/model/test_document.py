"""Whole documents: from text to configuration, and every problem in its line."""

import subprocess
import sys
from ipaddress import IPv4Network, IPv6Network, ip_address
from time import monotonic
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrorplane import model
from mirrorplane.model import MAX_PROBLEMS, PortRange, Session, read
from mirrorplane.model.frozen import Frozen
from tests.model.documents import DESIGN, RIGHT, RULE, only_problem, problems
from tests.model.strategies import SECTIONS, VALUES, configurations


def test_the_example_of_the_design() -> None:
    found = read(DESIGN, "lab.yaml")
    assert list(found.interfaces) == ["eni-web", "eni-sensor", "eni-sensor2"]
    assert found.interfaces["eni-web"].mac == b"\x02\0\0\0\0\x01"
    assert found.interfaces["eni-sensor"].mtu == 1500
    assert found.load_balancers["lb-sensors"].address == ip_address("10.9.0.100")
    assert [rule.destination_port_range for rule in found.filters["tmf-web"].ingress] == [(80, 80)]
    assert found.sessions == {
        "tms-web": Session(
            id="tms-web",
            priority=1,
            sources=("eni-web",),
            target="eni-sensor",
            filter="tmf-web",
            packet_length=128,
            virtual_network_id=77,
        )
    }
    assert found.api.aliyun.regions == ("cn-hongkong", "cn-hangzhou")


def test_what_is_right_has_no_problems() -> None:
    assert problems(RIGHT) == ()
    assert problems("{}") == ()
    sections = ("interfaces", "load_balancers", "filters", "sessions", "api", "kernel", "userspace")
    assert problems("".join(f"{section}: {{}}\n" for section in sections)) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "- a\n",
            "1: must be a mapping with the keys interfaces, load_balancers, filters, "
            "sessions, api, kernel, userspace, not a list",
        ),
        (
            "a\n",
            "1: must be a mapping with the keys interfaces, load_balancers, filters, "
            "sessions, api, kernel, userspace, not a text",
        ),
        (
            "---\n~\n",
            "2: must be a mapping with the keys interfaces, load_balancers, filters, "
            "sessions, api, kernel, userspace, not nothing",
        ),
        ("", "1: the file is empty"),
        ("interfaces: {}\nsesions: {}\n", "2: sesions: unknown key (did you mean sessions?)"),
        ("<<: {}\n", "1: <<: merge keys are not supported"),
        ("? ''\n: {}\n", "1: '': unknown key"),
        ("interfaces:\n", "1: interfaces: must be a mapping of ids, not nothing"),
        ("filters: []\n", "1: filters: must be a mapping of ids, not a list"),
        ("filters:\n  tmf-a:\n", "2: filters.tmf-a: must be a mapping, not nothing"),
        ("interfaces:\n  eni-a: eth0\n", "2: interfaces.eni-a: must be a mapping, not a text"),
        (
            "interfaces:\n  web: {}\n",
            "2: interfaces.web: must be eni- and then 1-60 letters, digits or hyphens, not 'web'",
        ),
        (
            "interfaces:\n  eni-a: {}\n  eni-a: {}\n",
            "3: interfaces.eni-a: the key is there twice, first in line 2",
        ),
        (
            "interfaces:\n  eni-a:\n    mac: 02:00:00:00:00:01\n\n    mac: 02:00:00:00:00:01\n",
            "5: interfaces.eni-a.mac: the key is there twice, first in line 3",
        ),
        ("interfaces: {}\ninterfaces: {}\n", "2: interfaces: the key is there twice, first in line 1"),
        (
            "interfaces:\n  eni-a:\n    addresses:\n    - 10.0.0.1\n    - 10.0.0.x\n",
            "5: interfaces.eni-a.addresses[1]: must be an IPv4 or IPv6 address, not '10.0.0.x'",
        ),
        (
            "interfaces:\n  eni-a:\n    addresses:\n      a: b\n",
            "3: interfaces.eni-a.addresses: must be a list, not a mapping",
        ),
        (
            "interfaces:\n  eni-a:\n    mtu:\n      12\n",
            "4: interfaces.eni-a.mtu: must be at least 256 for IPv4, not 12",
        ),
        (
            "interfaces:\n  eni-a: &a {mtu: 3}\n  eni-b: {}\nsessions: {}\nfilters: {}\n",
            "2: interfaces.eni-a.mtu: must be at least 256 for IPv4, not 3",
        ),
        (
            'interfaces:\n  "eni-\\n": {}\n',
            r"2: interfaces.'eni-\n': must be eni- and then 1-60 letters, digits or hyphens, not 'eni-\n'",
        ),
        (
            "filters:\n  tmf-a:\n    ingress:\n    - {}\n      source_port_range: 1/0\n".format(
                RULE.replace(", ", "\n      ")
            ),
            "9: filters.tmf-a.ingress[0].source_port_range: begins above its end: did you mean 0/1?",
        ),
        (
            "filters:\n  tmf-a:\n    ingress:\n    - priority: 1\n      action: accept\n      protocol: ALL\n"
            "      source_cidr_block: ::/0\n",
            "4: filters.tmf-a.ingress[0].destination_cidr_block: is required",
        ),
    ],
)
def test_one_problem_in_its_line(text: str, problem: str) -> None:
    assert only_problem(text) == problem


def test_an_ipv6_network_need_not_be_quoted_in_block_style() -> None:
    text = "filters:\n  tmf-a:\n    ingress:\n    - " + "\n      ".join(
        [
            "priority: 1",
            "action: accept",
            "protocol: ALL",
            "source_cidr_block: ::/0",
            "destination_cidr_block: fd00::/8",
        ]
    )
    assert read(text, "f").filters["tmf-a"].ingress[0].destination_cidr_block == IPv6Network("fd00::/8")


def test_rules_may_be_shared_by_an_alias() -> None:
    found = read(f"filters:\n  tmf-a: {{ingress: &web [{{{RULE}}}]}}\n  tmf-b: {{egress: *web}}\n", "f")
    assert found.filters["tmf-a"].ingress == found.filters["tmf-b"].egress


def test_all_problems_at_once_in_the_order_of_their_lines() -> None:
    text = (
        "sessions:\n"
        "  tms-a: {priority: 0, sources: [eni-a], target: eni-b, filter: tmf-a}\n"
        "  tms-b: {priority: 1, sources: [eni-x], target: eni-b, filter: tmf-a}\n"
        "colour: red\n"
        "filters:\n"
        "  tmf-a: {ingress: [], ingress: []}\n"
        "interfaces:\n"
        "  eni-a: {mtu: 1}\n"
        "  eni-b: {addresses: [10.0.0.1]}\n"
    )
    assert [problem.partition(" ")[0] for problem in problems(text)] == ["2:", "3:", "4:", "6:", "8:"]


@pytest.mark.parametrize(
    "text",
    [
        "interfaces:\n" + "".join(f"  eni-{at}: {{mtu: 1}}\n" for at in range(MAX_PROBLEMS + 5)),
        "interfaces:\n  eni-a:\n" + "".join(f"    key{at}: 1\n" for at in range(MAX_PROBLEMS + 5)),
        "interfaces:\n" + "  eni-a: {}\n" * (MAX_PROBLEMS + 5),
        "".join(f"key{at}: 1\n" for at in range(MAX_PROBLEMS + 5)),
    ],
)
def test_problems_are_bounded(text: str) -> None:
    assert len(problems(text)) == MAX_PROBLEMS


@pytest.mark.parametrize(
    "text",
    [
        "interfaces:\n  eni-a:\n" + "".join(f"    devic{at}: 1\n" for at in range(20_000)),
        "interfaces:\n"
        + "".join(f"  eni-{at}: {{}}\n" for at in range(10_000))
        + "sessions:\n"
        + "".join(
            f"  tms-{at}: {{priority: {at}, sources: [eni-x{at}], target: eni-y{at}, filter: tmf-z}}\n"
            for at in range(1, 99)
        ),
        "interfaces:\n  eni-a:\n" + "".join(f"    k{at % 10_000}: 1\n" for at in range(20_000)),
        "interfaces:\n  eni-a: {addresses: [" + "10.0.0.1, " * 20_000 + "]}",
    ],
    ids=["unknown keys", "unknown ids", "repeated keys", "repeated addresses"],
)
def test_a_file_full_of_problems_is_refused_soon(text: str) -> None:
    begun = monotonic()
    assert len(problems(text)) == MAX_PROBLEMS
    assert monotonic() - begun < 10


def test_thousands_of_rules() -> None:
    rules = "".join(
        f"    - {{priority: {at + 1}, action: accept, protocol: TCP, source_cidr_block: "
        f"10.{at >> 8}.{at & 255}.0/24, "
        f"destination_cidr_block: 10.0.0.0/8, source_port_range: -1/-1, "
        f"destination_port_range: {at}/65535}}\n"
        for at in range(4096)
    )
    begun = monotonic()
    found = read(f"filters:\n  tmf-a:\n    ingress:\n{rules}", "f").filters["tmf-a"].ingress
    assert monotonic() - begun < 20
    assert len(found) == 4096
    assert found[4095].source_cidr_block == IPv4Network("10.15.255.0/24")


def test_reading_takes_neither_numpy_nor_files_nor_randomness() -> None:
    script = (
        "import sys\nfrom mirrorplane.model import read\nread('{}', 'f')\n"
        "print([name for name in ('numpy', 'numba', 'pyroute2', 'rich', 'http', "
        "'asyncio', 'sqlite3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_exported_names() -> None:
    assert sorted(model.__all__, key=lambda name: (not name.isupper(), name.islower(), name)) == model.__all__
    assert all(hasattr(model, name) for name in model.__all__)


@given(st.text())
@settings(deadline=None)
def test_random_text(text: str) -> None:
    problems(text)


@given(st.text(alphabet="eni-a:{}[],&*!|>'\"#%@`?~ \n\t0", max_size=60))
@settings(deadline=None)
def test_random_yaml_characters(text: str) -> None:
    problems(text)


@given(st.integers(0, len(DESIGN)), st.integers(0, 8), st.text(max_size=3))
@settings(deadline=None)
def test_the_design_with_a_few_characters_changed(at: int, length: int, text: str) -> None:
    problems(DESIGN[:at] + text + DESIGN[at + length :])


@given(st.dictionaries(SECTIONS, VALUES))
@settings(deadline=None)
def test_random_structures(data: dict[str, Any]) -> None:
    problems(yaml.safe_dump(data, allow_unicode=True))


@given(configurations())
@settings(deadline=None)
def test_a_right_configuration_is_read_as_it_was_said(data: dict[str, Any]) -> None:
    found = read(yaml.safe_dump(data, sort_keys=False), "f")
    assert said(found) == data
    assert list(found.sessions) == list(data["sessions"])
    assert read(yaml.safe_dump(said(found), sort_keys=False), "f") == found


def said(found: model.Configuration) -> dict[str, Any]:
    """Return *found* as a document would say it, with nothing left to defaults."""
    return {
        name: _said(section) if isinstance(section, Frozen) else {key: _said(section[key]) for key in section}
        for name, section in found
        if name != "api"
    }


def _said(value: object) -> Any:
    if isinstance(value, Frozen):
        return {name: _said(each) for name, each in value if name != "id"}
    if isinstance(value, PortRange):
        return f"{value.low}/{value.high}"
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_said(each) for each in value]
    if isinstance(value, bytes):
        return value.hex(":")
    return value if value is None or isinstance(value, bool | int | str) else str(value)
