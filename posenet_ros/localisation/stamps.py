"""The order of images by their stamps, and what stamps say of the clocks."""

from __future__ import annotations

from enum import Enum, unique

NS_PER_S = 1_000_000_000
MAX_LATE_NS = NS_PER_S  # an older image is of a bag that begins again, or of another clock
MAX_AHEAD_S = 1.0  # of a stamp before the node's clock
MAX_BEHIND_S = 60.0  # of a stamp behind it, which no network of a robot delays so long
EPOCH_S = 1e9  # a clock below (2001) counts from its own start: a simulation, or a robot's uptime


@unique
class StampOrder(Enum):
    """What a stamp is to the last one; the value is the word for people."""

    NEWER = 'newer'
    STALE = 'stale'
    RESTARTED = 'restarted'


def order_of(stamp_ns: int, last_stamp_ns: int | None) -> StampOrder:
    """
    Compare the stamp of an image with the last one: the rule of gate, evaluator and node.

    An image that is up to one second older, or as old, came late: it is stale and changes
    nothing. Further back, time began anew, as when a bag is looped.

    :param last_stamp_ns: nanoseconds; None before the first image.
    """
    if last_stamp_ns is None or stamp_ns > last_stamp_ns:
        return StampOrder.NEWER
    late_ns = last_stamp_ns - stamp_ns
    return StampOrder.STALE if late_ns <= MAX_LATE_NS else StampOrder.RESTARTED


def clock_advice(stamp_ns: int, now_ns: int, max_ahead_s: float = MAX_AHEAD_S) -> str:
    """
    Say in one line what is wrong with the clocks, and what to do.

    :param stamp_ns: of an image, nanoseconds.
    :param now_ns: the node's clock when the image arrived.
    :returns: empty where stamp and clock fit together.
    """
    stamp_s, now_s = stamp_ns / NS_PER_S, now_ns / NS_PER_S
    ahead_s = stamp_s - now_s
    if -MAX_BEHIND_S <= ahead_s <= max_ahead_s:
        return ''
    if not now_ns:
        return ("the node's clock stands at 0: use_sim_time is true and nothing publishes /clock "
                '(play a bag with --clock, or set use_sim_time to false)')
    if stamp_s < EPOCH_S <= now_s:
        return (f"images are stamped {stamp_s:.1f} s since 0, the node's clock counts since 1970: "
                'use_sim_time? Set it to true for a simulation or a bag played with --clock')
    if now_s < EPOCH_S <= stamp_s:
        return (f"images are stamped since 1970, the node's clock stands at {now_s:.1f} s: "
                'use_sim_time? Set it to false, or stamp the images by /clock')
    if ahead_s > 0:
        return (f"images are stamped {_duration(ahead_s)} ahead of the node's clock: "
                "use_sim_time? Else set the clocks of the camera's and this machine by NTP")
    return (f"images are stamped {_duration(-ahead_s)} behind the node's clock: use_sim_time? "
            'Play a bag with --clock, or set the clocks by NTP')


def _duration(seconds: float) -> str:
    """Return a duration as people say it."""
    for unit, length_s in (('days', 86400.0), ('h', 3600.0), ('min', 60.0)):
        if seconds >= 2 * length_s:
            return f'{seconds / length_s:.1f} {unit}'
    return f'{seconds:.1f} s'
