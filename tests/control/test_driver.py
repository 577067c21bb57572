"""An engine in a thread of its own: opened when it is needed, told what to run, opened again."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from mirrorplane.capture.device import Side
from mirrorplane.capture.source import CaptureError
from mirrorplane.control import EngineRefusal
from mirrorplane.control.driver import Driver
from mirrorplane.engines.live import IDLE, ExhaustedError
from mirrorplane.engines.report import Report
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes
from tests.control.rig import until
from tests.control.test_sifting import of, session

MANY = of(session("tms-4", "eni-a"))
ONE, TWO, BAD = of(session("tms-1", "eni-a")), of(session("tms-2", "eni-b")), of(session("tms-3", "eni-bad"))
NO_CHANGES = Changes(*[frozenset()] * 5)


class Fragile:
    """A `Live` that runs nothing, refuses BAD, and can be broken."""

    def __init__(self, configuration: Configuration) -> None:
        if configuration is BAD:
            raise CaptureError("eni-bad: device\nis not there")
        self.configuration = configuration
        self.thread = threading.get_ident()
        self.breaks = self.is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def reload_soon(
        self, read: Callable[[], Configuration], tell: Callable[[Changes | Exception], None]
    ) -> None:
        assert threading.get_ident() == self.thread
        if self.breaks:
            raise ZeroDivisionError("a mistake")
        if read() is BAD:
            tell(CaptureError("eni-bad: device\nis not there"))
        elif read() is MANY:
            tell(ExhaustedError("more than 3 sessions"))
        else:
            self.configuration = read()
            tell(NO_CHANGES)

    def run(
        self,
        stopped: Callable[[], bool],
        ready: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
        idle: float = IDLE,
    ) -> None:
        assert between is not None
        pause = threading.Event()
        while not stopped():
            pause.wait(idle)
            if self.breaks:
                raise ZeroDivisionError("a mistake")
            between()

    def counters(self) -> Report:
        assert threading.get_ident() == self.thread
        sessions = {name: {"mirrored_packets": 1} for name in self.configuration.sessions}
        return {"sources": {}, "sessions": sessions, "filters": {}}

    def sides(self) -> dict[str, Side]:
        return {}

    def targets(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        self.is_closed = True


class Workshop:
    """Makes engines, and remembers them; `orders` is what they were made for."""

    def __init__(self) -> None:
        self.made: list[Fragile] = []
        self.orders: list[Configuration] = []
        self.driver = Driver(self.make)

    def make(self, configuration: Configuration) -> Fragile:
        self.orders.append(configuration)
        self.made.append(Fragile(configuration))
        return self.made[-1]


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop()
    yield made
    made.driver.close()
    assert all(each.is_closed for each in made.made)


def test_an_engine_is_opened_for_the_first_session(workshop: Workshop) -> None:
    workshop.driver.apply(of())
    assert workshop.orders == []
    assert workshop.driver.counters() == {"sources": {}, "sessions": {}, "filters": {}}
    workshop.driver.apply(ONE)
    workshop.driver.apply(TWO)
    workshop.driver.apply(of())
    (engine,) = workshop.made
    assert workshop.orders == [ONE]
    assert engine.configuration.sessions == {}


def test_an_engine_has_one_thread(workshop: Workshop) -> None:
    workshop.driver.apply(ONE)
    assert set(workshop.driver.counters()["sessions"]) == {"tms-1"}
    assert workshop.made[0].thread != threading.get_ident()


def test_what_an_engine_refuses_is_told_in_a_line_and_it_goes_on(workshop: Workshop) -> None:
    with pytest.raises(EngineRefusal, match=r"^eni-bad: device is not there$"):
        workshop.driver.apply(BAD)
    assert workshop.made == []
    workshop.driver.apply(ONE)
    with pytest.raises(EngineRefusal, match=r"^eni-bad: device is not there$"):
        workshop.driver.apply(BAD)
    assert workshop.made[0].configuration is ONE


def test_an_engine_that_breaks_down_is_opened_again(workshop: Workshop, caplog: Any) -> None:
    workshop.driver.apply(ONE)
    workshop.driver.apply(TWO)
    workshop.made[0].breaks = True
    until(lambda: len(workshop.made) > 1)
    assert workshop.orders == [ONE, TWO]
    assert workshop.made[0].is_closed
    assert "a mistake" in caplog.text
    workshop.driver.apply(ONE)
    assert workshop.made[1].configuration is ONE


def test_an_engine_that_cannot_be_opened_again_is_tried_until_it_can(workshop: Workshop, caplog: Any) -> None:
    make, failures = workshop.make, iter([CaptureError("no"), CaptureError("not yet")])

    def fail(configuration: Configuration) -> Fragile:
        for failure in failures:
            raise failure
        return make(configuration)

    workshop.driver.apply(ONE)
    workshop.driver._make = fail
    workshop.made[0].breaks = True
    until(lambda: len(workshop.made) > 1)
    assert "still not running: not yet" in caplog.text


def test_an_engine_that_has_counted_enough_is_followed_by_another(workshop: Workshop, caplog: Any) -> None:
    workshop.driver.apply(ONE)
    workshop.driver.apply(MANY)
    assert workshop.orders == [ONE, MANY]
    assert [engine.is_closed for engine in workshop.made] == [True, False]
    assert "started again, and counts from zero: more than 3 sessions" in caplog.text
    workshop.driver.apply(TWO)
    assert workshop.made[1].configuration is TWO


def test_a_change_that_the_engine_breaks_down_over_is_refused(workshop: Workshop) -> None:
    workshop.driver.apply(ONE)
    engine = workshop.made[0]

    def hold(read: object, tell: object) -> None:
        engine.breaks = True

    engine.reload_soon = hold  # type: ignore[method-assign]
    with pytest.raises(EngineRefusal, match="the engine stopped"):
        workshop.driver.apply(TWO)
    until(lambda: len(workshop.made) > 1)
    assert workshop.made[1].configuration is ONE


def test_after_the_end_there_are_the_last_counters(workshop: Workshop) -> None:
    workshop.driver.apply(ONE)
    workshop.driver.close()
    assert set(workshop.driver.counters()["sessions"]) == {"tms-1"}
    with pytest.raises(EngineRefusal, match="shutting down"):
        workshop.driver.apply(TWO)
