"""The state: what is found by what, undoing, and snapshots."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.control.resources import Life, Rule, Scope, Session, Status, Target, Thing
from mirrorplane.control.snapshot import Place, Snapshot
from mirrorplane.control.state import By, Change, State
from tests.control.desk import HERE, THERE

LIFE = Life(1.0, 1.0, 1.0, Status.READY)


def session(name: str = "tms-1", **words: object) -> Session:
    plain = Session(
        name, HERE, "n", "", "g", 1, 7, 1500, True, "tmf-1", "interface", "eni-t", ("eni-a",), LIFE
    )
    return replace(plain, **words)  # type: ignore[arg-type]


def rule(name: str, **words: object) -> Rule:
    plain = Rule(
        name, HERE, "tmf-1", "ingress", 1, "accept", "ALL", "0.0.0.0/0", "0.0.0.0/0", "-1/-1", "-1/-1", LIFE
    )
    return replace(plain, **words)  # type: ignore[arg-type]


def target(name: str, **words: object) -> Target:
    plain = Target(name, HERE, "n", "", "g", "interface", "eni-t", LIFE)
    return replace(plain, **words)  # type: ignore[arg-type]


few = st.sampled_from
scopes = few([HERE, THERE])
lives = st.builds(Life, few([1.0, 2.0]), few([3.0]), few([4.0]), few(Status), few(["", "why"]))
names = few(["1", "2", "3"])
things: st.SearchStrategy[Thing] = st.one_of(
    st.builds(
        session,
        names.map("tms-{}".format),
        priority=few([1, 2]),
        vni=few([7, 8]),
        filter=few(["tmf-1", "tmf-2"]),
        instance=few(["eni-t", "eni-u"]),
        target=few([None, "tmt-1"]),
        sources=few([(), ("eni-a",), ("eni-a", "eni-b")]),
        enabled=st.booleans(),
        life=lives,
    ).map(lambda made: replace(made, scope=THERE) if made.id == "tms-3" else made),
    st.builds(rule, names.map("tmr-{}".format), priority=few([1, 2]), life=lives),
    st.builds(target, names.map("tmt-{}".format), instance=few(["eni-t", "eni-u"]), life=lives),
)
steps = st.lists(things | names.map("tms-{}".format) | names.map("tmr-{}".format) | scopes, max_size=20)

VALUES = [
    (By.FILTER, "tmf-1"),
    (By.SOURCE, "eni-a"),
    (By.SOURCE, "eni-b"),
    (By.SOURCE_IN_SCOPE, (HERE, "eni-b")),
    (By.SOURCE_IN_SCOPE, (THERE, "eni-b")),
    (By.INSTANCE, "eni-t"),
    (By.GOAL, (HERE, "eni-t")),
    (By.TARGET, "tmt-1"),
    (By.PRIORITY, (HERE, 1)),
    (By.PRIORITY, ("tmf-1", "ingress", 1)),
    (By.VNI, 7),
]


def lists(snapshot: Snapshot) -> dict[Place, list[Thing]]:
    """Return what each place has, in its order."""
    return {place: list(things.values()) for place, things in snapshot.places.items()}


def take(state: State, done: list[Thing | str | Scope]) -> None:
    for step in done:
        if isinstance(step, Scope):
            if not state.subscribed(step):
                state.subscribe(step, 5.0)
        elif not isinstance(step, str):
            state.put(step)
        elif state.get(step) is not None:
            state.remove(step)


def asked(state: State) -> object:
    """Return what the state says to everything that it can be asked, in no order."""
    return [
        (sorted(thing.id for thing in state.found(by, value)), state.weight(by, value))
        for by, value in VALUES
    ]


def expected(things: list[Thing]) -> object:
    """Return what `asked` is to be, worked out thing by thing."""
    return [
        (
            sorted(thing.id for thing in things if _has(thing, by, value)),
            sum(_weight(thing, by) for thing in things if _has(thing, by, value)),
        )
        for by, value in VALUES
    ]


def _weight(thing: Thing, by: By) -> int:
    return len(thing.sources) if by is By.GOAL and isinstance(thing, Session) else 1


def _has(thing: Thing, by: By, value: object) -> bool:
    stays = thing.life.status is not Status.DELETING
    if isinstance(thing, Rule):
        place = (thing.filter, thing.direction, thing.priority)
        return by is By.PRIORITY and stays and place == value
    if isinstance(thing, Target):
        return by is By.INSTANCE and thing.instance == value
    assert isinstance(thing, Session)
    return {
        By.FILTER: thing.filter == value,
        By.SOURCE: value in thing.sources,
        By.SOURCE_IN_SCOPE: value in {(thing.scope, source) for source in thing.sources},
        By.INSTANCE: thing.instance == value,
        By.GOAL: (thing.scope, thing.instance) == value,
        By.TARGET: thing.target == value,
        By.PRIORITY: stays and (thing.scope, thing.priority) == value,
        By.VNI: thing.vni == value,
    }[by]


@given(steps, steps)
def test_what_is_undone_was_never_there(
    before: list[Thing | str | Scope], after: list[Thing | str | Scope]
) -> None:
    state = State()
    take(state, before)
    state.settle()
    known, answers, mark = state.publish(), asked(state), state.mark()
    take(state, after)
    state.undo(mark)
    undone = state.publish()
    assert asked(state) == answers
    assert state.changes() == ([], {})
    assert undone.subscriptions == known.subscriptions
    assert undone.mirrored == known.mirrored
    assert undone.pending == known.pending
    assert undone.places == known.places


@given(steps)
def test_everything_is_found_by_what_it_has(done: list[Thing | str | Scope]) -> None:
    state = State()
    take(state, done)
    snapshot = state.publish()
    things = [thing for place in snapshot.places.values() for thing in place.values()]
    assert asked(state) == expected(things)
    assert all(state.get(thing.id) is thing for thing in things)
    assert snapshot.pending == {thing.id: thing for thing in things if thing.life.status is not Status.READY}
    assert snapshot.mirrored == {
        thing.id: thing
        for thing in things
        if isinstance(thing, Session)
        and thing.enabled
        and thing.sources
        and thing.life.status is not Status.DELETING
    }


@given(steps)
def test_a_state_that_is_loaded_is_the_one_that_was(done: list[Thing | str | Scope]) -> None:
    state = State()
    take(state, done)
    snapshot = state.settle()
    loaded = State([thing for place in snapshot.places.values() for thing in place.values()])
    assert lists(loaded.publish()) == lists(snapshot)
    assert asked(loaded) == asked(state)


@given(steps)
def test_changes_lead_from_one_state_to_the_next(done: list[Thing | str | Scope]) -> None:
    first, second = session("tms-1"), rule("tmr-1")
    state = State([first, second])
    take(state, done)
    kept: dict[str, Thing] = {first.id: first, second.id: second}
    changes, _ = state.changes()
    assert len({change.id for change in changes}) == len(changes)
    for change in changes:
        assert kept.get(change.id) is change.before
        if change.after is None:
            del kept[change.id]
        else:
            kept[change.id] = change.after
    places = state.publish().places.values()
    assert kept == {name: thing for things in places for name, thing in things.items()}


def test_a_thing_that_came_and_went_is_no_change() -> None:
    state = State()
    state.put(session())
    state.remove("tms-1")
    assert state.changes() == ([], {})


def test_a_change_is_from_the_first_to_the_last() -> None:
    state = State([session()])
    state.put(session(vni=8))
    state.put(session(vni=9))
    assert state.changes()[0] == [Change("tms-1", session(), session(vni=9))]
    state.settle()
    assert state.changes() == ([], {})


def test_a_removal_that_is_undone_leaves_the_order_of_creation() -> None:
    lives = [replace(LIFE, created=float(at)) for at in range(3)]
    state = State([session(f"tms-{at}", life=life) for at, life in enumerate(lives)])
    state.remove("tms-1")
    state.undo()
    assert [each.id for each in state.publish().sessions(HERE)] == ["tms-0", "tms-1", "tms-2"]


def test_a_snapshot_stays_as_it_was_and_shares_what_did_not_change() -> None:
    state = State([session(), rule("tmr-1"), target("tmt-1")])
    before = state.publish()
    state.put(session("tms-2"))
    after = state.settle()
    assert len(before.sessions(HERE)) == 1
    assert len(after.sessions(HERE)) == 2
    assert after.places["rule", "tmf-1"] is before.places["rule", "tmf-1"]


def test_a_revision_is_for_what_an_engine_runs() -> None:
    state = State([session(), rule("tmr-1")])
    for thing, moves in (
        (replace(session(), name="other"), False),
        (session(life=replace(LIFE, status=Status.MODIFYING)), False),
        (session(vni=9), True),
        (session(enabled=False), True),
        (session(enabled=False, vni=10), False),
        (session(), True),
        (session(sources=()), True),
        (rule("tmr-1", description="x"), False),
        (rule("tmr-1", priority=5), True),
        (rule("tmr-1", priority=5, life=replace(LIFE, status=Status.DELETING)), True),
        (target("tmt-1"), False),
    ):
        before = state.publish().revision
        state.put(thing)
        assert (state.publish().revision != before) is moves, thing
