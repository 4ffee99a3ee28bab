"""A model folder is read once: what happens to it afterwards changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
import shutil

from helpers import tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.inference import artifact as artifacts
from posenet_ros.inference import private_copy
from posenet_ros.inference.private_copy import PrivateCopy
import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def write(target: Path) -> None:
        (target / artifacts.WEIGHTS_FILE).write_bytes(b'weights')
        (target / artifacts.LITERT_FILE).write_bytes(b'network')

    made = tmp_path / 'model'
    made.mkdir()
    artifacts.save(tiny_artifact(), made, write)
    return made


def test_a_copy_outlives_the_folder(folder: Path) -> None:
    with PrivateCopy(folder) as copy:
        loaded = artifacts.load(folder, copy)
        file = loaded.file(artifacts.LITERT_FILE)
        (folder / artifacts.LITERT_FILE).write_bytes(b'other')
        shutil.rmtree(folder)
        assert file.read_bytes() == b'network'
        assert loaded.file(artifacts.LITERT_FILE) == file
        assert loaded.digest == private_copy.sha256(loaded.file(artifacts.ARTIFACT_FILE))
    assert np.array_equal(loaded.train.positions_m, tiny_artifact().train.positions_m)


def test_nobody_can_write_into_a_copy(folder: Path) -> None:
    with PrivateCopy(folder) as copy:
        file = copy.file(artifacts.LITERT_FILE)
        with pytest.raises(PermissionError):
            file.write_bytes(b'x')
        with pytest.raises(PermissionError):
            os.truncate(file, 1)


def test_each_copy_is_verified_when_it_is_made(folder: Path) -> None:
    with PrivateCopy(folder) as copy:
        loaded = artifacts.load(folder, copy)
        (folder / artifacts.LITERT_FILE).write_bytes(b'netw0rk')  # after all was checked
        with pytest.raises(InputError, match=r'network\.tflite is damaged'):
            loaded.file(artifacts.LITERT_FILE)
    (folder / artifacts.TRAIN_FILE).write_bytes(b'x')
    with PrivateCopy(folder) as copy, pytest.raises(InputError, match=r'train\.npz is damaged'):
        artifacts.load(folder, copy)


def test_what_comes_later_is_not_read(folder: Path) -> None:
    with PrivateCopy(folder) as copy:
        loaded = artifacts.load(folder, copy)
        assert not loaded.file(artifacts.LANDMARKS_FILE).is_file()
        copy.file(artifacts.LITERT_FILE)
        named = copy.with_names(f'{copy.file(artifacts.LITERT_FILE)} is damaged')
    assert named == f'{folder / artifacts.LITERT_FILE} is damaged'
    assert not loaded.file(artifacts.LITERT_FILE).is_file()  # at the end all is closed


def test_a_foreign_file_is_not_taken_unverified(folder: Path) -> None:
    with PrivateCopy(folder) as copy:
        loaded = artifacts.load(folder, copy)
        (folder / artifacts.LANDMARKS_FILE).write_bytes(b'put there meanwhile')
        with pytest.raises(InputError, match='damaged'):
            loaded.file(artifacts.LANDMARKS_FILE)


def test_copies_are_closed(folder: Path) -> None:
    before = len(os.listdir('/proc/self/fd'))
    with PrivateCopy(folder) as copy:
        artifacts.load(folder, copy)
    assert len(os.listdir('/proc/self/fd')) == before
