"""What is shown in RViz and Foxglove: messages, and the files that show them."""

from __future__ import annotations

import json
from pathlib import Path
import sys
from typing import Any

from display_files import FOXGLOVE, foxglove_panels, OWN, points_of, RVIZ, rviz_displays
from geometry_msgs.msg import Point
from helpers import ROOT
import numpy as np
from posenet_ros.ros_node.publishing import debug_image
from posenet_ros.ros_node.publishing.matches import match_markers
from posenet_ros.ros_node.publishing.place import point_cloud
import pytest
from std_msgs.msg import Header


def test_a_large_map_is_thinned_evenly() -> None:
    points = np.arange(3 * 1000, dtype=np.float64).reshape(1000, 3)
    thinned = points_of(point_cloud(points, Header(), limit=100))
    assert len(thinned) == 100
    assert thinned[0].tolist() == points[0].tolist()
    assert thinned[-1].tolist() == points[-1].tolist()
    assert np.diff(thinned[:, 0]).max() <= 33
    np.testing.assert_array_equal(points_of(point_cloud(points, Header(), limit=1000)), points)


def test_markers_suit_a_desk_and_a_street() -> None:
    sizes = [match_markers(Header(), np.zeros(3), np.full((5, 3), distance)).markers[1].scale.x
             for distance in (1.0, 20.0)]
    assert sizes[1] == pytest.approx(20 * sizes[0])
    one = match_markers(Header(), np.array([1.0, 2.0, 3.0]), np.ones((1, 3)))
    assert one.markers[0].points == [Point(x=1.0, y=2.0, z=3.0), Point(x=1.0, y=1.0, z=1.0)]


BRIDGE = """
import numpy as np
from sensor_msgs.msg import Image

class CvBridge:
    def cv2_to_imgmsg(self, image, encoding='passthrough'):
        {body}
"""
GOOD_BODY = ('return Image(height=image.shape[0], width=image.shape[1], encoding=encoding, '
             'step=3 * image.shape[1], data=image.tobytes())')


@pytest.mark.parametrize(('body', 'works'), [
    (GOOD_BODY, True), ("raise SystemError('built for another NumPy')", False),
    ("return Image(height=1, width=1, encoding='bgr8', step=3, data=[0, 0, 0])", False),
    (None, False)])
def test_cv_bridge_makes_the_message_where_it_works(
        body: str | None, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if body is None:
        monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    else:
        (tmp_path / 'cv_bridge.py').write_text(BRIDGE.format(body=body))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
    debug_image.working_cv_bridge.cache_clear()
    try:
        assert (debug_image.working_cv_bridge() is not None) is works
        image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
        message = debug_image.image_message(image, Header(frame_id='lens'))
        assert (message.encoding, message.step, message.header.frame_id) == ('rgb8', 9, 'lens')
        assert bytes(message.data) == image.tobytes()
    finally:
        debug_image.working_cv_bridge.cache_clear()
        sys.modules.pop('cv_bridge', None)


def test_the_layout_of_foxglove_has_each_panel_once() -> None:
    panels, layout = foxglove_panels(), json.loads(FOXGLOVE.read_text())

    def leaves(node: str | dict[str, Any]) -> list[str]:
        if isinstance(node, str):
            return [node]
        assert node['direction'] in ('row', 'column')
        assert 0 < node['splitPercentage'] < 100
        return leaves(node['first']) + leaves(node['second'])

    assert set(layout) == {
        'configById', 'globalVariables', 'userNodes', 'playbackConfig', 'layout'}
    assert sorted(leaves(layout['layout'])) == sorted(panels)
    assert {name.partition('!')[0] for name in panels} == {
        '3D', 'Image', 'Plot', 'DiagnosticSummary', 'RawMessages'}
    shown = panels['3D!landmarks']['topics']
    assert all(topic['visible'] for topic in shown.values())
    assert set(shown) == set(rviz_displays()) - {f'{OWN}debug_image'}
    assert panels['Image!debug']['imageMode']['imageTopic'] == f'{OWN}debug_image'


def test_both_files_are_installed() -> None:
    setup = (ROOT / 'setup.py').read_text()
    for file in (RVIZ, FOXGLOVE):
        assert f"glob('config/*{file.suffix}')" in setup


def test_the_debug_image_is_large_enough_to_read_and_small_enough_to_send() -> None:
    assert debug_image.fit_width(np.zeros((48, 64, 3), np.uint8)).shape == (240, 320, 3)
    assert debug_image.fit_width(np.zeros((2160, 3840, 3), np.uint8)).shape == (360, 640, 3)
    assert debug_image.fit_width(np.zeros((300, 500, 3), np.uint8)).shape == (300, 500, 3)
