"""Environment variables that ROS needs before rclpy is imported; imports no ROS itself."""

from __future__ import annotations

from collections.abc import Iterator
import os
from pathlib import Path
import sys

PROFILE_FILE = 'fastdds_large_images.xml'
# Jazzy reads the first, later distributions the second.
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


def prepare_environment() -> None:
    """
    Set missing environment variables; call it before importing rclpy.

    - `AMENT_PREFIX_PATH`, where ROS comes from PyPI and nothing was sourced: the environment's
      own prefix;
    - Fast DDS's profile for large images, where the user has set none: with the default shared
      memory of 512 KiB most 640x480 images get lost on the publisher's side.
    """
    if not os.environ.get('AMENT_PREFIX_PATH') and _has_ament_index(sys.prefix):
        os.environ['AMENT_PREFIX_PATH'] = sys.prefix
    profile = find_profile()
    if profile and not any(os.environ.get(name) for name in PROFILE_VARIABLES):
        os.environ.update(dict.fromkeys(PROFILE_VARIABLES, str(profile)))


def find_profile() -> Path | None:
    """Return the installed Fast DDS profile, else that of the source tree, else None."""
    return next((path for path in _profile_candidates() if path.is_file()), None)


def _profile_candidates() -> Iterator[Path]:
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    for prefix in (*filter(None, prefixes), sys.prefix):
        yield Path(prefix, 'share', 'posenet_ros', 'config', PROFILE_FILE)
    yield Path(__file__).resolve().parents[2] / 'config' / PROFILE_FILE


def _has_ament_index(prefix: str) -> bool:
    return Path(prefix, 'share', 'ament_index').is_dir()
