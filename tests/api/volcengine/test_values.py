"""What is well-formed: names, descriptions, tags, at each bound and one beyond."""

import pytest

from mirrorplane.api.schema import Fault, Parameter, Wrong, read
from mirrorplane.api.volcengine import errors, values
from mirrorplane.api.volcengine.errors import Error, Refused
from mirrorplane.api.volcengine.parameters import error_of

NOUN = "TrafficMirrorTarget"


def verdict(parameter: Parameter, **given: str) -> Error | None:
    """Return the error for what was given, None if it is right."""
    try:
        read([parameter], {name.replace("_", "."): value for name, value in given.items()})
    except Fault as fault:
        return error_of(fault)
    return None


@pytest.mark.parametrize("text", ["a", "Z", "0", "目的_1.a-B", "㐀", "a" * 128, "目" * 128])
def test_names(text: str) -> None:
    assert verdict(values.name(NOUN), TrafficMirrorTargetName=text) is None


@pytest.mark.parametrize("text", ["", "_a", ".a", "-a", "a b", "a/b", "a+b", "é", "a\n", "a\uff0c", "\ud55c"])
def test_no_names(text: str) -> None:
    assert verdict(values.name(NOUN), TrafficMirrorTargetName=text) == errors.NAME_MALFORMED


def test_a_long_name() -> None:
    assert verdict(values.name(NOUN), TrafficMirrorTargetName="a" * 129) == errors.NAME_TOO_LONG


@pytest.mark.parametrize("text", ["", "a", "目\uff0c的\u3002", "a, b. c_d =e-", "1" * 255])
def test_descriptions(text: str) -> None:
    assert verdict(values.description(), Description=text) is None


@pytest.mark.parametrize("text", [" a", ",a", "\uff0ca", "a/b", "a\tb", "a;b", "http://a"])
def test_no_descriptions(text: str) -> None:
    assert verdict(values.description(), Description=text) == errors.DESCRIPTION_MALFORMED


def test_a_long_description() -> None:
    assert verdict(values.description(), Description="a" * 256) == errors.DESCRIPTION_TOO_LONG


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("t", True), ("a ~!" * 16, True), ("t" * 65, False), ("", False), ("tök", False), ("a\n", False)],
)
def test_client_tokens(text: str, is_right: bool) -> None:
    expected = None if is_right else errors.CLIENT_TOKEN_MALFORMED
    assert verdict(values.CLIENT_TOKEN, ClientToken=text) == expected


@pytest.mark.parametrize(
    "key", ["k", "k" * 128, "ключ", "कुंजी", "鍵 1_.:/=+-@", " k ", "volc:sy", "avolc:sys:", "sys:"]
)
def test_tag_keys(key: str) -> None:
    assert verdict(values.TAGS, Tags_1_Key=key) is None


@pytest.mark.parametrize(
    "key", ["", " ", "k" * 129, "k*", "k\n", "k,", "volc:sys:", "VOLC:Sys:k", " volc:sys:k", "k;k", "k#"]
)
def test_no_tag_keys(key: str) -> None:
    assert verdict(values.TAGS, Tags_1_Key=key) == errors.TAG_KEY_MALFORMED


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("v" * 256, None),
        (" " + "v" * 256, None),
        ("v" * 257, errors.TAG_VALUE_MALFORMED),
        ("v*", errors.TAG_VALUE_MALFORMED),
        ("v\x00", errors.TAG_VALUE_MALFORMED),
    ],
)
def test_tag_values(value: str, expected: Error | None) -> None:
    assert verdict(values.TAGS, Tags_1_Key="k", Tags_1_Value=value) == expected


def test_a_value_needs_its_key() -> None:
    assert verdict(values.TAGS, Tags_1_Value="v") == errors.TAG_KEY_MALFORMED


@pytest.mark.parametrize("indices", [["0"], ["2"], ["1", "3"], ["01"], ["a"], ["-1"], ["1", "1000000"]])
def test_tags_out_of_order(indices: list[str]) -> None:
    assert verdict(values.TAGS, **{f"Tags_{at}_Key": at for at in indices}) == errors.TAG_DISORDER


def test_no_index() -> None:
    assert verdict(values.TAGS, Tags="k") == errors.TAG_DISORDER
    assert verdict(values.TAGS, Tags_1="k") == errors.TAG_KEY_MALFORMED


@pytest.mark.parametrize("most", [values.MAX_TAGS, values.MAX_TAGS_AT_ONCE])
def test_how_many_tags(most: int) -> None:
    parameter = values.tags(most)
    keys = {f"Tags_{at}_Key": str(at) for at in range(1, most + 1)}
    assert verdict(parameter, **keys) is None
    assert verdict(parameter, **keys, **{f"Tags_{most + 1}_Key": "k"}) == errors.LIMIT_TAGS


def test_one_key_twice() -> None:
    one = [{"Key": "k", "Value": "1"}]
    assert values.tags_of(one) == {"k": "1"}
    for again in ("k", " k"):
        with pytest.raises(Refused) as refused:
            values.tags_of([*one, {"Key": again, "Value": ""}])
        assert refused.value.error == errors.TAG_KEY_MALFORMED
    with pytest.raises(Refused) as refused:
        values.filters_of([{"Key": "k", "Values": []}, {"Key": "k", "Values": ["1"]}])
    assert refused.value.error == errors.TAG_KEY_MALFORMED


@pytest.mark.parametrize(
    ("parameter", "names"),
    [
        (values.identifiers("X"), [f"XIds_{at}" for at in range(1, 102)]),
        (values.identifiers("X", 50), [f"XIds_{at}" for at in range(1, 52)]),
    ],
)
def test_how_many_ids(parameter: Parameter, names: list[str]) -> None:
    assert verdict(parameter, **dict.fromkeys(names[:-1], "x")) is None
    assert verdict(parameter, **dict.fromkeys(names, "x")) == errors.malformed("XIds")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({f"TagFilters_{at}_Key": "k" for at in range(1, 11)}, None),
        ({f"TagFilters_{at}_Key": "k" for at in range(1, 12)}, errors.LIMIT_TAGS),
        ({"TagFilters_1_Key": "k"} | {f"TagFilters_1_Values_{at}": "v" for at in range(1, 4)}, None),
        (
            {"TagFilters_1_Key": "k"} | {f"TagFilters_1_Values_{at}": "v" for at in range(1, 5)},
            errors.TAG_VALUE_MALFORMED,
        ),
        ({"TagFilters_1_Key": "k", "TagFilters_1_Values_1": ""}, None),
        ({"TagFilters_1_Key": "k", "TagFilters_1_Values_1_1": "v"}, errors.TAG_VALUE_MALFORMED),
        ({"TagFilters_1_Values_1": "v"}, errors.TAG_KEY_MALFORMED),
        ({"TagFilters_2_Key": "k"}, errors.TAG_DISORDER),
    ],
)
def test_tag_filters(given: dict[str, str], expected: Error | None) -> None:
    assert verdict(values.TAG_FILTERS, **given) == expected


def test_what_is_missing() -> None:
    assert verdict(values.identifier(NOUN)) == errors.MISSING_PARAMETER.about("TrafficMirrorTargetId")
    assert verdict(values.tags(1, required=True)) == errors.MISSING_PARAMETER.about("Tags")


def test_the_error_of_a_parameter_that_no_page_names() -> None:
    fault = Fault(Wrong.KIND, "MaxResults")
    error = error_of(fault)
    assert (error.status, error.code, error.message, error.derived) == (
        400,
        "InvalidMaxResults.Malformed",
        "The specified MaxResults is malformed.",
        True,
    )
