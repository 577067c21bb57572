"""Several workers share a source: what one would mirror, they do, whatever changes meanwhile."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socket import AF_INET, SOCK_DGRAM, socket
from struct import Struct
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest

from mirrorplane.engines.userspace import Userspace
from mirrorplane.lab.recorder import Recorder
from mirrorplane.plan import Changes
from tests.engines.live.network import (
    EVERYTHING,
    IPV4,
    PORT,
    SOON,
    UDP,
    Network,
    configuration,
    document,
    guest,
    numbers_in,
    on_host,
    session,
    settle,
    until,
)
from tests.engines.running import check_conservation

T = TypeVar("T")

NUMBERED = Struct("!HI")
"""At the end of each datagram: its flow and its number in it."""

FLOWS = 16
A_MOMENT = 0.001
RELOAD_EVERY = 0.1
"""Seconds."""

TALK = 1.5
"""Seconds of conversation."""

TWO = {"userspace": {"workers": 2}}


def of_protocol(protocol: str, priority: int = 1) -> dict[str, Any]:
    return EVERYTHING | {"protocol": protocol, "priority": priority}


def udp_and(*more: str) -> dict[str, Any]:
    """Return the document with sessions of UDP, and another of *more* protocols."""
    said = document() | TWO
    said["filters"] = {
        "tmf-in": {"ingress": [of_protocol("UDP")]},
        "tmf-out": {"egress": [of_protocol("UDP")]},
    }
    if more:
        rules = [of_protocol(protocol, number) for number, protocol in enumerate(more, 1)]
        said["filters"]["tmf-more"] = {"ingress": rules, "egress": rules}
        said["sessions"]["tms-more"] = session(3, "tmf-more", 33)
    return said


class Talk:
    """Conversations of the guest with its host, in FLOWS flows, by a thread of its own."""

    def __init__(self, network: Network, size: int) -> None:
        """Begin; each datagram has *size* bytes."""
        self.n_sent = 0
        self._padding = bytes(size - NUMBERED.size)
        self._done = Event()
        with ExitStack() as stack:
            self._guests = [
                stack.enter_context(network.guest.call(socket, AF_INET, SOCK_DGRAM)) for _ in range(FLOWS)
            ]
            self._host = stack.enter_context(network.host.call(socket, AF_INET, SOCK_DGRAM))
            for flow, sender in enumerate(self._guests):
                sender.bind(("10.1.0.2", PORT + flow))
            self._host.bind(("10.1.0.1", PORT - 1))
            self._open = stack.pop_all()
        self._thread = Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # a wire's end has a queue for each CPU
        while not self._done.is_set():
            for flow, sender in enumerate(self._guests):
                datagram = self._padding + NUMBERED.pack(flow, self.n_sent)
                sender.sendto(datagram, ("10.1.0.1", PORT - 1))
                self._host.sendto(datagram, ("10.1.0.2", PORT + flow))
            self.n_sent += 1
            sleep(A_MOMENT)

    def end(self) -> None:
        """Say no more."""
        self._done.set()
        self._thread.join()
        self._open.close()


@contextmanager
def talking(network: Network, size: int = 40) -> Iterator[Talk]:
    talk = Talk(network, size)
    try:
        yield talk
    finally:
        talk.end()


def by_flow(recorder: Recorder) -> dict[int, list[int]]:
    """Return the numbers of the datagrams recorded, in order, by their flow."""
    found = defaultdict(list)
    for seen in recorder.frames:
        if seen.frame[12:14] == IPV4 and seen.frame[23] == UDP:
            flow, number = NUMBERED.unpack(seen.frame[-NUMBERED.size :])
            found[flow].append(number)
    return dict(found)


def last_numbers(recorder: Recorder) -> dict[int, int]:
    return {flow: numbers[-1] for flow, numbers in by_flow(recorder).items()}


def after(seconds: float) -> Callable[[], bool]:
    """Return a condition that holds in so many seconds."""
    end = monotonic() + seconds
    return lambda: monotonic() >= end


def shares(engine: Userspace) -> list[int]:
    """Return how many packets each worker has seen."""
    return [int(counters.seen.sum()) for counters in engine._ledger.counters]


@contextmanager
def at_work(network: Network, said: dict[str, Any]) -> Iterator[Userspace]:
    with network.engine(said) as engine:
        assert isinstance(engine, Userspace)
        yield engine


@on_host
def test_under_reloads_each_flow_is_whole_and_in_order(network: Network) -> None:
    outcomes: list[Changes | Exception] = []
    with network.recorders() as (received, sent), at_work(network, udp_and()) as engine:
        with talking(network) as talk:
            for turn in range(round(TALK / RELOAD_EVERY)):
                said = udp_and("TCP") if turn % 2 else udp_and("TCP", "ICMP") if turn % 3 else udp_and()
                engine.reload_soon(lambda said=said: configuration(said), outcomes.append)  # type: ignore[misc]
                until(engine, after(RELOAD_EVERY))
                check_conservation(engine.counters())
        expected = {flow: list(range(talk.n_sent)) for flow in range(FLOWS)}
        until(engine, lambda: by_flow(received) == expected and by_flow(sent) == expected)
        assert guest(engine)["not_mirrored"].keys() <= {"arp", "no_rule"}, "nothing is lost"
        assert all(shares(engine)), "each worker had its share"
    assert [outcome for outcome in outcomes if not isinstance(outcome, Changes)] == []
    assert len(outcomes) > 5


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_reload_makes_wanted_is_mirrored_whole(network: Network, workers: int) -> None:
    """Of what the plan before did not want, only the headers were captured."""
    size = 1400
    said = udp_and("TCP") | {"userspace": {"workers": workers}}
    without = said | {"filters": said["filters"] | {"tmf-in": {}, "tmf-out": {}}}

    def body() -> None:
        with network.recorders() as (received, sent), at_work(network, without) as engine:
            with talking(network, size) as talk:
                until(engine, after(0.2))
                began = talk.n_sent
                engine.reload(configuration(said))
                mirrored = talk.n_sent
                until(engine, after(0.2))
            last = dict.fromkeys(range(FLOWS), talk.n_sent - 1)
            until(engine, lambda: last_numbers(sent) == last_numbers(received) == last)
            for numbers in (*by_flow(sent).values(), *by_flow(received).values()):
                assert began <= numbers[0] <= mirrored + 1
                assert numbers == list(range(numbers[0], talk.n_sent))
            assert {len(seen.frame) for seen in sent.frames} == {14 + 28 + size}
            assert guest(engine)["not_mirrored"].keys() <= {"arp", "no_rule"}

    network.host.call(body)


@on_host
def test_an_uplink_that_goes_down_is_mirrored_by_when_it_is_back(network: Network) -> None:
    def set_link(state: str) -> None:
        network.sensor.netlink(
            lambda netlink: netlink.link("set", index=netlink.link_lookup(ifname="eth0")[0], state=state)
        )

    with network.recorders() as (_, sent), at_work(network, udp_and()) as engine, talking(network) as talk:
        until(engine, lambda: len(by_flow(sent)) == FLOWS)
        set_link("down")
        until(engine, lambda: guest(engine)["not_mirrored"].get("no_route", 0) > 0, SOON)
        set_link("up")
        again = talk.n_sent
        until(engine, lambda: all(numbers[-1] > again for numbers in by_flow(sent).values()), SOON)
        assert by_flow(sent).keys() == set(range(FLOWS))


@on_host
def test_a_source_that_vanishes_is_shared_again_when_it_is_back(network: Network) -> None:
    with network.recorders() as (_, sent), at_work(network, udp_and()) as engine:
        with talking(network):
            until(engine, lambda: len(by_flow(sent)) == FLOWS)
        network.unplug()
        until(engine, lambda: len(network.lines) == 1, SOON)
        network.plug()
        until(engine, lambda: len(network.lines) == 2, SOON)
        before = shares(engine)
        sent.frames.clear()
        with talking(network):
            until(engine, lambda: len(by_flow(sent)) == FLOWS)
        assert all(now > then for now, then in zip(shares(engine), before, strict=True))
    assert network.lines == [
        "interface eni-guest: device gst has gone; looking for it every 1 s",
        "interface eni-guest: device gst is back",
    ]


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("worker")}


@on_host
def test_what_ends_a_worker_ends_the_run(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    before = network.traces()
    with network.start(document() | TWO) as engine:
        assert isinstance(engine, Userspace)
        assert threads() == {"worker 1"}
        worker = engine._crew.workers[1]
        monkeypatch.setattr(worker, "round", fail)
        worker.wake()
        with pytest.raises(ZeroDivisionError):
            engine.run(after(5.0))
        check_conservation(engine.counters())
    assert (network.traces(), threads()) == (before, set())


@on_host
def test_workers_keep_to_cpus_until_the_end(network: Network) -> None:
    mine = os.sched_getaffinity(0)
    last = max(mine)
    with at_work(network, document() | {"userspace": {"workers": 3}}) as engine:
        kept = [os.sched_getaffinity(thread) for thread in native_ids()]
        assert {len(cpus) for cpus in kept} == {1}
        assert len({min(cpus) for cpus in kept}) == min(3, len(mine))
        engine.reload(configuration(document() | {"userspace": {"workers": 3, "cpus": [last]}}))
        assert [os.sched_getaffinity(thread) for thread in native_ids()] == [{last}] * 3
    assert os.sched_getaffinity(0) == mine
    with at_work(network, document()):
        assert os.sched_getaffinity(0) == mine, "one worker runs where it is put"
    assert network.lines == []


def native_ids() -> list[int]:
    """Return this thread, and those of the workers."""
    others = [thread.native_id for thread in threading.enumerate() if thread.name.startswith("worker")]
    return [threading.get_native_id(), *(number for number in others if number is not None)]


@on_host
def test_what_cannot_be_as_the_file_says_is_told(network: Network) -> None:
    nowhere = next(number for number in range(255, 0, -1) if number not in os.sched_getaffinity(0))
    said = document() | {"userspace": {"workers": 2, "cpus": [nowhere]}}
    with at_work(network, said) as engine:
        engine.reload(configuration(document() | {"userspace": {"workers": 3}}))
    assert network.lines == [
        *(f"worker {number}: not kept to CPU {nowhere}: Invalid argument" for number in range(2)),
        "userspace: 2 workers until the next start, not 3",
    ]


@on_host
def test_how_many_workers_the_caller_says_goes_before_the_file(network: Network) -> None:
    before = network.traces()
    with Userspace(configuration(document() | TWO), network.lines.append, workers=3) as engine:
        assert len(engine._crew.workers) == 3
        settle(engine)
        with network.talkers() as talk, network.recorders() as (_, sent):
            talk.guest_sends(range(10))
            until(engine, lambda: numbers_in(sent) == list(range(10)))
    assert (network.traces(), network.lines) == (before, [])
