"""The kernel engine's section."""

import pytest
from pydantic import ValidationError

from mirrorplane.model import Kernel, read
from tests.model.documents import DESIGN, only_problem, problems


def kernel(body: str) -> Kernel:
    return read(f"kernel:\n  {body}\n", "lab.yaml").kernel


def test_defaults() -> None:
    found = read("{}", "lab.yaml").kernel
    assert found == Kernel() == kernel("{}")
    assert (found.cpus, found.hand_over_from, found.backlog) == ("auto", 4, 4096)


def test_everything_said() -> None:
    assert read(DESIGN, "lab.yaml").kernel == Kernel(cpus=(1, 3), hand_over_from=4, backlog=1000)
    assert kernel("{cpus: inline, hand_over_from: 1024, backlog: 1000000}") == Kernel(
        cpus="inline", hand_over_from=1024, backlog=1_000_000
    )
    assert kernel("{cpus: [255, 0], hand_over_from: 1, backlog: 64}") == Kernel(
        cpus=(255, 0), hand_over_from=1, backlog=64
    )
    assert kernel("{cpus: auto}") == Kernel()
    assert kernel("{cpus: [0, 1, 2, 3, 4, 5, 6, 7]}").cpus == tuple(range(8))


CPUS = "kernel.cpus: must be 'auto', 'inline' or a list of CPU numbers such as [1, 3], not"
NUMBER = "must be a whole number from"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "kernel: must be a mapping, not nothing"),
        ("[]", "kernel: must be a mapping, not a list"),
        ("{cpu: [1]}", "kernel.cpu: unknown key (did you mean cpus?)"),
        ("{cpus: }", f"{CPUS} nothing"),
        ("{cpus: none}", f"{CPUS} 'none'"),
        ("{cpus: 1}", f"{CPUS} '1'"),
        ("{cpus: Auto}", f"{CPUS} 'Auto'"),
        ("{cpus: {1: 3}}", f"{CPUS} a mapping"),
        ("{cpus: []}", "kernel.cpus: must not be empty"),
        ("{cpus: [1, 3, 1]}", "kernel.cpus[2]: 1 is listed twice"),
        ("{cpus: [1, 256]}", f"kernel.cpus[1]: {NUMBER} 0 to 255, not '256'"),
        ("{cpus: [-1]}", f"kernel.cpus[0]: {NUMBER} 0 to 255, not '-1'"),
        ("{cpus: [auto]}", f"kernel.cpus[0]: {NUMBER} 0 to 255, not 'auto'"),
        ("{cpus: [1-3]}", f"kernel.cpus[0]: {NUMBER} 0 to 255, not '1-3'"),
        ("{cpus: [[1]]}", f"kernel.cpus[0]: {NUMBER} 0 to 255, not a list"),
        ("{cpus: [0, 1, 2, 3, 4, 5, 6, 7, 8]}", "kernel.cpus: lists 9 CPUs: at most 8"),
        ("{hand_over_from: 0}", f"kernel.hand_over_from: {NUMBER} 1 to 1024, not '0'"),
        ("{hand_over_from: 1025}", f"kernel.hand_over_from: {NUMBER} 1 to 1024, not '1025'"),
        ("{backlog: 63}", f"kernel.backlog: {NUMBER} 64 to 1000000, not '63'"),
        ("{backlog: 1000001}", f"kernel.backlog: {NUMBER} 64 to 1000000, not '1000001'"),
        ("{backlog: }", f"kernel.backlog: {NUMBER} 64 to 1000000, not nothing"),
        ("{backlog: 1k}", f"kernel.backlog: {NUMBER} 64 to 1000000, not '1k'"),
    ],
)
def test_refused(body: str, text: str) -> None:
    assert only_problem(f"kernel:\n  {body}\n") == f"2: {text}".replace("2: kernel: ", "1: kernel: ")


def test_each_wrong_number_has_its_line() -> None:
    text = "kernel:\n  backlog: 1\n  cpus:\n  - 1\n  - 300\n  - x\n"
    assert [problem.partition(" ")[0] for problem in problems(text)] == ["2:", "5:", "6:"]


def test_what_is_wrong_is_refused_from_python_too() -> None:
    with pytest.raises(ValidationError, match="0 to 255"):
        Kernel(cpus=(300,))
    with pytest.raises(ValidationError, match="not True"):
        Kernel(cpus=(True,))
    with pytest.raises(ValidationError, match="frozen"):
        Kernel().backlog = 64
