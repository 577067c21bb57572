"""Packets and rules: what is drawn from a seed, and that it is what it says."""

import numpy as np
import pytest
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

from benchmarks import traffic
from benchmarks.traffic import SIZES, of_one_source, rules
from mirrorplane.model import read


@pytest.mark.parametrize("mix", SIZES)
def test_frames_are_of_the_sizes_of_their_mix(mix: str) -> None:
    made = traffic.traffic(mix, 24, of_one_source(rules(10)))
    assert made.lengths.tolist() == np.resize(SIZES[mix], 24).tolist()
    assert [len(frame) for frame in made.frames(24)] == made.lengths.tolist()


def test_checksums_are_right() -> None:
    for frame in traffic.traffic("IMIX", 50, of_one_source(rules(10))).frames(50):
        packet = Ether(frame)
        before = packet[IP].chksum, getattr(packet[IP].payload, "chksum", 0)
        del packet[IP].chksum
        if before[1]:
            del packet[IP].payload.chksum
        again = Ether(bytes(packet))
        assert (again[IP].chksum, again[IP].payload.chksum if before[1] else 0) == before


def test_more_than_distinct_frames_are_repeated_in_memory_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(traffic, "DISTINCT", 12)
    made = traffic.traffic("IMIX", 30, [(source, rule) for source in range(3) for rule in rules(10)])
    frames = made.frames(30)
    assert frames[:12] == frames[12:24]
    assert frames[24:] == frames[:6]
    assert made.sources.tolist() == np.resize(made.sources[:12], 30).tolist()
    ends = made.offsets + made.lengths
    assert (made.offsets[1:] == ends[:-1]).all()
    assert ends[-1] <= made.data.size


def test_each_source_has_an_address_of_its_own() -> None:
    numbers = (0, 1, 255, 256, 999)
    sessions = [traffic.Session(number, 0) for number in numbers]
    interfaces = read(traffic.configuration([rules(10)], 128, sessions), "test").interfaces
    assert len({interfaces[traffic.source_name(number)].addresses for number in numbers}) == len(numbers)
    assert len({traffic.mac(number) for number in numbers}) == len(numbers)


def test_one_rule_in_ten_is_a_drop_and_the_first_is_none() -> None:
    assert [rule.accept for rule in rules(10)] == [True] * 9 + [False]
    assert rules(4096)[:10] == rules(4096, drops=True)[:10]
    assert len(set(rules(4096))) > 4000
