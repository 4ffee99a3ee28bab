"""Settings of a scene; light to import, for the command line shows them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
import hashlib
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

from posenet_ros.errors import InputError
from posenet_ros.training.scene.sensors.options import SensorOptions

if TYPE_CHECKING:
    from posenet_ros.geometry.camera import Camera

FRAMES_RANGE = 12, 100_000
SIDE_RANGE = 64, 4096
TEST_RATE_HZ = 10.0
TEST_FRACTION = 0.25
PLACES = 'court', 'arcade', 'campus'
TRAIN_RATE_HZ = 2.5  # more ground for as many images; the pictures of a faster rate are alike
_FOCAL_LENGTH = 0.72  # of the larger side: 70 degrees


def test_images(frames: int) -> int:
    """Return how many of the images are for the test, where nothing else is asked for."""
    return round(TEST_FRACTION * frames)


@dataclass(frozen=True)
class Settings:
    """
    Settings of a scene; equal settings give equal files.

    :param frames: images of all sequences together.
    :param width: image width, pixels.
    :param height: image height, pixels.
    :param seed: of walks, people, materials and noise.
    :param sensors: what is recorded beside the images; None: nothing.
    :param place: one of :data:`PLACES`.
    :param test_frames: images for the test among them; 0: a quarter.
    :raises InputError: on a value out of range.
    """

    frames: int = 1200
    width: int = 640
    height: int = 480
    seed: int = 0
    sensors: SensorOptions | None = None
    place: str = PLACES[0]
    test_frames: int = 0

    def __post_init__(self) -> None:
        ranges = {'frames': (self.frames, FRAMES_RANGE), 'width': (self.width, SIDE_RANGE),
                  'height': (self.height, SIDE_RANGE), 'seed': (self.seed, (0, 2 ** 31))}
        for name, (value, (low, high)) in ranges.items():
            if not low <= value <= high:
                raise InputError(f'{name} has to be {low} to {high}. Received: {value}')
        if self.place not in PLACES:
            raise InputError(f'a scene has to be of one of the places {", ".join(PLACES)}. '
                             f'Received: {self.place!r}')
        most = self.frames - FRAMES_RANGE[0]
        if self.test_frames and not 0 < self.test_frames <= most:
            raise InputError(f'the test images have to be 1 to {most}, which leaves '
                             f'{FRAMES_RANGE[0]} of {self.frames} to train on. '
                             f'Received: {self.test_frames}')

    @property
    def test_images(self) -> int:
        """Return how many images are for the test."""
        return self.test_frames or test_images(self.frames)

    @property
    def camera(self) -> Camera:
        """Return the pinhole camera of all images."""
        from posenet_ros.geometry.camera import Camera
        focal = _FOCAL_LENGTH * max(self.width, self.height)
        return Camera(self.width, self.height, focal, focal, (self.width - 1) / 2,
                      (self.height - 1) / 2)

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields as JSON types; the sensors only where there are any."""
        values = asdict(self)
        if self.sensors is None:
            del values['sensors']
        return values

    def digest(self) -> str:
        """Return the SHA-256 of the settings and of the code that draws the scene."""
        code = hashlib.sha256(json.dumps(self.to_mapping(), sort_keys=True).encode())
        folder = Path(__file__).parent
        for file in sorted(folder.rglob('*.py')):
            if self.sensors or 'sensors' not in file.relative_to(folder).parts:
                code.update(file.read_bytes())
        return code.hexdigest()
