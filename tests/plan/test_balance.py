"""A balancer's slots: even shares, and a lost backend moves its own flows only."""

import numpy as np
import pytest

from mirrorplane.plan.balance import SLOTS, spread

BACKENDS = [f"eni-sensor{n}" for n in range(10)]


def test_shares_are_even() -> None:
    shares = np.bincount(spread(BACKENDS)) / SLOTS * len(BACKENDS)
    assert shares.min() > 0.95
    assert shares.max() < 1.05


@pytest.mark.parametrize("lost", [0, 4, 9])
def test_a_lost_backend_moves_its_own_slots_and_no_others(lost: int) -> None:
    before = spread(BACKENDS)
    after = spread(BACKENDS, [index != lost for index in range(10)])
    moved = before != after
    assert (before[moved] == lost).all()
    assert moved.mean() == pytest.approx(0.1, rel=0.05)
    taken = np.bincount(after[moved], minlength=10)
    assert taken[lost] == 0
    assert np.delete(taken, lost).min() > 0.8 * moved.sum() / 9


def test_removing_one_from_the_configuration_moves_no_others_either() -> None:
    names = [*BACKENDS[:3], *BACKENDS[4:]]
    before = np.array(BACKENDS)[spread(BACKENDS)]
    after = np.array(names)[spread(names)]
    assert (before[before != after] == BACKENDS[3]).all()


def test_the_order_of_saying_does_not_matter() -> None:
    turned = BACKENDS[::-1]
    assert (np.array(turned)[spread(turned)] == np.array(BACKENDS)[spread(BACKENDS)]).all()


def test_with_none_healthy_all_are_used() -> None:
    assert (spread(BACKENDS, [False] * 10) == spread(BACKENDS)).all()
