"""Misspelt names: the nearest known one is suggested, and nothing where none is near."""

from __future__ import annotations

from posenet_ros.utils.suggestions import did_you_mean


def test_the_nearest_word_is_suggested() -> None:
    assert did_you_mean('epoch', ['batch', 'epochs', 'ema']) == '; did you mean epochs?'


def test_nothing_is_suggested_where_no_word_is_near() -> None:
    assert did_you_mean('speed', ['batch', 'epochs']) == ''
