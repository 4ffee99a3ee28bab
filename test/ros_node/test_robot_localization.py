"""The example for robot_localization: names that ekf_node knows, and ours as they are."""

from __future__ import annotations

import re

from helpers import ROOT
import numpy as np
from posenet_ros.ros_node.parameters import Parameters
import yaml

FILE = ROOT / 'config' / 'robot_localization_ekf.yaml'
# declare_parameter in robot_localization's src/ros_filter.cpp (branch ros2, 2026)
KNOWN = {
    'frequency', 'two_d_mode', 'publish_tf', 'map_frame', 'odom_frame', 'base_link_frame',
    'world_frame', 'transform_time_offset', 'transform_timeout', 'smooth_lagged_data',
    'history_length', 'sensor_timeout', 'print_diagnostics', 'reset_on_time_jump',
    'initial_estimate_covariance', 'process_noise_covariance'}
OF_INPUTS = {
    'odom': {'', '_config', '_queue_size', '_differential', '_relative', '_pose_use_child_frame',
             '_pose_rejection_threshold', '_twist_rejection_threshold'},
    'pose': {'', '_config', '_queue_size', '_differential', '_relative', '_rejection_threshold'}}
STATE = 15  # x y z, roll pitch yaw, and their first and second derivatives


def settings() -> dict[str, object]:
    """Return the parameters of the only node in the file."""
    (node,) = yaml.safe_load(FILE.read_text()).values()
    return node['ros__parameters']


def test_every_name_is_one_of_ekf_nodes() -> None:
    for name in settings():
        found = re.fullmatch(r'(odom|pose)\d(.*)', name)
        assert found[2] in OF_INPUTS[found[1]] if found else name in KNOWN, name


def test_frames_and_topic_are_our_defaults() -> None:
    values, ours = settings(), Parameters()
    assert values['map_frame'] == values['world_frame'] == ours.map_frame
    assert (values['base_link_frame'], values['odom_frame']) == (ours.base_frame, ours.odom_frame)
    source = (ROOT / 'posenet_ros' / 'ros_node' / 'publishing' / 'publishers.py').read_text()
    topic = str(values['pose0'])
    assert topic.startswith('relocaliser/')  # the node's name
    assert f"PoseWithCovarianceStamped, '~/{topic.split('/')[1]}'" in source


def test_what_is_fused_has_the_size_of_the_state_and_leaves_nothing_adrift() -> None:
    values = settings()
    for name in ('odom0_config', 'pose0_config', 'initial_estimate_covariance',
                 'process_noise_covariance'):
        assert len(values[name]) == STATE, name
    pose, odom = (np.array(values[f'{name}_config']) for name in ('pose0', 'odom0'))
    assert pose[:6].all()
    assert not pose[6:].any()  # a pose message has no velocity
    assert not odom[:6].any()  # whose position drifts
    assert np.min(values['initial_estimate_covariance']) > 0


def test_the_file_is_installed_and_the_guide_says_how_to_use_it() -> None:
    assert "glob('config/*.yaml')" in (ROOT / 'setup.py').read_text()
    guide = (ROOT / 'doc' / 'guides' / 'kalman_filter.md').read_text()
    for words in (FILE.name, 'tf_mode:=none', 'publish_base_pose', 'ekf_node'):
        assert words in guide, words
