"""The order of stamps, and what they say of the clocks."""

from __future__ import annotations

from posenet_ros.localisation.stamps import clock_advice, order_of, StampOrder
import pytest

S = 1_000_000_000
NOW = 1_764_000_000 * S


@pytest.mark.parametrize(('stamp', 'last', 'order'), [
    (5, None, StampOrder.NEWER), (6, 5, StampOrder.NEWER), (5, 5, StampOrder.STALE),
    (10 * S - 1000, 10 * S, StampOrder.STALE), (9 * S, 10 * S, StampOrder.STALE),
    (9 * S - 1, 10 * S, StampOrder.RESTARTED), (0, 10 * S, StampOrder.RESTARTED)])
def test_up_to_a_second_late_is_stale_and_more_begins_anew(
        stamp: int, last: int | None, order: StampOrder) -> None:
    assert order_of(stamp, last) is order


@pytest.mark.parametrize('ahead_s', [-59.0, -0.05, 0.0, 0.9])
def test_clocks_that_fit_need_no_advice(ahead_s: float) -> None:
    assert clock_advice(NOW + round(ahead_s * S), NOW) == ''


@pytest.mark.parametrize(('stamp', 'now', 'expected'), [
    (NOW, 0, 'clock stands at 0: use_sim_time is true and nothing publishes /clock'),
    (12 * S, NOW, "stamped 12.0 s since 0, the node's clock counts since 1970: use_sim_time?"),
    (NOW, 12 * S, "since 1970, the node's clock stands at 12.0 s: use_sim_time?"),
    (NOW + 3600 * S, NOW, "stamped 60.0 min ahead of the node's clock: use_sim_time?"),
    (NOW + 2 * S, NOW, 'stamped 2.0 s ahead'), (NOW - 7200 * S, NOW, 'stamped 2.0 h behind'),
    (NOW - 20 * 86400 * S, NOW, '20.0 days behind'), (900 * S, 12 * S, '14.8 min ahead')])
def test_another_clock_is_named(stamp: int, now: int, expected: str) -> None:
    advice = clock_advice(stamp, now)
    assert expected in advice
    assert '\n' not in advice


def test_the_limit_ahead_is_the_callers() -> None:
    assert clock_advice(NOW + S // 2, NOW, 0.2)
