"""Problems in words."""

import pickle

import pytest

from mirrorplane.model.faults import ConfigurationError, Path, dotted, kind, near, shown


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("filters", "tmf-web", "ingress", 0, "priority"), "filters.tmf-web.ingress[0].priority"),
        (("a b", "c"), "'a b'.c"),
        (("x", "line\nbreak"), r"x.'line\nbreak'"),
        (("x", ""), "x.''"),
        (("x", "y" * 100), f"x.'{'y' * 57}...'"),
    ],
)
def test_dotted(path: Path, text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a\n\u2028b", r"'a\n\u2028b'"),
        ("y" * 61, f"'{'y' * 57}...'"),
        ("y" * 60, f"'{'y' * 60}'"),
        (3, "3"),
        (True, "True"),
        (None, "nothing"),
        (["secret"], "a list"),
        ({"a": "secret"}, "a mapping"),
        (("secret",), "a list"),
        ({"secret"}, "set"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


def test_kind_shows_no_value() -> None:
    assert kind("secret") == "a text"


def test_near() -> None:
    assert near("sesions", ["sessions", "filters"]) == " (did you mean sessions?)"
    assert near("zzz", ["sessions", "filters"]) == ""
    assert near("abc", ["abc\n", "abcd"]) == r" (did you mean abcd or 'abc\n'?)"
    assert near("eni-web", ["eni-wbe", "eni-bew", "eni-db"], "eni-") == " (did you mean eni-wbe?)"
    assert near("sessions" * 100, ["sessions" * 100]) == ""


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ConfigurationError("a:1: b", "a:2: c")))  # noqa: S301 - our own bytes
    assert error.problems == ("a:1: b", "a:2: c")
    assert str(error) == "a:1: b\na:2: c"
    assert isinstance(error, ValueError)
