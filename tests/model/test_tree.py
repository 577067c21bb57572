"""YAML: what is read, what is refused, and how soon."""

import subprocess
import sys
from time import monotonic

import pytest

from mirrorplane.model.faults import ConfigurationError, Path
from mirrorplane.model.tree import MAX_CHARACTERS, MAX_DEPTH, MAX_VALUES, read_tree


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_tree(text, "f")
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1", {"a": "1"}),
        ("a: 02:00:00:00:00:01", {"a": "02:00:00:00:00:01"}),
        (
            "{a: 11:22:33:44:55:59, b: -1/-1, c: 2001-01-01, d: 1e3, e: yes, f: .inf}",
            {"a": "11:22:33:44:55:59", "b": "-1/-1", "c": "2001-01-01", "d": "1e3", "e": "yes", "f": ".inf"},
        ),
        (
            "[a, ~, null, Null, NULL, '', '~', \"null\", nULL]",
            ["a", None, None, None, None, "", "~", "null", "nULL"],
        ),
        ("a:\nb: ''", {"a": None, "b": ""}),
        ("? a\n: b", {"a": "b"}),
        ("~: b", {"~": "b"}),
        ("- !  x", ["x"]),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("\ufeffa: b", {"a": "b"}),
        ("a: b\r\nc: d\r\n", {"a": "b", "c": "d"}),
        ("%YAML 1.1\n---\na: b\n...\n", {"a": "b"}),
        ("# only\n---\n- ü\n- \U0001f600", ["ü", "\U0001f600"]),
        ("a: &x [1]\nb: *x\nc: [*x, *x]", {"a": ["1"], "b": ["1"], "c": [["1"], ["1"]]}),
        ("a: &x 1\nb: *x", {"a": "1", "b": "1"}),
        ("plain", "plain"),
    ],
)
def test_data(text: str, data: object) -> None:
    assert read_tree(text, "f").data == data


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f:1: the file is empty"),
        ("  \n# nothing\n", "f:1: the file is empty"),
        (
            "a: 1\n--- \nb: 2\n",
            "f:2: not readable as YAML: expected a single document in the stream (line 1), "
            "but found another document",
        ),
        (
            "a: 1\n\tb: 2\n",
            "f:2: not readable as YAML: while scanning a plain scalar (line 1), "
            "found a tab character that violates indentation (a tab? indent with spaces)",
        ),
        (
            "a:\n\t- b\n",
            "f:2: not readable as YAML: while scanning for the next token, "
            "found character that cannot start any token (a tab? indent with spaces)",
        ),
        (
            "a: [1,\n2\n",
            "f:2: not readable as YAML: while parsing a flow sequence (line 1), "
            "did not find expected ',' or ']'",
        ),
        (
            "a: {b: ::/0}\n",
            "f:1: not readable as YAML: while parsing a flow node, "
            "did not find expected node content (an IPv6 address or network? put it in quotes)",
        ),
        ("a: 1\nb: c: d\n", "f:2: not readable as YAML: mapping values are not allowed in this context"),
        ("a: *x\n", "f:1: not readable as YAML: found undefined alias"),
        ("a: 1\nb: \0\n", "f:2: not readable as YAML: the character U+0000 is not text"),
        ("a: 1\r\n\r\nb: \x1b\n", "f:3: not readable as YAML: the character U+001B is not text"),
        ("\udcff: 1\n", "f:1: not readable as YAML: the character U+DCFF is not text"),
        ("a: b\n? [c]\n: d\n", "f:2: a key must be a text"),
        ("a:\n  b: !!int 3\n", "f:2: a.b: tags such as 'tag:yaml.org,2002:int' are not used here"),
        (
            "a:\n- 1\n- !!python/object/apply:os.system [x]\n",
            "f:3: a[1]: tags such as 'tag:yaml.org,2002:python/object/apply:os.system' are not used here",
        ),
        ("a: &x\n  b: [1, *x]\n", "f:2: a.b[1]: an alias stands within what it stands for"),
        ("&x [*x]", "f:1: [0]: an alias stands within what it stands for"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    assert refusal(text) == problem


def test_repeated_keys_name_both_lines_and_the_first_is_taken() -> None:
    found = read_tree("a:\n  b: 1\n  c: 2\n  b: 3\na: 4\nb:\n- {x: 1, x: 2}\n", "f")
    assert found.data == {"a": {"b": "1", "c": "2"}, "b": [{"x": "1"}]}
    assert found.repeated == [
        (4, (("a", "b"), "the key is there twice, first in line 2")),
        (5, (("a",), "the key is there twice, first in line 1")),
        (7, (("b", 0, "x"), "the key is there twice, first in line 7")),
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("a",), 2),
        (("a", "b"), 3),
        (("a", "b", 1), 5),
        (("a", "b", 1, "x"), 5),
        (("a", "b", 7), 3),
        (("a", "missing"), 2),
        (("a", "text", "deeper"), 7),
        (("a", "alias"), 8),
        (("a", "alias", 0), 4),
        (("missing", 0), 2),
    ],
)
def test_lines(path: Path, line: int) -> None:
    text = "# first\na:\n  b: &b\n  - 1\n  - {x: 2}\n  text:\n    here\n  alias:\n    *b\n"
    assert read_tree(text, "f").line(path) == line


def nested(depth: int) -> str:
    return "[" * (depth - 1) + "x" + "]" * (depth - 1)


def test_depth() -> None:
    assert read_tree(nested(MAX_DEPTH), "f").data
    assert refusal(nested(MAX_DEPTH + 1)) == f"f:1: not readable as YAML: nested deeper than {MAX_DEPTH}"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "[" * 100_000 + "]" * 100_000]
)
def test_bottomless_documents_are_refused_at_once(text: str) -> None:
    begun = monotonic()
    assert "nested deeper" in refusal(text)
    assert monotonic() - begun < 2


def test_a_few_lines_that_mean_billions_of_values_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 10)]
    begun = monotonic()
    assert refusal("\n".join(lines)) == f"f:6: a5[7]: means more than {MAX_VALUES} values, aliases counted"
    assert monotonic() - begun < 2


def test_aliases_count_as_often_as_they_stand_there() -> None:
    thousand = f"a: &a [{'x, ' * 997}x]\nb: ["  # its key and the list counted: 1000 values
    assert read_tree(f"{thousand}{'*a, ' * 900}]", "f").data
    assert "aliases counted" in refusal(f"{thousand}{'*a, ' * 1001}]")


def test_size() -> None:
    assert refusal("x" * (MAX_CHARACTERS + 1)).startswith(
        f"f:1: the file has {MAX_CHARACTERS + 1} characters"
    )
    assert read_tree("x" * MAX_CHARACTERS, "f").data == "x" * MAX_CHARACTERS


def test_without_libyaml() -> None:
    """PyYAML may have been built without it: the same documents are read, the same refused."""
    script = (
        "import yaml; del yaml.CBaseLoader\n"
        "from mirrorplane.model.tree import Loader, read_tree, ConfigurationError\n"
        "assert Loader is yaml.BaseLoader\n"
        "assert read_tree('a: &x [1, ~]\\nb: *x', 'f').data == {'a': ['1', None], 'b': ['1', None]}\n"
        "for text in ('[' * 100_000, "
        "'a: [', '', 'a: 1\\n---\\nb', '\"\\\\UFFFFFFFF\"', '!!int 3', 'a: *x', '\\0'):\n"
        "    try: read_tree(text, 'f')\n"
        "    except ConfigurationError as error: assert len(error.problems) == 1\n"
        "    else: raise AssertionError(text)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
