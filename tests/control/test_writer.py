"""Groups, tokens, and what is left when something goes wrong."""

import asyncio
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.control import (
    Control,
    Draft,
    NewSession,
    Refusal,
    StoreError,
    Token,
    Why,
    operations,
)
from mirrorplane.control.accounts import accounts
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.store import Store
from mirrorplane.control.tokens import KEPT
from mirrorplane.control.writer import Writer
from tests.control.desk import HERE, THERE, VOLC, Clock, configuration, contents, refused
from tests.control.rig import new_filter, running, settled, submit
from tests.control.test_store import full


class Gate:
    """Work that keeps the writer until it is opened: what is submitted meanwhile makes a group."""

    def __init__(self) -> None:
        self.entered, self._open = threading.Event(), threading.Event()

    def __call__(self, _draft: Draft) -> dict[str, Any]:
        self.entered.set()
        assert self._open.wait(30)
        return {}

    def open(self) -> None:
        self._open.set()


def create(name: str) -> Any:
    return lambda draft: {"id": operations.create_filter(draft, HERE, name).id}


def refuse(draft: Draft) -> dict[str, Any]:
    operations.create_filter(draft, HERE)
    operations.delete_filter(draft, HERE, "tmf-none")
    return {}


@pytest.fixture
def control(tmp_path: Path) -> Any:
    with running(tmp_path) as made:
        yield made


def names(control: Control) -> list[str]:
    return [each.name for each in control.snapshot().filters(HERE)]


def test_a_result_is_told_when_it_can_be_seen(control: Control) -> None:
    made = control.submit(create("a"))
    assert control.snapshot().filters(HERE)[0].id == made["id"]


def test_what_work_raises_is_told_and_leaves_nothing(control: Control) -> None:
    def fail(draft: Draft) -> dict[str, Any]:
        operations.create_filter(draft, HERE)
        raise ZeroDivisionError("text")

    before = contents(control.snapshot())
    with pytest.raises(ZeroDivisionError, match="text"):
        control.submit(fail)
    assert contents(control.snapshot()) == before
    control.submit(create("a"))


def test_a_dry_run_checks_and_keeps_nothing(control: Control) -> None:
    before = contents(control.snapshot())
    with refused(Why.DRY_RUN):
        control.submit(create("a"), dry_run=True)
    with refused(Why.NOT_FOUND):
        control.submit(refuse, dry_run=True)
    assert contents(control.snapshot()) == before


def test_a_dry_run_does_not_use_its_token_up(control: Control) -> None:
    token = Token(HERE, "Create", "t", "f")
    with refused(Why.DRY_RUN):
        control.submit(create("a"), token, dry_run=True)
    control.submit(create("a"), token)
    with refused(Why.DRY_RUN):
        control.submit(create("a"), token, dry_run=True)
    assert names(control) == ["a"]


def test_a_token_is_answered_once(control: Control) -> None:
    token = Token(HERE, "Create", "t", "f")
    first = control.submit(create("a"), token)
    assert control.submit(create("b"), token) == first
    with refused(Why.TOKEN_MISMATCH):
        control.submit(create("c"), token._replace(fingerprint="g"))
    for other in (
        token._replace(scope=THERE),
        token._replace(scope=VOLC),
        token._replace(action="Other"),
        token._replace(text="T"),
    ):
        assert control.submit(create("d"), other) != first
    assert names(control) == ["a", "d", "d", "d", "d"]


def test_a_token_of_what_was_refused_can_be_used_again(control: Control) -> None:
    token = Token(HERE, "Delete", "t", "f")
    for _ in range(2):
        with refused(Why.NOT_FOUND):
            control.submit(refuse, token)
    assert "id" in control.submit(create("a"), token._replace(fingerprint="other"))


def test_a_token_whose_request_is_under_way(control: Control) -> None:
    gate, token = Gate(), Token(HERE, "Create", "t", "f")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(control.submit, gate, token)
        assert gate.entered.wait(30)
        with refused(Why.TOKEN_IN_PROCESS):
            control.submit(create("a"), token)
        with refused(Why.TOKEN_MISMATCH):
            control.submit(create("a"), token._replace(fingerprint="g"))
        gate.open()
        assert first.result(30) == {}
    assert control.submit(create("a"), token) == {}


def test_tokens_outlive_the_process_and_are_kept_for_a_day(tmp_path: Path) -> None:
    clock, token = Clock(), Token(HERE, "Create", "t", "f")
    with running(tmp_path, clock=clock) as control:
        first = control.submit(create("a"), token)
    clock.now += KEPT - 1
    with running(tmp_path, clock=clock) as control:
        assert control.submit(create("b"), token) == first
        control.submit(create("c"), token._replace(text="other"))
        assert control.submit(create("d"), token) == first
    clock.now += 2
    with running(tmp_path, clock=clock) as control:
        control.submit(create("e"))
        assert control.submit(create("f"), token) != first
        assert names(control) == ["a", "c", "e", "f"]


def test_a_result_that_cannot_be_kept_with_its_token_is_refused(control: Control) -> None:
    def odd(draft: Draft) -> dict[str, Any]:
        operations.create_filter(draft, HERE)
        return {"made": object()}

    with pytest.raises(TypeError):
        control.submit(odd, Token(HERE, "Create", "t", "f"))
    assert names(control) == []


def submit_together(control: Control, *works: Any, tokens: Any = None) -> "list[Future[Any]]":
    """Return the futures of works that are done in one group."""
    gate = Gate()
    with ThreadPoolExecutor(len(works) + 1) as pool:
        pool.submit(control.submit, gate)
        assert gate.entered.wait(30)
        writer = control._writer
        futures = [
            writer.submit(work, token)
            for work, token in zip(works, tokens or [None] * len(works), strict=True)
        ]
        gate.open()
    for future in futures:
        future.exception(30)
    return futures


def test_a_refusal_is_that_of_one_request(control: Control) -> None:
    """One of a group is refused after it changed things; those before and after it are kept."""
    futures = submit_together(control, create("a"), refuse, create("b"))
    assert [type(future.exception()) for future in futures] == [type(None), Refusal, type(None)]
    assert names(control) == ["a", "b"]


def test_each_of_a_group_sees_those_before_it(tmp_path: Path) -> None:
    with running(tmp_path) as control:
        name = new_filter(control)
        settled(control)

        def session(draft: Draft) -> dict[str, Any]:
            order = NewSession(1, name, ("eni-a",), instance="eni-sensor")
            return {"id": operations.create_session(draft, HERE, order).id}

        first, second = submit_together(control, session, session)
        assert first.exception() is None
        error = second.exception()
        assert isinstance(error, Refusal)
        assert error.why is Why.PRIORITY_TAKEN


def test_a_store_that_fails_refuses_the_whole_group(tmp_path: Path) -> None:
    token = Token(HERE, "Create", "t", "f")
    with running(tmp_path) as control:
        submit(control, create("first"))
        before = contents(settled(control))
        with full():
            futures = submit_together(control, create("a"), create("b"), tokens=[token, None])
        assert [type(future.exception()) for future in futures] == [StoreError] * 2
        assert contents(control.snapshot()) == before
        control.submit(create("c"), token)
        known = names(control)
    with running(tmp_path) as control:
        assert names(control) == known == ["first", "c"]


def test_what_cannot_be_written_down_is_refused_alone(control: Control) -> None:
    token = Token(HERE, "Create", "t", "f")
    works = create("a"), create("half of \ud800"), create("b")
    futures = submit_together(control, *works, tokens=[token, None, None])
    kinds = [type(future.exception()) for future in futures]
    assert kinds == [type(None), UnicodeEncodeError, type(None)]
    assert names(control) == ["a", "b"]
    assert control.submit(create("c"), token) == futures[0].result()


def test_what_nobody_waits_for_any_more_is_not_done(control: Control) -> None:
    gate, token = Gate(), Token(HERE, "Create", "t", "f")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(control.submit, gate)
        assert gate.entered.wait(30)
        abandoned = control._writer.submit(create("a"), token)
        assert abandoned.cancel()
        gate.open()
    control.submit(create("b"), token)
    assert names(control) == ["b"]


def test_many_may_wait_in_an_event_loop(control: Control) -> None:
    async def create_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*(control.submit_async(create(str(at))) for at in range(100)))

    made = asyncio.run(create_all())
    assert [each.id for each in control.snapshot().filters(HERE)] == [each["id"] for each in made]


def test_an_event_loop_hears_refusals(control: Control) -> None:
    async def wait() -> None:
        await control.submit_async(create("a"), dry_run=True)

    with refused(Why.DRY_RUN):
        asyncio.run(wait())


def test_what_was_submitted_is_done_before_the_end(tmp_path: Path) -> None:
    said = configuration()
    with Store(tmp_path / "m.db") as store:
        writer = Writer(store, Inventory(said), accounts(said.api), Clock())
        gate = Gate()
        writer.submit(gate)
        assert gate.entered.wait(30)
        futures = [writer.submit(create(str(at))) for at in range(10)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        gate.open()
        closing.join(30)
        assert all(future.result(0)["id"].startswith("tmf-") for future in futures)
        with pytest.raises(StoreError, match="shutting down"):
            writer.submit(create("late"))
        assert len(store.load().things) == 10


def test_more_than_a_group_may_wait(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrorplane.control.writer.LARGEST_GROUP", 3)
    futures = submit_together(control, *(create(str(at)) for at in range(20)))
    assert len({future.result()["id"] for future in futures}) == 20
    assert names(control) == [str(at) for at in range(20)]


def test_answers_are_json(control: Control) -> None:
    token = Token(HERE, "Create", "t", "f")
    first = control.submit(lambda draft: {"ids": ["a", "é"], "n": 1, "b": None}, token)
    again = control.submit(lambda draft: {}, token)
    assert json.dumps(again) == json.dumps(first)
