"""Why no image or no pose comes: each reason from what the graph shows, without DDS."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from posenet_ros.ros_node.images.no_image import several_publishers, Silence, why_no_image
from posenet_ros.ros_node.images.no_pose import why_no_pose, WITHHELD_S, WithheldPoses
from posenet_ros.ros_node.images.topics import choose_transport, ImageTopic, Publisher, TYPES
import pytest

CAMERA = Publisher('/camera', TYPES['raw'])
JPEGS = Publisher('/camera', TYPES['compressed'])
RAW = ImageTopic('/image', 'raw', (CAMERA,))
NO_RAW, NO_JPEGS = ImageTopic('/image', 'raw'), ImageTopic('/image/compressed', 'compressed')
COMPRESSED = replace(NO_JPEGS, publishers=(JPEGS,))
SEEN = Silence(RAW, NO_JPEGS)
LOSSY = replace(RAW, publishers=(replace(CAMERA, reliable=False),))
LARGE = 1920 * 1080 * 3


@pytest.mark.parametrize(('seen', 'parts'), [
    (replace(SEEN, wanted=NO_RAW), ['no publisher', 'remap image']),
    (replace(SEEN, wanted=NO_RAW, elsewhere=('/a', '/b')), ['no publisher', 'on /a, /b.']),
    (Silence(NO_RAW, COMPRESSED), ['only /image/compressed', 'image_transport', 'compressed']),
    (Silence(NO_JPEGS, RAW), ['only /image has', 'image_transport to auto or raw']),
    (replace(SEEN, wanted=replace(RAW, publishers=(Publisher('/a', 'std_msgs/msg/String'),))),
     ['std_msgs/msg/String', 'remap image to a topic of images']),
    (replace(SEEN, wanted=replace(RAW, publishers=(JPEGS,))), ['CompressedImage', 'to auto']),
    (replace(SEEN, wanted=LOSSY, reliable=True), ['QoS', 'image_reliability to auto']),
    (replace(SEEN, latched=True), ['QoS', 'image_durability to volatile']),
    (replace(SEEN, image_bytes=LARGE), ['5.9 MiB', 'fastdds_large_images.xml']),
    (replace(SEEN, image_bytes=640 * 240 * 3), ['1 publisher (/camera)', 'paused']),
    (replace(SEEN, wanted=COMPRESSED, other=NO_RAW, image_bytes=LARGE), ['1 publisher', 'paused']),
    (replace(SEEN, reliable=True), ['1 publisher', 'paused']),
    (replace(SEEN, wanted=LOSSY), ['1 publisher', 'paused']),
    (Silence(RAW, COMPRESSED), ['1 publisher', 'paused']),
    (SEEN, ['1 publisher', '512 KiB'])])
def test_the_reason_is_named_with_what_to_do(seen: Silence, parts: list[str]) -> None:
    reason = why_no_image(seen)
    for part in parts:
        assert part in reason


def test_several_publishers_are_named() -> None:
    assert several_publishers(RAW) == ''
    assert several_publishers(replace(RAW, publishers=(CAMERA, replace(JPEGS, node='/b')))) == ''
    two = replace(RAW, publishers=(replace(CAMERA, node='/b'), CAMERA))
    assert several_publishers(two).startswith('2 publishers of /image (/b, /camera)')


@pytest.mark.parametrize(('current', 'raw', 'compressed', 'chosen'), [
    (RAW, RAW, NO_JPEGS, 'raw'), (RAW, NO_RAW, COMPRESSED, 'compressed'),
    (COMPRESSED, RAW, COMPRESSED, 'raw'), (RAW, NO_RAW, NO_JPEGS, 'raw'),
    (NO_JPEGS, NO_RAW, NO_JPEGS, 'compressed'),
    (RAW, replace(RAW, publishers=(JPEGS,)), COMPRESSED, 'compressed')])
def test_the_transport_that_has_a_publisher_is_chosen(
        current: ImageTopic, raw: ImageTopic, compressed: ImageTopic, chosen: str) -> None:
    assert choose_transport(current, raw, compressed) == chosen


@pytest.mark.parametrize(('verdicts', 'said'), [
    ({'out_of_place': 40}, 'unlike the place'), ({'camera_differs': 3}, "unlike the map's"),
    ({'out_of_place': 40, 'jump': 1}, ''), ({'dark': 40}, ''), ({}, '')])
def test_a_reason_of_all_images_is_one_of_the_place_or_the_camera(
        verdicts: dict[str, int], said: str) -> None:
    reason = why_no_pose(verdicts, 12.3)
    assert said in reason
    assert bool(said) == bool(reason)
    if reason:
        count = sum(verdicts.values())
        assert f'{count} of {count} poses in 12 s' in reason


def test_poses_are_missed_only_after_some_time_without_an_accepted_one() -> None:
    verdicts: Counter[str] = Counter(accepted=9)
    withheld = WithheldPoses(verdicts)
    withheld.reset(100.0)
    verdicts['out_of_place'] += 20
    assert withheld.examine(99.9 + WITHHELD_S) == ''
    assert '20 of 20 poses' in withheld.examine(100.0 + WITHHELD_S)
    verdicts['accepted'] += 1
    assert withheld.examine(106.0) == ''
    verdicts['out_of_place'] += 1
    assert withheld.examine(105.9 + WITHHELD_S) == ''
    assert '1 of 1 poses' in withheld.examine(106.0 + WITHHELD_S)
    verdicts.clear()  # ~/reset
    assert withheld.examine(120.0) == ''
