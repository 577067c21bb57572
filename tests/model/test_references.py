"""What must hold between things."""

import pytest

from mirrorplane.model import Api, read
from mirrorplane.model.references import Things, problems
from tests.model.documents import FILTERS, INTERFACES, LOAD_BALANCERS
from tests.model.documents import problems as problems_of

THINGS = INTERFACES + LOAD_BALANCERS + FILTERS
FIRST = THINGS.count("\n") + 2


def found(*sessions: str) -> list[str]:
    """Return what is wrong with these sessions, less the number of the first one's line."""
    lines = "".join(f"  {session}\n" for session in sessions)
    texts = [problem.partition(": ") for problem in problems_of(f"{THINGS}sessions:\n{lines}")]
    return [f"{int(line) - FIRST}: {text}" for line, _, text in texts]


def session(name: str, priority: int, sources: str, target: str) -> str:
    return f"{name}: {{priority: {priority}, sources: [{sources}], target: {target}, filter: tmf-web}}"


def test_priorities_differ() -> None:
    assert found(
        session("tms-a", 7, "eni-web", "eni-sensor"),
        session("tms-b", 8, "eni-web", "eni-sensor"),
        session("tms-c", 7, "eni-db", "eni-sensor"),
    ) == ["2: sessions.tms-c.priority: 7 is taken by tms-a"]


@pytest.mark.parametrize(
    ("sessions", "texts"),
    [
        (
            [session("tms-a", 1, "eni-web", "eni-web")],
            ["0: sessions.tms-a.sources[0]: eni-web is also the target of tms-a"],
        ),
        (
            [
                session("tms-a", 1, "eni-web", "eni-sensor"),
                session("tms-b", 2, "eni-db, eni-sensor", "eni-sensor2"),
            ],
            ["1: sessions.tms-b.sources[1]: eni-sensor is also the target of tms-a"],
        ),
        (
            [session("tms-a", 1, "eni-sensor2", "lb-sensors")],
            [
                "0: sessions.tms-a.sources[0]: eni-sensor2 is also a backend of lb-sensors, the "
                "target of tms-a"
            ],
        ),
        (
            [session("tms-a", 1, "eni-sensor", "eni-web"), session("tms-b", 2, "eni-db", "lb-sensors")],
            ["0: sessions.tms-a.sources[0]: eni-sensor is also a backend of lb-sensors, the target of tms-b"],
        ),
        (
            [session("tms-a", 1, "eni-sensor", "eni-web"), session("tms-b", 2, "eni-web", "eni-sensor2")],
            ["1: sessions.tms-b.sources[0]: eni-web is also the target of tms-a"],
        ),
    ],
)
def test_an_interface_is_source_or_target(sessions: list[str], texts: list[str]) -> None:
    assert found(*sessions) == texts


def test_disabled_sessions_count() -> None:
    disabled = session("tms-b", 2, "eni-sensor", "eni-db").replace("}", ", enabled: false}")
    assert found(session("tms-a", 1, "eni-web", "eni-sensor"), disabled) == [
        "1: sessions.tms-b.sources[0]: eni-sensor is also the target of tms-a"
    ]


def test_a_backend_of_no_sessions_target_may_be_a_source() -> None:
    assert found(session("tms-a", 1, "eni-sensor", "eni-web")) == []


def test_one_source_in_many_sessions_of_many_targets() -> None:
    """More than the APIs' quota of three: it does not bind the file."""
    sessions = [
        session(f"tms-{at}", at, "eni-web", "eni-sensor2" if at % 2 else "lb-sensors") for at in range(1, 9)
    ]
    assert found(*sessions) == []


def test_sessions_may_share_a_vni() -> None:
    sessions = [
        session(f"tms-{at}", at, "eni-web", "eni-sensor").replace("}", ", virtual_network_id: 7}")
        for at in (1, 2)
    ]
    assert found(*sessions) == []


def many_sources(count: int, api: str = "") -> tuple[str, ...]:
    names = [f"eni-s{at}" for at in range(count)]
    interfaces = "".join(f"  {name}: {{}}\n" for name in names)
    text = f"{THINGS}sessions:\n  {session('tms-a', 1, ', '.join(names), 'eni-sensor')}\n{api}"
    return problems_of(text.replace("interfaces:\n", f"interfaces:\n{interfaces}", 1))


def test_ten_sources_a_session() -> None:
    assert many_sources(10) == ()
    assert many_sources(11) == (
        f"{FIRST + 11}: sessions.tms-a.sources: lists 11 interfaces: at most 10 in one session",
    )


def test_a_raised_quota_raises_the_limit_and_a_lowered_one_leaves_it() -> None:
    assert many_sources(11, "api: {aliyun: {quotas: {sources_per_session: 11}}}\n") == ()
    assert many_sources(10, "api: {aliyun: {quotas: {sources_per_session: 1}}}\n") == ()


def test_what_is_wrong_in_itself_is_not_told_again() -> None:
    """An interface, a load balancer and a filter that are there, but wrong, are no unknown ones."""
    text = (
        "interfaces: {eni-a: {mtu: 1}, eni-b: {addresses: [10.0.0.1]}}\n"
        "load_balancers: {lb-a: {backends: []}, lb-b: {backends: [eni-a]}}\n"
        "filters: {tmf-a: {ingress: 1}}\n"
        "sessions:\n"
        "  tms-a: {priority: 1, sources: [eni-b], target: lb-a, filter: tmf-a}\n"
        "  tms-b: {priority: 2, sources: [eni-b], target: eni-a, filter: tmf-a}\n"
    )
    assert [problem.split(": ")[1] for problem in problems_of(text)] == [
        "interfaces.eni-a.mtu",
        "load_balancers.lb-a.backends",
        "filters.tmf-a.ingress",
    ]


def test_what_is_wrong_between_things_is_told_together_with_what_is_wrong_in_one() -> None:
    text = (
        "interfaces: {eni-a: {mtu: 1}, eni-b: {}}\n"
        "sessions:\n  tms-a: {priority: 1, sources: [eni-c], target: eni-a, filter: tmf-a}\n"
    )
    assert [problem.split(": ")[1] for problem in problems_of(text)] == [
        "interfaces.eni-a.mtu",
        "sessions.tms-a.filter",
        "sessions.tms-a.sources[0]",
    ]


def test_nothing_is_wrong_with_nothing() -> None:
    assert list(problems(Things({}, {}, {}, {}), Api())) == []
    assert read("{}", "lab.yaml").sessions == {}
