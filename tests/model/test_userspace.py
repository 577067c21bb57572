"""The userspace engine's section."""

import pytest
from pydantic import ValidationError

from mirrorplane.model import Userspace, read
from tests.model.documents import only_problem, problems


def userspace(body: str) -> Userspace:
    return read(f"userspace:\n  {body}\n", "lab.yaml").userspace


def test_defaults() -> None:
    found = read("{}", "lab.yaml").userspace
    assert found == Userspace() == userspace("{}") == userspace("{cpus: auto}")
    assert (found.workers, found.cpus) == (1, "auto")


def test_everything_said() -> None:
    assert userspace("{workers: 4, cpus: [1, 3]}") == Userspace(workers=4, cpus=(1, 3))
    assert userspace("{workers: 64, cpus: [255, 0]}") == Userspace(workers=64, cpus=(255, 0))
    assert userspace("{workers: 1, cpus: [0]}") == Userspace(cpus=(0,))


CPUS = "userspace.cpus: must be 'auto' or a list of CPU numbers such as [1, 3], not"
NUMBER = "must be a whole number from"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "userspace: must be a mapping, not nothing"),
        ("[]", "userspace: must be a mapping, not a list"),
        ("{worker: 2}", "userspace.worker: unknown key (did you mean workers?)"),
        ("{workers: 0}", f"userspace.workers: {NUMBER} 1 to 64, not '0'"),
        ("{workers: 65}", f"userspace.workers: {NUMBER} 1 to 64, not '65'"),
        ("{workers: auto}", f"userspace.workers: {NUMBER} 1 to 64, not 'auto'"),
        ("{workers: }", f"userspace.workers: {NUMBER} 1 to 64, not nothing"),
        ("{cpus: }", f"{CPUS} nothing"),
        ("{cpus: inline}", f"{CPUS} 'inline'"),
        ("{cpus: 1}", f"{CPUS} '1'"),
        ("{cpus: {1: 3}}", f"{CPUS} a mapping"),
        ("{cpus: []}", "userspace.cpus: must not be empty"),
        ("{cpus: [1, 3, 1]}", "userspace.cpus[2]: 1 is listed twice"),
        ("{cpus: [1, 256]}", f"userspace.cpus[1]: {NUMBER} 0 to 255, not '256'"),
        ("{cpus: [auto]}", f"userspace.cpus[0]: {NUMBER} 0 to 255, not 'auto'"),
        (f"{{cpus: {list(range(65))}}}", "userspace.cpus: lists 65 CPUs: at most 64"),
    ],
)
def test_refused(body: str, text: str) -> None:
    assert only_problem(f"userspace:\n  {body}\n") == f"2: {text}".replace("2: userspace: ", "1: userspace: ")


def test_each_wrong_number_has_its_line() -> None:
    text = "userspace:\n  workers: none\n  cpus:\n  - 1\n  - 300\n"
    assert [problem.partition(" ")[0] for problem in problems(text)] == ["2:", "5:"]


def test_what_is_wrong_is_refused_from_python_too() -> None:
    with pytest.raises(ValidationError, match="1 to 64"):
        Userspace(workers=0)
    with pytest.raises(ValidationError, match="frozen"):
        Userspace().workers = 2
