"""The search for the sessions that an engine refuses."""

from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.control.sifting import Sifted, is_same, sift
from mirrorplane.model import Configuration, Filter, Session
from tests.control.bench import Bench, not_from
from tests.control.desk import configuration

NOTHING = configuration()


def session(name: str, source: str, vni: int = 1, chosen: str = "tmf-1") -> Session:
    return Session(
        id=name, priority=1, sources=(source,), target="eni-sensor", filter=chosen, virtual_network_id=vni
    )


def of(*sessions: Session) -> Configuration:
    return NOTHING.model_copy(
        update={
            "sessions": MappingProxyType({each.id: each for each in sessions}),
            "filters": MappingProxyType({each.filter: Filter(id=each.filter) for each in sessions}),
        }
    )


def sifted(
    bench: Bench,
    before: Configuration,
    wanted: Configuration,
    by_age: list[str] | None = None,
    known: dict[str, str] | None = None,
) -> Sifted:
    """Return what was found; *bench* has applied *before*, and in the end what is in force."""
    bench.applied.append(before)
    names = list(wanted.sessions) if by_age is None else by_age
    return sift(bench.apply, before, wanted, names, known or {})


def test_what_is_not_refused_is_applied_at_once() -> None:
    bench, wanted = Bench(), of(session("tms-1", "eni-a"), session("tms-2", "eni-b", chosen="tmf-2"))
    assert sifted(bench, of(), wanted) == ({}, None)
    assert is_same(bench.applied[-1], wanted)
    assert bench.n_attempts == 1


def test_the_one_is_found_and_the_others_run() -> None:
    bench = Bench(not_from("eni-bad"))
    wanted = of(*(session(f"tms-{at}", "eni-bad" if at == 5 else "eni-a") for at in range(9)))
    assert sifted(bench, of(), wanted) == ({"tms-5": "eni-bad: device is not there"}, None)
    assert set(bench.running) == set(wanted.sessions) - {"tms-5"}


def test_the_last_one_to_change_is_left_out() -> None:
    """Two that run one by one but not together."""
    wanted = of(session("tms-old", "eni-a"), session("tms-new", "eni-b"))
    for by_age in (["tms-old", "tms-new"], ["tms-new", "tms-old"]):
        bench = Bench(lambda said: "too many" if len(said.sessions) > 1 else None)
        assert sifted(bench, of(), wanted, by_age) == ({by_age[1]: "too many"}, None)


def test_a_change_that_is_refused_leaves_the_session_as_it_was() -> None:
    bench = Bench(not_from("eni-bad"))
    before = of(session("tms-1", "eni-a"), session("tms-2", "eni-b"), session("tms-gone", "eni-c"))
    wanted = of(session("tms-1", "eni-bad"), session("tms-2", "eni-b", vni=7))
    assert set(sifted(bench, before, wanted).refused) == {"tms-1"}
    running = bench.applied[-1].sessions
    assert running == {"tms-1": before.sessions["tms-1"], "tms-2": wanted.sessions["tms-2"]}


def test_what_it_was_may_not_run_any_more() -> None:
    bench = Bench(not_from("eni-bad", "eni-a"))
    wanted = of(session("tms-1", "eni-bad"), session("tms-2", "eni-b"))
    assert set(sifted(bench, of(session("tms-1", "eni-a")), wanted).refused) == {"tms-1"}
    assert set(bench.running) == {"tms-2"}


def test_what_is_known_is_not_tried_but_goes_on_as_before() -> None:
    bench = Bench(not_from("eni-bad"))
    before = of(session("tms-1", "eni-a", chosen="tmf-old"))
    wanted = of(session("tms-1", "eni-bad"), session("tms-2", "eni-bad"), session("tms-3", "eni-c"))
    known = {"tms-1": "known", "tms-2": "known too"}
    assert sifted(bench, before, wanted, known=known) == (known, None)
    assert bench.n_attempts == 1
    assert bench.running == {"tms-1": "tmf-old", "tms-3": "tmf-1"}


def test_an_engine_that_takes_no_change_is_stuck() -> None:
    bench = Bench(lambda said: "broken")
    before, wanted = of(session("tms-1", "eni-a")), of(session("tms-1", "eni-b"), session("tms-2", "eni-c"))
    assert sifted(bench, before, wanted) == ({"tms-1": "broken", "tms-2": "broken"}, "broken")
    assert sifted(bench, before, of()) == ({}, "broken")


@given(st.integers(1, 12), st.data())
def test_exactly_the_bad_ones_are_refused(n_sessions: int, data: st.DataObject) -> None:
    indices = st.sets(st.integers(0, n_sessions - 1))
    bad, new, gone = data.draw(indices), data.draw(indices), data.draw(st.booleans())
    every = [session(f"tms-{at}", "eni-bad" if at in bad else "eni-a") for at in range(n_sessions)]
    kept = [each for at, each in enumerate(every) if at not in new | bad]
    before = of(*kept, *([session("tms-gone", "eni-a")] if gone else []))
    wanted = of(*every)
    bench = Bench(not_from("eni-bad"))
    found = sifted(bench, before, wanted, data.draw(st.permutations(list(wanted.sessions))))
    assert set(found.refused) == {f"tms-{at}" for at in bad}
    assert found.stuck is None
    assert set(bench.running) == set(wanted.sessions) - set(found.refused)
