"""The benchmark of a node accounts for each image; its figures are those of the machine."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
from helpers import scene
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.training.bench.__main__ import main
from posenet_ros.training.bench.parts.images import image_files, read_images
from posenet_ros.training.bench.parts.node_watch import ends_of, localised_between
from posenet_ros.training.bench.tables import node_rows
import pytest

DOMAIN = '132'


def write_images(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in reversed(range(count)):
        cv2.imwrite(str(folder / f'{i}.png'), scene(i, (96, 72)))
    return folder


def test_every_image_is_answered_or_counted_by_name(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('rclpy')
    from ros_helpers import write_mean_colour_model
    monkeypatch.setenv('ROS_DOMAIN_ID', DOMAIN)
    model = write_mean_colour_model(tmp_path / 'model')
    images = write_images(tmp_path / 'images', 3)
    assert main(['node', '--model', str(model), '--images', str(images), '--size', '64x48',
                 '--seconds', '2', '--rate', '20', '--out', str(tmp_path / 'node.json')]) == 0
    found = json.loads((tmp_path / 'node.json').read_text())
    assert found['sent'] >= 35  # a second each, and one that comes slowly
    assert sum(found['ends'].values()) == found['sent']
    assert found['poses'] == found['ends']['answered'] > 0
    assert 0 < found['transport_received'] <= found['sent']
    assert set(found['stages_cpu_ms']) == {'decode', 'prepare', 'infer'}
    assert found['localised'] * sum(found['stages_cpu_ms'].values()) + (
        found['received'] * found['rest_cpu_ms']) == pytest.approx(1e3 * found['cpu_s'])
    assert min(found['ready_s'].values()) > 0
    rows = dict(node_rows(found)[1:])
    assert rows['images sent'] == rows['sum of these'] == str(found['sent'])
    assert float(rows['memory, without DDS, MB']) >= float(rows['memory, own, MB']) > 10


def test_what_became_of_images_is_told_between_two_reports() -> None:
    before = {'images answered': '5', 'images rejected': '1', 'verdict jump': '1',
              'verdict accepted': '5', 'images': 'on /image'}
    after = {'images answered': '8', 'images rejected': '4', 'verdict jump': '2',
             'verdict stale': '2', 'verdict accepted': '8', 'images dropped': '1',
             'images lost': '3', 'images received': '40', 'images': 'on /image'}
    assert ends_of(before, after) == {
        'answered': 3, 'bad': 0, 'dropped': 1, 'failed': 0, 'lost': 3, 'rejected as jump': 1,
        'rejected as stale': 2}
    ends = ends_of(before, after)
    assert localised_between(before, {**after, 'tracking': 'off'}, ends) == 6
    tracking = {**after, 'tracking': 'on', 'tracked': '30'}
    assert localised_between(before, tracking, ends) == 0
    assert localised_between(
        {**before, 'localised': '2'}, {**tracking, 'localised': '9'}, ends) == 7


def test_images_are_read_in_the_order_of_their_names_at_the_size(tmp_path: Path) -> None:
    folder = write_images(tmp_path / 'images', 9)
    (folder / 'poses.txt').write_text('none')
    assert [file.name for file in image_files(tmp_path)] == [
        f'{i}.png' for i in range(9)]
    first, second = read_images(folder, (32, 24))[:2]
    assert first.shape == second.shape == (24, 32, 3)
    assert np.abs(first.astype(int) - second).mean() > 5


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='folder with images'):
        image_files(tmp_path)
    with pytest.raises(InputError, match='--images FOLDER'):
        main(['node', '--model', str(tmp_path)])
