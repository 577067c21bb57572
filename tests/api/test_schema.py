"""Parameters: what they are read as, and what is wrong with them; declarations and values at random."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.schema import Fault, Kind, Parameter, Wrong, once, read

NAME = Parameter("Name", minimum=1, maximum=4, allowed=str.isalnum)
COUNT = Parameter("Count", Kind.NUMBER, minimum=-1, maximum=10, default=3)
ON = Parameter("On", Kind.FLAG)
IDS = Parameter("Ids", Kind.LIST, maximum=3, allowed=str.isalnum)
SORT = Parameter("Sort", choices=("Up", "Down"), fold=True)
TAGS = Parameter(
    "Tags",
    Kind.OBJECTS,
    maximum=2,
    fields=(Parameter("Key", required=True, minimum=1), Parameter("Values", Kind.LIST, maximum=2)),
)
ALL = (NAME, COUNT, ON, IDS, SORT, TAGS)


def test_what_is_not_given_has_its_default() -> None:
    assert read(ALL, {"Unknown.1": "x"}) == {
        "Name": None,
        "Count": 3,
        "On": None,
        "Ids": [],
        "Sort": None,
        "Tags": [],
    }


def test_what_is_given_is_read() -> None:
    sent = {
        "Name": "ab12",
        "Count": "-1",
        "On": "True",
        "Ids.2": "b",
        "Ids.1": "a",
        "Sort": "DOWN",
        "Tags.1.Key": "k",
        "Tags.1.Values.1": "v",
    }
    assert read(ALL, sent) == {
        "Name": "ab12",
        "Count": -1,
        "On": True,
        "Ids": ["a", "b"],
        "Sort": "Down",
        "Tags": [{"Key": "k", "Values": ["v"]}],
    }


@pytest.mark.parametrize(
    ("sent", "wrong", "name"),
    [
        ({"Name": ""}, Wrong.SMALL, "Name"),
        ({"Name": "abcde"}, Wrong.GREAT, "Name"),
        ({"Name": "a b"}, Wrong.FORM, "Name"),
        ({"Name.1": "a"}, Wrong.KIND, "Name"),
        ({"Name": "a", "Name.x": "a"}, Wrong.KIND, "Name"),
        ({"Count": "-2"}, Wrong.SMALL, "Count"),
        ({"Count": "11"}, Wrong.GREAT, "Count"),
        ({"Count": ""}, Wrong.KIND, "Count"),
        ({"Count": "1.0"}, Wrong.KIND, "Count"),
        ({"Count": "٣"}, Wrong.KIND, "Count"),
        ({"Count": "9" * 19}, Wrong.KIND, "Count"),
        ({"On": "yes"}, Wrong.KIND, "On"),
        ({"Ids": "a"}, Wrong.KIND, "Ids"),
        ({"Ids.1": "a", "Ids.3": "b"}, Wrong.ORDER, "Ids"),
        ({"Ids.0": "a"}, Wrong.ORDER, "Ids"),
        ({"Ids.x": "a"}, Wrong.ORDER, "Ids"),
        ({"Ids.01": "a"}, Wrong.ORDER, "Ids"),
        ({f"Ids.{at}": "a" for at in range(1, 5)}, Wrong.GREAT, "Ids"),
        ({"Ids.1": ""}, Wrong.FORM, "Ids.1"),
        ({"Ids.1": "a", "Ids.2": "-"}, Wrong.FORM, "Ids.2"),
        ({"Ids.1.Key": "a"}, Wrong.FORM, "Ids.1"),
        ({"Sort": "sideways"}, Wrong.CHOICE, "Sort"),
        ({"Tags.1": "a"}, Wrong.KIND, "Tags.1"),
        ({"Tags.2.Key": "a"}, Wrong.ORDER, "Tags"),
        ({"Tags.1.Values.1": "a"}, Wrong.MISSING, "Tags.1.Key"),
        ({"Tags.1.Key": ""}, Wrong.MISSING, "Tags.1.Key"),
        ({"Tags.1.Key": "k", "Tags.1.Values.3": "v"}, Wrong.ORDER, "Tags.1.Values"),
    ],
)
def test_what_is_wrong_is_named(sent: Mapping[str, str], wrong: Wrong, name: str) -> None:
    with pytest.raises(Fault) as caught:
        read(ALL, sent)
    assert (caught.value.wrong, caught.value.name) == (wrong, name)


@pytest.mark.parametrize("parameter", ALL)
def test_what_is_required_has_to_be_given(parameter: Parameter) -> None:
    with pytest.raises(Fault) as caught:
        read([replace(parameter, required=True)], {})
    assert (caught.value.wrong, caught.value.name) == (Wrong.MISSING, parameter.name)


def test_what_is_empty() -> None:
    named = Parameter("Name", minimum=1, default="n", empty_is_absent=True)
    assert read([named], {"Name": ""}) == {"Name": "n"}
    assert read([replace(named, minimum=None, empty_is_absent=False)], {"Name": ""}) == {"Name": ""}
    assert read([replace(IDS, blank=True, allowed=None)], {"Ids.1": ""}) == {"Ids": [""]}
    with pytest.raises(Fault):
        read([replace(named, required=True)], {"Name": ""})


def test_a_choice_without_folding_is_literal() -> None:
    with pytest.raises(Fault):
        read([replace(SORT, fold=False)], {"Sort": "DOWN"})


def test_a_name_counts_once() -> None:
    assert once([("a", "1"), ("b", "2")]) == {"a": "1", "b": "2"}
    with pytest.raises(Fault) as caught:
        once([("a", "1"), ("a", "1")])
    assert (caught.value.wrong, caught.value.name) == (Wrong.REPEATED, "a")


def flat(name: str, value: Any) -> dict[str, str]:
    """Return what a client sends for *value*."""
    if isinstance(value, list):
        return {k: v for at, each in enumerate(value, 1) for k, v in flat(f"{name}.{at}", each).items()}
    if isinstance(value, dict):
        return {k: v for key, each in value.items() for k, v in flat(f"{name}.{key}", each).items()}
    return {} if value is None else {name: str(value)}


TEXTS = st.text(min_size=1, max_size=8)
VALUES = st.fixed_dictionaries(
    {
        "Text": TEXTS,
        "Number": st.integers(-(10**17), 10**17),
        "Flag": st.booleans(),
        "List": st.lists(TEXTS, max_size=30),
        "Objects": st.lists(
            st.fixed_dictionaries({"Key": TEXTS, "Values": st.lists(TEXTS, max_size=12)}), max_size=12
        ),
    }
)
DECLARED = (
    Parameter("Text"),
    Parameter("Number", Kind.NUMBER),
    Parameter("Flag", Kind.FLAG),
    Parameter("List", Kind.LIST),
    Parameter("Objects", Kind.OBJECTS, fields=(Parameter("Key"), Parameter("Values", Kind.LIST))),
)


@given(VALUES, st.randoms(use_true_random=False))
def test_whatever_is_sent_is_read_back(values: dict[str, Any], random: Any) -> None:
    pairs = [pair for name, value in values.items() for pair in flat(name, value).items()]
    random.shuffle(pairs)
    assert read(DECLARED, once(pairs)) == values


NAMES = st.one_of(
    st.text(alphabet="ab.1", max_size=12),
    st.builds(
        ".".join,
        st.lists(st.sampled_from(["Name", "Ids", "Tags", "Key", "Values", "1", "2", "3", ""]), max_size=7),
    ),
)


@given(st.dictionaries(NAMES, st.text(max_size=5), max_size=12))
def test_nonsense_is_read_or_is_a_fault_of_some_parameter(sent: dict[str, str]) -> None:
    known = {parameter.name for parameter in ALL}
    try:
        named = set(read(ALL, sent))
    except Fault as fault:
        named = {fault.name.split(".")[0]}
    assert named <= known
