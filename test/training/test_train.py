"""Training end to end on a tiny data set: model folder, resume, NaN, bad input."""

from __future__ import annotations

from pathlib import Path
import shlex
import shutil
import signal
import subprocess
import sys
import time

from helpers import ROOT
import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.evaluation.metrics.pose_errors import translation_errors_m
from posenet_ros.imaging.files import read_image
from posenet_ros.imaging.preprocess import Preprocess
from posenet_ros.inference.artifact import INT8_FILE, load
from posenet_ros.inference.engine import load_engine
from posenet_ros.training import train
from posenet_ros.training.data.augment import Augmentation, Augmenter
from posenet_ros.training.data.batches import Batches
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.data.images import load_images
from posenet_ros.training.export.quantisation import may_be_faster
from posenet_ros.training.fitting.callbacks import StartEpoch
from posenet_ros.training.fitting.network_setup import make_network, network_config
from posenet_ros.training.fitting.presets import load_preset
from posenet_ros.training.pipelines import training_run
from posenet_ros.utils.arguments import run_cli
import pytest
from training_helpers import (
    CAMERA,
    read_log,
    train_arguments,
    use_tiny_backbone,
    write_wall_dataset,
)

TINY = ('weights=none', 'input_width=48', 'input_height=36', 'pooling=spatial', 'head_width=64',
        'epochs=3', 'batch=8', 'yaw_deg=3', 'colour=0.2', 'dropout=0.2', 'ema=0.5',
        'validation=0.3', 'sigma_versions=0')


@pytest.fixture(scope='module')
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('data') / 'court'
    write_wall_dataset(folder)
    return folder


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train a tiny network."""
    use_tiny_backbone(monkeypatch.setattr)


def arguments(court: Path, out: Path, *settings: str, more: tuple[str, ...] = ()) -> list[str]:
    return train_arguments(court, out, (*TINY, *settings), more)


def log(out: Path) -> list[dict[str, str]]:
    return read_log(out / 'log.csv')


@pytest.fixture(scope='module')
def trained(court: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train once with everything switched on."""
    out = tmp_path_factory.mktemp('models') / 'model'
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_backbone(patch.setattr)
        patch.setattr(training_run, 'may_be_faster', may_be_faster)
        assert train.main(arguments(court, out, 'sigma_versions=1')) == 0
    return out


def test_a_model_folder_is_written_and_answers(trained: Path, court: Path) -> None:
    artifact = load(trained)
    assert artifact.camera == CAMERA
    assert len(artifact.train.names) == 36
    assert artifact.train.descriptors.shape == (36, 3)
    assert artifact.provenance['dataset_sha256'] == read_dataset(court, 'train').digest()
    assert artifact.provenance['preset']['epochs'] == 3
    assert artifact.provenance['validation']['images'] == 12
    [change] = artifact.history.changelog
    assert change.command.startswith('posenet train --preset')
    assert f'--data {court.name} ' in change.command
    assert str(court.parent) not in change.command
    assert (change.walks, change.parent) == (('seq1', 'seq2', 'seq3'), '')
    assert set(artifact.provenance['versions']) >= {'keras', 'numpy', 'posenet_ros'}
    assert len(artifact.calibration.scale) == len(artifact.calibration.mc_scale) == 6
    assert artifact.train.global_descriptors.shape == (72, artifact.network.descriptor_size)
    assert artifact.provenance['uncertainty']['views'] == 72
    assert artifact.provenance['int8']['offered'] == (trained / INT8_FILE).is_file()
    assert artifact.scene.bounds_min_m[0] == pytest.approx(-4, abs=0.2)
    image = artifact.preprocess(read_image(court / artifact.train.names[0]), CAMERA)
    answer = load_engine(artifact, 'litert').predict(image[np.newaxis])
    assert translation_errors_m(answer.position_m, artifact.train.positions_m[:1])[0] < 20
    assert (trained / 'curves.png').stat().st_size > 5000
    assert len(log(trained)) == 3
    assert not trained.with_name('model.training').exists()


def test_it_learns(court: Path, tmp_path: Path) -> None:
    more = ('epochs=30', 'yaw_deg=0', 'dropout=0', 'learning_rate=3e-3', 'batch=6', 'ema=0')
    assert train.main(arguments(court, tmp_path / 'model', *more)) == 0
    rows = log(tmp_path / 'model')
    assert float(rows[-1]['loss']) < 0.7 * float(rows[0]['loss'])
    artifact = load(tmp_path / 'model')
    constant = np.median(np.linalg.norm(
        artifact.train.positions_m - artifact.train.positions_m.mean(0), axis=1))
    assert artifact.provenance['validation']['position_m'] < 0.8 * constant


def test_features_of_frozen_layers_can_be_kept(court: Path, tmp_path: Path) -> None:
    settings = ('trainable_from=conv16', 'kept_versions=3', 'shift=0.05', 'epochs=8', 'batch=6',
                'learning_rate=3e-3', 'dropout=0')
    assert train.main(arguments(court, tmp_path / 'model', *settings)) == 0
    rows = log(tmp_path / 'model')
    assert float(rows[-1]['loss']) < float(rows[0]['loss'])
    artifact = load(tmp_path / 'model')
    # the model folder has the whole network: its answers are those of the validation
    assert artifact.provenance['validation']['position_m'] == pytest.approx(
        float(rows[-1]['val_position_m']), rel=0.02)
    with pytest.raises(InputError, match='kept_versions is out of range'):
        train.main(arguments(court, tmp_path / 'other', 'kept_versions=3'))
    with pytest.raises(InputError, match='trainable_from has to be a layer'):
        train.main(arguments(court, tmp_path / 'other', 'trainable_from=conv17'))


KILLED = """
import sys
sys.path[:0] = ['.', 'test']
from posenet_ros.utils.arguments import run_cli
from posenet_ros.training import train
from training_helpers import use_tiny_backbone
use_tiny_backbone()
sys.exit(run_cli(lambda: train.main(sys.argv[1:])))
"""


def test_killed_and_resumed_gives_the_same_curve(
        court: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / 'model'
    work = tmp_path / 'model.training'
    command = [sys.executable, '-c', KILLED, *arguments(court, out)]
    process = subprocess.Popen(command, cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (work / 'checkpoint.npz').exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    with pytest.raises(InputError, match='--resume goes on'):
        train.main(arguments(court, out))
    with pytest.raises(InputError, match=r'same preset .*batch 4 instead of 8'):
        train.main(arguments(court, out, 'batch=4', more=('--resume',)))
    assert train.main(arguments(court, out, more=('--resume',))) == 0
    for resumed, whole in zip(log(out), log(trained), strict=True):
        for key, value in whole.items():
            assert float(resumed[key]) == pytest.approx(float(value), rel=1e-3), key


def test_ctrl_c_leaves_the_last_epoch_and_no_model(
        court: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(self: StartEpoch, epoch: int, logs: object = None) -> None:
        if epoch == first:
            raise KeyboardInterrupt
        self.batches.epoch = epoch

    monkeypatch.setattr(StartEpoch, 'on_epoch_begin', interrupted)
    for first, expected in ((0, 'stopped before an epoch was done'), (1, 'To go on: ')):
        assert run_cli(lambda: train.main(arguments(court, tmp_path / 'model'))) == 1
        assert expected in capsys.readouterr().err.splitlines()[-1]
        # neither model nor lock, and checkpoints only where there is an epoch
        assert [path.name for path in tmp_path.iterdir()] == ['model.training'] * first


def test_an_interrupted_training_says_how_to_go_on(
        court: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    words = arguments(court, tmp_path / 'my model')
    with monkeypatch.context() as patch:
        patch.setattr(training_run.Training, 'save', interrupted)
        assert run_cli(lambda: train.main(words)) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    advice = shlex.split(line.partition('To go on: ')[2])
    assert advice[-len(words) - 1:] == [*words, '--resume']
    assert train.parser().parse_args(advice[-len(words) - 1:]).resume
    assert shutil.which(advice[0])
    assert train.main([*words, '--resume']) == 0
    assert load(tmp_path / 'my model').provenance['preset']['epochs'] == 3
    assert [path.name for path in tmp_path.iterdir()] == ['my model']
    with pytest.raises(InputError, match=r'is trained to its end.*nothing to resume'):
        train.main([*words, '--resume'])


def test_a_damaged_checkpoint_is_one_line(court: Path, tmp_path: Path) -> None:
    work = tmp_path / 'model.training'
    work.mkdir()
    for content in (b'', b'PK\x03\x04 cut off', b'no archive'):
        (work / 'checkpoint.npz').write_bytes(content)
        with pytest.raises(InputError, match=r'checkpoint.npz is damaged .*--force'):
            train.main(arguments(court, tmp_path / 'model', more=('--resume',)))
    np.savez(work / 'checkpoint.npz', about=np.array('[1, 2]'))
    with pytest.raises(InputError, match=r'checkpoint.npz is damaged .*--force'):
        train.main(arguments(court, tmp_path / 'model', more=('--resume',)))


def test_a_folder_of_another_s_is_no_work_folder(court: Path, tmp_path: Path) -> None:
    (tmp_path / 'model.training').mkdir()
    (tmp_path / 'model.training' / 'thesis.tex').touch()
    with pytest.raises(InputError, match=r'but it holds thesis\.tex'):
        train.main(arguments(court, tmp_path / 'model', more=('--force',)))
    assert (tmp_path / 'model.training' / 'thesis.tex').exists()


def test_only_one_training_writes_a_model(court: Path, tmp_path: Path) -> None:
    code = ('import sys; from pathlib import Path; from posenet_ros.utils.files.lock import lock\n'
            'with lock(Path(sys.argv[1])):\n    print("locked", flush=True); sys.stdin.read()')
    other = subprocess.Popen([sys.executable, '-c', code, tmp_path / 'model'], cwd=ROOT,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with other:
        assert other.stdout.readline()
        with pytest.raises(PoseNetError, match=rf'process {other.pid} has been writing there'):
            train.main(arguments(court, tmp_path / 'model', more=('--force',)))
        other.kill()
    assert not (tmp_path / 'model.training').exists()


def test_nan_stops_with_the_step_and_the_advice(court: Path, tmp_path: Path) -> None:
    settings = ('optimizer=sgd', 'learning_rate=1e18', 'warmup_epochs=0')
    with pytest.raises(PoseNetError, match=r'NaN or infinite in epoch 1, step \d.*learning_rate'):
        train.main(arguments(court, tmp_path / 'model', *settings))
    assert not (tmp_path / 'model').exists()


def test_resume_without_a_checkpoint_is_an_error(court: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match='nothing to resume'):
        train.main(arguments(court, tmp_path / 'model', more=('--resume',)))


def test_an_existing_model_is_refused_before_any_work(court: Path, tmp_path: Path) -> None:
    out = tmp_path / 'model'
    out.mkdir()
    (out / 'artifact.json').write_text('{"format_version": 6}')
    with pytest.raises(InputError, match=r'exists already: .*--force'):
        train.main(arguments(court, out))
    (out / 'artifact.json').rename(out / 'notes.txt')
    with pytest.raises(InputError, match='exists already and is no model folder'):
        train.main(arguments(court, out, more=('--force',)))
    with pytest.raises(InputError, match='this command reads'):
        train.main(arguments(court, court, more=('--force',)))


def test_images_smaller_than_the_input_are_made_larger_to_cover_it(court: Path) -> None:
    dataset = read_dataset(court, 'train').subset(range(2))
    assert load_images(dataset, Preprocess(128, 128)).bases.shape == (2, 128, 171, 3)
    with pytest.raises(InputError, match='have to cover the network input'):
        load_images(dataset, Preprocess(128, 128, short_side=64))


def test_one_position_is_an_error(court: Path, tmp_path: Path) -> None:
    lines = (court / 'dataset_train.txt').read_text().splitlines()
    folder = tmp_path / 'court'
    folder.mkdir()
    for name in ('seq1', 'seq2', 'seq3'):
        shutil.copytree(court / name, folder / name)
    shutil.copy(court / 'camera.json', folder)
    still = [line.split()[0] + ' 1 2 3 1 0 0 0' for line in lines[3:]]
    (folder / 'dataset_train.txt').write_text('\n'.join(lines[:3] + still))
    with pytest.raises(InputError, match='same position'):
        train.main(arguments(folder, tmp_path / 'model'))


def test_batches_are_the_same_again_and_change_with_the_epoch(court: Path) -> None:
    dataset = read_dataset(court, 'train')
    images = load_images(dataset, Preprocess(48, 36))
    augmenter = Augmenter(Augmentation(yaw_deg=3), Preprocess(48, 36).base_camera(CAMERA),
                          Preprocess(48, 36).input_camera(CAMERA))
    first, again = (Batches(images, augmenter, 8, 0) for _ in range(2))
    later = Batches(images, augmenter, 8, 0)
    later.epoch = 1
    assert len(first) == 4
    assert np.array_equal(first[2][0], again[2][0])
    first.epoch = 1
    assert not np.array_equal(first[2][0], again[2][0])
    assert np.array_equal(first[2][1]['position'], later[2][1]['position'])


def test_it_stops_when_validation_gets_no_better(court: Path, tmp_path: Path) -> None:
    assert train.main(arguments(court, tmp_path / 'model', 'epochs=60', 'patience=2',
                                'learning_rate=1e-30', 'ema=0')) == 0
    assert 2 < len(log(tmp_path / 'model')) < 30


def test_logs_for_tensorboard_are_written(court: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'logs'
    assert train.main(arguments(court, tmp_path / 'model', 'epochs=1',
                                more=('--tensorboard', str(folder)))) == 0
    events = list(folder.rglob('events.out.tfevents.*'))
    assert any(b'epoch_position_m' in file.read_bytes() for file in events)


def test_normalisation_can_stay_as_pretrained(
        court: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the tiny backbone has no normalisation
    preset = load_preset('smoke', ['weights=none', 'frozen_norm=true'])
    positions_m = read_dataset(court, 'train').positions_m
    network = make_network(preset, network_config(preset, positions_m))
    norms = [layer for layer in network.layers if 'bn' in layer.name and layer.weights]
    assert norms
    assert not any(layer.trainable for layer in norms)
    assert network.get_layer('fc').trainable
