"""What is made of live samples: ratios within a round, and what was not measured stays out."""

import pytest

from benchmarks.figures import LeftOut
from benchmarks.live import results
from benchmarks.live.mirrors import CLONE, INLINE, NONE, TC, Wanted
from benchmarks.live.results import Round
from benchmarks.live.sample import Case, Life, Sample, Window
from benchmarks.traffic import UDP

LOAD = "64"
PLAIN = (128, 10, 1)
MANY = (128, 1000, 1)
SESSIONS = ((128, 10, 10), (128, 1000, 1000))


def sample(case: Case, arrived: int, busy: float, stolen: float = 0.0) -> Sample:
    window = Window(seconds=2, busy=busy, others=1, stolen=stolen, carried=1000, arrived=arrived)
    return Sample(case, window, 1000, 500.0, 0, Life(1000, arrived, None, None, {}))


def measured(inline: float, stolen: float = 0.0) -> Round:
    """Return a round in which the inline engine's copies take *inline* seconds of the sender's CPU."""
    every = [
        sample(Case(LOAD, NONE), 0, 1.0, stolen),
        sample(Case(LOAD, CLONE), 1000, 1.5),
        sample(Case(LOAD, TC), 1000, 2.0),
        sample(Case(LOAD, INLINE, *PLAIN), 1000, inline),
        sample(Case(LOAD, INLINE, *MANY), 500, inline),
        *(sample(Case(LOAD, INLINE, *each), 1000, inline) for each in SESSIONS),
    ]
    return {each.case: each for each in every}


def test_figures_are_of_rounds() -> None:
    counted = {Case("counted", TC): sample(Case("counted", TC), 990, 1)}
    flood, many, count = results.measurements([measured(1.25), measured(1.6)], counted, [])
    labels = (INLINE, "128", "10", "1")
    for column, values in (
        (results.KEPT, (100, 100)),
        (results.MIRRORED, (0.5, 0.5)),
        (results.PER_CPU, (0.8, 0.625)),
        (results.COST, (250, 600)),
        (results.TO_TC, (1.6, 1.25)),
        (results.TO_CLONE, (120, 93.75)),
    ):
        figure = flood.figure(labels, column)
        assert figure is not None, column
        assert figure.samples == pytest.approx(values), column
    assert flood.figure((NONE, "-", "-", "-"), results.COST) is None
    again = many.figure((LOAD, INLINE, "128", "1,000", "1"), results.AGAIN)
    assert again is not None
    assert again.samples == pytest.approx((2, 2))
    arrived = count.figure((TC, "-"), "arrived")
    assert arrived is not None
    assert arrived.median == 990
    assert count.figure((TC, "-"), "seen") is None


def test_many_have_targets_of_their_own() -> None:
    many = results.measurements([measured(1.25)], {}, [])[1]
    assert {(target.labels[3:], target.at_most) for target in many.targets} == {
        (("1,000", "1"), results.RULES_TARGET),
        (("1,000", "1,000"), results.SESSIONS_TARGET),
    }


def test_without_a_peer_there_is_no_ratio_to_it() -> None:
    alone = {case: each for case, each in measured(1.25).items() if case.mirror not in (TC, CLONE)}
    left_out = LeftOut(what=TC, why="tc is not installed")
    flood = results.measurements([alone], {}, [left_out])[0]
    assert flood.figure((INLINE, "128", "10", "1"), results.TO_TC) is None
    assert flood.left_out == (left_out,)


def test_stolen_time_is_told_of() -> None:
    calm, noisy = (results.measurements([measured(1.25, stolen)], {}, [])[0] for stolen in (0.0, 0.5))
    assert not any("host" in line for line in calm.about)
    assert any("in 1 of 7 measurements, up to 25%" in line for line in noisy.about)


def test_what_is_lost_and_what_is_unexplained() -> None:
    assert results.missed(Life(1000, 900, None, None, {})) == 100
    assert results.missed(Life(1000, 900, 990, 900, {})) == 90
    assert results.unexplained(Life(1000, 900, None, None, {})) is None
    assert results.unexplained(Life(1000, 900, 1000, 900, {"no_rule": 100})) == 0
    assert results.unexplained(Life(1000, 890, 990, 900, {"no_rule": 80})) == 10 + 10 + 10


@pytest.mark.parametrize(("rules", "sessions"), [(1, 1), (10, 1), (10, 10), (1000, 10), (1000, 1000)])
def test_only_the_very_last_rule_accepts_the_load(rules: int, sessions: int) -> None:
    wanted = Wanted(UDP, 128, rules, sessions)
    filters = wanted.filters()
    assert len(filters) == sessions
    assert all(filters)
    every = [rule for by in filters for rule in by]
    assert len(every) == rules
    matching = [rule for rule in every if rule.network == 10 << 24 | 1 << 16]
    assert matching == every[-1:]
