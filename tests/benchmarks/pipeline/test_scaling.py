"""The traffic of each shape really hits all that is configured, and all of it is accepted."""

from collections import Counter

import pytest

from benchmarks.pipeline.memory import Packed, mirror
from benchmarks.pipeline.scaling import PACKET_LENGTH, SHAPES, Setting, last_accepts, plan
from benchmarks.traffic import Session, of_one_source, rules, traffic
from mirrorplane.counters import Tally

N_PACKETS, MANY = 4000, 50


def mirrored(setting: Setting) -> list[int]:
    """Return how many packets each session mirrored."""
    made = plan(setting)
    run = mirror(made, traffic("IMIX", N_PACKETS, setting.choices), Packed())
    run.run()
    tallies = run.counters.sessions.reshape(len(setting.sessions), -1)
    return [int(count) for count in tallies[:, Tally.MIRRORED_PACKETS]]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_packet_is_mirrored_by_the_session_that_it_was_drawn_for(shape: str) -> None:
    setting = SHAPES[shape](MANY)
    counts = mirrored(setting)
    assert len(counts) == MANY
    assert sum(counts) == N_PACKETS
    if SHAPES[shape] is last_accepts:
        assert counts[-1] == N_PACKETS
    else:
        assert min(counts) > N_PACKETS / MANY / 3


def test_each_session_has_a_network_of_its_own() -> None:
    for make in SHAPES.values():
        routes = plan(make(MANY)).routes
        assert len({route.vni for route in routes}) == MANY
        assert {route.packet_length for route in routes} == {PACKET_LENGTH}


def test_every_rule_is_hit_and_none_is_a_drop() -> None:
    by = rules(64, drops=False)
    assert all(rule.accept for rule in by)
    assert mirrored(Setting([by], [Session(0, 0)], of_one_source(by))) == [N_PACKETS]
    assert Counter(rule.accept for rule in rules(100)) == {True: 90, False: 10}
