"""The limit copies what the pipeline mirrors, from where it lies to where it goes."""

import numpy as np
import pytest

from benchmarks.pipeline.limits import limits, move_block, move_each
from benchmarks.pipeline.memory import BUFFER, Noted, Packed, enough, mirror
from benchmarks.traffic import configuration, of_one_source, rules, traffic
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan

ENVELOPE = 50
RULES = rules(10)


def plan(packet_length: int) -> Plan:
    return compile_plan(read(configuration([RULES], packet_length), "test"))


@pytest.mark.parametrize("packet_length", [64, 128, 1500])
def test_the_loop_writes_the_bytes_that_the_pipeline_keeps(packet_length: int) -> None:
    packets = traffic("IMIX", 1000, of_one_source(RULES))  # one batch, so that nothing is written over
    noted, sink = Noted(), Packed()
    mirror(plan(packet_length), packets, noted).run()
    run = mirror(plan(packet_length), packets, sink)
    run.run()
    starts, lengths, places = noted.notes()
    assert 0 < lengths.size < 1000
    target = np.zeros(BUFFER, np.uint8)
    move_each(packets.data, starts, lengths, places, target)
    for place, length in zip(places.tolist(), lengths.tolist(), strict=True):
        sent = sink.data[place - ENVELOPE : place + length]
        assert sent[:6].any()
        assert (target[place : place + length] == sent[ENVELOPE:]).all()
        assert not target[place - ENVELOPE : place].any()
    assert limits(plan(packet_length), packets).n_bytes == int(lengths.sum())


def test_the_block_is_as_many_bytes_as_there_is_room_for() -> None:
    source, target = np.arange(100, dtype=np.uint8), np.zeros(60, np.uint8)
    move_block(source, target)
    assert (target == source[:60]).all()


def test_there_are_more_frames_than_the_caches_hold() -> None:
    assert enough(10, 100.0) * 100 >= 32 << 20
    assert enough(1 << 40, 100.0) == 1 << 40
