"""Replays: a nonce is good once, as long as it would be fresh, and whatever else is sent meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.replay import SKEW, Nonces, is_fresh

NOW = 1_000_000.0


def test_fresh_is_within_a_quarter_of_an_hour_either_way() -> None:
    assert [is_fresh(NOW + off, NOW) for off in (-SKEW - 1, -SKEW, 0, SKEW, SKEW + 1)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_nonce_is_good_once_for_each_key() -> None:
    nonces = Nonces()
    assert nonces.use("AK1", "n", NOW, NOW)
    assert not nonces.use("AK1", "n", NOW, NOW)
    assert nonces.use("AK2", "n", NOW, NOW)


def test_what_was_signed_ahead_of_time_is_remembered_until_it_is_stale() -> None:
    nonces = Nonces()
    signed = NOW + SKEW
    assert nonces.use("AK1", "n", signed, NOW)
    assert not nonces.use("AK1", "n", signed, NOW + 2 * SKEW)


def test_forgetting_lets_no_replay_in() -> None:
    nonces = Nonces(limit=2)
    for number in range(3):
        assert nonces.use("AK1", str(number), NOW + number, NOW)
    assert not nonces.use("AK1", "0", NOW, NOW), "it was the one that was forgotten"
    assert not nonces.use("AK1", "new", NOW, NOW)
    assert nonces.use("AK1", "new", NOW + 3, NOW)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(-SKEW, SKEW), st.integers(0, 400)), max_size=60))
def test_no_fresh_request_is_taken_twice(requests: list[tuple[int, int, int]]) -> None:
    nonces, now = Nonces(limit=5), NOW
    taken: set[tuple[int, float]] = set()
    for nonce, offset, pause in requests:
        now += pause
        signed = now + offset
        for again in [*taken, (nonce, signed)]:
            if is_fresh(again[1], now) and nonces.use("AK1", str(again), again[1], now):
                assert again not in taken
                taken.add(again)


def test_a_restart_forgets() -> None:
    assert Nonces().use("key", "nonce", 100.0, 100.0)
    assert Nonces().use("key", "nonce", 100.0, 100.0)
