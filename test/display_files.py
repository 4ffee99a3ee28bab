"""The files for RViz and Foxglove, and a point cloud, as the tests read them."""

from __future__ import annotations

import json
import re
from typing import Any

from helpers import ROOT
import numpy as np
from sensor_msgs.msg import PointCloud2
import yaml

RVIZ, FOXGLOVE = (ROOT / 'config' / name for name in ('relocalise.rviz', 'foxglove_layout.json'))
OWN = '/relocaliser/'
TYPES = {'PointCloud2': 'sensor_msgs/msg/PointCloud2', 'PoseArray': 'geometry_msgs/msg/PoseArray',
         'MarkerArray': 'visualization_msgs/msg/MarkerArray', 'Path': 'nav_msgs/msg/Path',
         'PoseWithCovariance': 'geometry_msgs/msg/PoseWithCovarianceStamped',
         'Image': 'sensor_msgs/msg/Image'}


def rviz_displays() -> dict[str, dict[str, Any]]:
    """Return the displays of the RViz file by their topic."""
    displays = yaml.safe_load(RVIZ.read_text())['Visualization Manager']['Displays']
    return {'/' + display['Topic']['Value']: display for display in displays
            if 'Topic' in display}


def foxglove_panels() -> dict[str, Any]:
    """Return the panels of the layout by their name."""
    return dict(json.loads(FOXGLOVE.read_text())['configById'])


def foxglove_topics() -> set[str]:
    """Return every topic that the layout names: as a key, or at the start of a message path."""
    return set(re.findall(r'"(/(?:relocaliser/\w+|diagnostics))\b', FOXGLOVE.read_text()))


def points_of(cloud: PointCloud2) -> np.ndarray:
    """Return the points (N, 3) of a cloud of x y z."""
    assert [(field.name, field.offset, field.datatype) for field in cloud.fields] == [
        ('x', 0, 7), ('y', 4, 7), ('z', 8, 7)]
    assert (cloud.height, cloud.row_step) == (1, cloud.point_step * cloud.width)
    return np.frombuffer(bytes(cloud.data), '<f4').reshape(cloud.width, 3)
