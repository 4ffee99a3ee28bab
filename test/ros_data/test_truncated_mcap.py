"""Bags that were cut off: what is whole is read, and what is lost is told."""

from __future__ import annotations

import json
from pathlib import Path
import shutil

import numpy as np
from posenet_ros import evaluate
from posenet_ros.errors import InputError
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.bag_writer import image_message, new_bag, pose_message
from posenet_ros.ros_data.files.truncated_mcap import (
    complete_length,
    FOOTER,
    MAGIC,
    TruncatedMcapPath,
)
import pytest

COUNT, STEP_NS = 40, 10**8


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag of 40 noisy images, a few megabytes in several chunks."""
    path = tmp_path_factory.mktemp('bags') / 'bag'
    rng = np.random.default_rng(0)
    with new_bag(path) as bag:
        for i in range(COUNT):
            time_ns = (i + 1) * STEP_NS
            image = rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)
            bag.write('/truth', pose_message(Pose(), time_ns, 'map'), time_ns)
            bag.write('/image', image_message(Frame(image, time_ns, 'camera')), time_ns)
    return path


def cut(whole: Path, folder: Path, share: float) -> Path:
    shutil.copytree(whole, folder)
    file = folder / 'bag.mcap'
    file.write_bytes(file.read_bytes()[:int(share * file.stat().st_size)])
    return folder


@pytest.mark.parametrize('share', [0.4, 0.7, 0.999])
@pytest.mark.parametrize('single_file', [False, True])
def test_what_is_whole_is_read(
        whole: Path, tmp_path: Path, share: float, single_file: bool) -> None:
    folder = cut(whole, tmp_path / 'bag', share)
    with BagReader(folder / 'bag.mcap' if single_file else folder, recover=True) as bag:
        images = [frame.image for frame in bag.frames('/image')]
        assert 0 < len(images) < COUNT
        assert len(images) >= share * COUNT - 9  # a chunk that is cut is lost as a whole
        assert 'bytes are whole' in bag.damage
    with BagReader(whole) as bag:
        assert not bag.damage
        for ours, theirs in zip(images, bag.frames('/image'), strict=False):
            np.testing.assert_array_equal(ours, theirs.image)


def test_file_without_index_is_read_whole(whole: Path, tmp_path: Path) -> None:
    data = (whole / 'bag.mcap').read_bytes()
    footer = data[-len(FOOTER):]
    summary = int.from_bytes(footer[9:17], 'little')
    (tmp_path / 'unindexed.mcap').write_bytes(data[:summary] + FOOTER)
    with BagReader(tmp_path / 'unindexed.mcap') as bag:
        assert len(list(bag.messages('/image'))) == COUNT
        assert not bag.damage


def test_nothing_whole_is_an_error(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='damaged'):
        BagReader(cut(whole, tmp_path / 'a', 1e-5), recover=True)
    (tmp_path / 'noise.mcap').write_bytes(b'\0' * 1000)
    assert complete_length(tmp_path / 'noise.mcap') == 0
    with pytest.raises(InputError, match='damaged'):
        BagReader(tmp_path / 'noise.mcap', recover=True)


def test_spliced_file_reads_as_one(tmp_path: Path) -> None:
    file = tmp_path / 'a.mcap'
    record = b'\x05' + (3).to_bytes(8, 'little') + b'abc'
    file.write_bytes(MAGIC + record + b'\x05' + (9).to_bytes(8, 'little') + b'ab')
    with TruncatedMcapPath(file).open('rb') as spliced:
        assert spliced.read() == MAGIC + record + FOOTER
        spliced.seek(-len(FOOTER) - 3, 2)
        assert spliced.read(5) == b'abc' + FOOTER[:2]
        assert spliced.tell() == len(MAGIC + record) + 2
    loss = TruncatedMcapPath(file).describe_loss()
    assert loss == 'cut off: 20 of 31 bytes are whole, 11 are lost'


def test_recorded_answers_of_a_cut_bag_are_scored_and_the_loss_is_told(
        whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')
    bag = cut(whole, tmp_path / 'bag', 0.5)
    assert evaluate.main(['--bag', str(bag), '--estimate-topic', '/truth',
                          '--out', str(tmp_path / 'r')]) == 0
    report = json.loads((tmp_path / 'r' / 'report.json').read_text())
    assert 10 < report['frames']['total'] < COUNT
    assert 'bytes are whole' in report['data']['damage']
    assert 'only what is whole was evaluated' in capsys.readouterr().out
