"""The example for Nav2: names that its nodes know, ours as they are, and a word at each line."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from helpers import ROOT
from posenet_ros.ros_node.parameters import Parameters
import pytest
import yaml

FILE = ROOT / 'config' / 'nav2_params.yaml'
# declare_parameter in nav2_map_server/src/map_server and nav2_lifecycle_manager/src (Jazzy)
KNOWN = {
    'map_server': {'use_sim_time', 'yaml_filename', 'topic_name', 'frame_id'},
    'lifecycle_manager_localization': {
        'use_sim_time', 'node_names', 'autostart', 'bond_timeout',
        'attempt_respawn_reconnection', 'bond_respawn_max_duration', 'service_timeout'}}
TABLE = {item.name for item in fields(Parameters)}


def settings(node: str) -> dict[str, Any]:
    """Return the parameters of a node of the file."""
    return dict(yaml.safe_load(FILE.read_text())[node]['ros__parameters'])


def test_every_name_is_one_of_its_node() -> None:
    assert set(yaml.safe_load(FILE.read_text())) == {*KNOWN, 'relocaliser'}
    for node, known in KNOWN.items():
        assert set(settings(node)) <= known
    ours = settings('relocaliser')
    assert set(ours) <= TABLE | {'use_sim_time', 'planar'}
    Parameters(**{name: tuple(value) if isinstance(value, list) else value
                  for name, value in ours.items() if name in TABLE})


def test_the_manager_brings_up_the_nodes_of_the_file_without_a_bond() -> None:
    manager, ours = settings('lifecycle_manager_localization'), settings('relocaliser')
    assert manager['node_names'] == ['map_server', 'relocaliser']
    assert manager['bond_timeout'] == 0.0
    assert isinstance(manager['bond_timeout'], float)  # Nav2 takes no whole number
    assert ours['autostart'] is False  # or the manager finds it active, and gives up
    assert (ours['tf_mode'], ours['planar']) == ('map_to_odom', True)
    assert ours['map_frame'] == settings('map_server')['frame_id']
    assert len({settings(node)['use_sim_time'] for node in manager['node_names']}) == 1


@pytest.mark.parametrize('line', [
    line for line in FILE.read_text().splitlines() if line.startswith('    ')])
def test_each_line_says_what_it_is_for(line: str) -> None:
    assert '# ' in line or line.strip() == 'use_sim_time: false'


def test_the_page_says_how_to_start_it() -> None:
    page = (ROOT / 'doc' / 'tutorials' / 'nav2.md').read_text()
    for words in (f'config/{FILE.name}', 'bond_timeout: 0.0', 'autostart: false',
                  'reinitialize_global_localization', 'tf_mode: map_to_odom', 'on_request',
                  'lifecycle_manager_localization'):
        assert words in page, words
