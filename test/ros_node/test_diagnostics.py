"""What the diagnostics say."""

from __future__ import annotations

from posenet_ros.ros_node.diagnostics import Diagnostics, Level, WINDOW
import pytest


def test_counts_and_rates() -> None:
    diagnostics = Diagnostics({'model': 'm'})
    diagnostics.report('active', 10.0)
    for _ in range(30):
        diagnostics.count('received')
    for _ in range(20):
        diagnostics.count('answered')
    diagnostics.count('time jumps back')
    for _ in range(20):
        diagnostics.count_verdict('accepted')
    status = diagnostics.report('active', 12.0)
    assert (status.level, status.message) == (Level.OK, 'active')
    expected = {'state': 'active', 'model': 'm', 'images received': '30', 'images answered': '20',
                'images bad': '0', 'time jumps back': '1', 'verdict accepted': '20',
                'rate received (Hz)': '15.0', 'rate answered (Hz)': '10.0'}
    assert expected.items() <= status.values.items()


def test_latencies_are_those_of_the_last_while() -> None:
    diagnostics = Diagnostics()
    for _ in range(WINDOW):
        diagnostics.add_latency('infer', 5.0)
    for i in range(WINDOW):
        diagnostics.add_latency('infer', 0.001 * (i % 100 + 1))
    values = diagnostics.report('active', 0.0).values
    assert float(values['latency infer p50 (ms)']) == pytest.approx(50, abs=1)
    assert float(values['latency infer p95 (ms)']) == pytest.approx(95, abs=1)


def test_a_warning_is_shown_once_and_an_error_until_it_is_mended() -> None:
    diagnostics = Diagnostics()
    diagnostics.warn('bad image', 'expected, received')
    status = diagnostics.report('active', 0.0)
    assert (status.level, status.message) == (Level.WARN, 'expected, received')
    assert status.values['bad image'] == 'expected, received'
    assert diagnostics.report('active', 1.0).level is Level.OK
    diagnostics.error = 'the network failed'
    for now_s in (2.0, 3.0):
        assert diagnostics.report('inactive', now_s).level is Level.ERROR
