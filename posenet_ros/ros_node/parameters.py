"""
The node's parameters: described and checked here and nowhere else.

Reading the table needs neither ROS nor NumPy: `posenet node --help` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum, unique
import math
from typing import Any, TYPE_CHECKING

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.localisation.camera_info_policy import POLICIES, RECTIFY
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.utils.choices import ENGINES, PRECISIONS
from posenet_ros.utils.settings import described_fields
from posenet_ros.utils.settings.described_fields import checked_value, described_field

if TYPE_CHECKING:
    from posenet_ros.geometry.pose import Pose
    from posenet_ros.localisation.gating.prior import PriorOptions


@unique
class TfMode(Enum):
    """Which transform the node broadcasts; the value is the word of the parameter."""

    AUTO = 'auto'
    NONE = 'none'
    MAP_TO_CAMERA = 'map_to_camera'
    MAP_TO_BASE = 'map_to_base'
    MAP_TO_ODOM = 'map_to_odom'


def _gate_limit(name: str, description: str,
                limits: tuple[float, float] | None = None) -> Any:  # noqa: ANN401
    """Make the field of a limit of the gate; its default is that of NODE_DEFAULTS."""
    return described_field(getattr(NODE_DEFAULTS, name), description, limits=limits, live=True)


@dataclass(frozen=True)
class Parameters:
    """
    The values of the parameters; only the `live` ones can be changed while it is configured.

    :raises InputError: on a value that is not allowed, naming the parameter.
    """

    model: str = described_field('', 'Model folder, as made by posenet map or posenet train.')
    engine: str = described_field(
        'auto', 'What runs the network. auto: TensorFlow where there is a GPU, else LiteRT.',
        choices=ENGINES)
    precision: str = described_field(
        'float32', 'What the network computes in. float16: on a GPU; int8: on the CPU, where the '
        'model folder offers it because it was measured to be as good and faster.',
        choices=PRECISIONS)
    mc_samples: int = described_field(
        0, 'Number of Monte-Carlo dropout samples, whose covariance is added; 0: off.',
        limits=(0, 1000))
    refine: str = described_field(
        'auto', "Make poses exact by the model folder's landmarks, where the image shows enough "
        'of them: ten times more accurate or better, for some 45 ms more an image. auto: where '
        'the folder has landmarks; true: and it has to have them; a map alone needs it.',
        choices=('auto', 'true', 'false'))
    tracking: str = described_field(
        'auto', 'Track the camera between localisations: a pose for each image, in some 4 ms; a '
        'localisation corrects it once a second, and looks for other places every five. auto: '
        'where poses are refined by landmarks; false (or off): localise each.',
        choices=('auto', 'false'))
    max_map_memory_mb: int = described_field(
        100, 'Memory of the landmarks of a large map, 10^6 bytes: those of the places that were '
        'seen last, the others are in an unnamed file in the folder for temporary files. 0: all '
        'are in memory.', limits=(0, 1000000))
    allow_unscaled: bool = described_field(
        False, 'Answer by a map without metric scale: all lengths are then in units of the map, '
        'not in metres. false: such a map is refused.')
    autostart: bool = described_field(
        True, 'Configure and activate at start; false leaves that to a lifecycle manager.',
        read_only=True)
    mode: str = described_field(
        'continuous', 'continuous: answer every image; on_request: publish one pose for each call '
        'of ~/relocalise or reinitialize_global_localization, and none before.',
        choices=('continuous', 'on_request'))
    map_frame: str = described_field('map', 'frame_id of the poses and parent of the transforms.')
    camera_frame: str = described_field(
        '', "Camera's TF frame (optical: z forward); empty means the image's frame_id.")
    tf_mode: str = described_field(
        'auto', 'Transform to broadcast. auto: map_to_odom (REP-105) where the TF tree has the '
        'camera below odom_frame, map_to_base where it is below base_frame, else map_to_camera. '
        'No frame gets a second parent: then nothing is broadcast, and the diagnostics say why.',
        choices=(mode.value for mode in TfMode))
    image_transport: str = described_field(
        'auto', 'raw: sensor_msgs/Image on the topic image; compressed: CompressedImage (JPEG, '
        'PNG) on image/compressed; auto: the one that has a publisher, raw where both have.',
        choices=('auto', 'raw', 'compressed'))
    image_reliability: str = described_field(
        'auto', 'Quality of service that is asked of the images. auto: best_effort, which fits '
        'every publisher; a lost image is not worth the wait, as the next one is newer.',
        choices=('auto', 'best_effort', 'reliable'))
    image_durability: str = described_field(
        'volatile', 'Quality of service that is asked of the images.',
        choices=('volatile', 'transient_local'))
    image_depth: int = described_field(
        1, 'Images that the middleware keeps; only the latest is answered.', limits=(1, 100))
    image_timeout: float = described_field(
        2.0, 'Warn when no image arrived within this time, seconds; 0 switches it off.',
        limits=(0.0, 3600.0), live=True)
    camera_info_policy: str = described_field(
        'adapt', "When camera_info is not the model's camera. adapt: localise by landmarks, from "
        'the image as it is, and withhold what they do not confirm; refuse: answer no image; '
        "ignore: take camera_info for the model's camera's. rectify: the old word for adapt.",
        choices=(*POLICIES, RECTIFY))
    max_failures: int = described_field(
        30, 'Number of images in a row that fail by an unexpected error until the node '
        'deactivates itself; each alone is only counted and told.', limits=(1, 1000000))
    recover_after_s: float = described_field(
        0.0, 'How long after it has deactivated itself the node cleans up, configures and '
        'activates itself again, seconds; 0: it waits for a person.', limits=(0.0, 86400.0))
    base_frame: str = described_field(
        'base_link', "The robot's frame, for map_to_base and publish_base_pose.")
    odom_frame: str = described_field('odom', 'Frame of the odometry, for map_to_odom.')
    publish_base_pose: bool = described_field(
        False, 'Publish ~/base_pose_with_covariance, too: where base_frame is. Filters such as '
        "robot_localization take every pose for the base's.")
    planar: bool = described_field(
        False, 'The robot drives on the floor: z, roll and pitch of base_frame in the map are 0 '
        'in map_to_base, in map_to_odom and in ~/base_pose_with_covariance.')
    set_initial_pose: bool = described_field(
        False, 'Take initial_pose when the node is activated, as if it came on /initialpose.')
    initial_pose: tuple[float, ...] = described_field(
        (0.0, 0.0, 0.0), 'Where base_frame is in the map: x, y in metres, yaw in radians.')
    use_prior: bool = described_field(
        True, 'Let the last accepted pose, moved by odometry where there is any, or the initial '
        'pose tell apart places that look the same, and save time. In a map with a scale only.')
    prior_timeout: float = described_field(
        10.0, 'How long after the last accepted pose it tells nothing any more, as the robot may '
        'have been carried away, seconds.', limits=(0.1, 3600.0), live=True)
    tf_timeout: float = described_field(
        0.2, "How long an estimate waits for the transforms of its image's time, seconds.",
        limits=(0.0, 60.0), live=True)
    tf_publish_rate: float = described_field(
        20.0, 'How often map_to_odom is broadcast, Hz.', limits=(0.1, 1000.0))
    tf_smoothing_time: float = described_field(
        0.3, 'Time constant with which map_to_odom follows the poses, seconds; 0: at once.',
        limits=(0.0, 60.0))
    transform_tolerance: float = described_field(
        0.1, 'How far into the future the stamp of map_to_odom is, seconds.',
        limits=(0.0, 60.0), live=True)
    map_from_dataset_xyz: tuple[float, ...] = described_field(
        (0.0, 0.0, 0.0), "Origin of the training dataset's frame in map_frame, metres.")
    map_from_dataset_quat_xyzw: tuple[float, ...] = described_field(
        (0.0, 0.0, 0.0, 1.0), "Rotation of the dataset's frame in map_frame, x y z w.")
    path_length: int = described_field(1000, 'Poses in ~/path, at most.', limits=(1, 100000))
    smoothing_acceleration: float = described_field(
        0.0, 'Publish ~/pose_smoothed, by a Kalman filter with constant velocity: standard '
        'deviation of the change of velocity in one second, m/s; 0: off.', limits=(0.0, 1000.0))
    smoothing_angular_acceleration: float = described_field(
        1.0, 'The same for the angular velocity, rad/s.', limits=(0.001, 1000.0))
    max_distance_m: float = _gate_limit(
        'max_distance_m', 'Reject poses that are further than this outside the trained area, '
        'metres; 0 switches it off.', (0.0, 1e6))
    max_sigma_m: float = _gate_limit(
        'max_sigma_m', 'Reject poses whose position has a larger standard deviation, metres; '
        '0: off.', (0.0, 1e6))
    max_sigma_deg: float = _gate_limit(
        'max_sigma_deg', 'Reject poses whose rotation has a larger standard deviation, degrees; '
        '0: off.', (0.0, 180.0))
    max_jump_m: float = _gate_limit(
        'max_jump_m', 'Reject poses that are further from the last one, moved on by the odometry '
        'on /tf or else at its velocity, metres; 0: off.', (0.0, 1e6))
    max_jump_deg: float = _gate_limit(
        'max_jump_deg', 'Reject poses that are turned further from there, degrees; 0: off.',
        (0.0, 180.0))
    reaccept_frames: int = _gate_limit(
        'reaccept_frames', 'Number of consecutive poses that have to agree before a jump is '
        'believed.', (1, 1000))
    max_age_s: float = _gate_limit(
        'max_age_s', 'Reject poses of images that are older than this, seconds; 0: off.',
        (0.0, 3600.0))
    max_place_score: float = _gate_limit(
        'max_place_score', 'Reject images with a larger place score, as out of place; 1 is the '
        'limit that was set when the model was trained; 0: off.', (0.0, 1e6))
    reject_faulty_images: bool = _gate_limit(
        'reject_faulty_images', 'Give no pose for an image that is covered, dark, overexposed or '
        'frozen; false only warns.')
    reject_blurred_images: bool = _gate_limit(
        'reject_blurred_images', 'Give no pose for a blurred image, either.')
    max_identical_images: int = _gate_limit(
        'max_identical_images', 'Number of consecutive identical images that mean a frozen '
        'camera; 0: off (for a simulation without noise).', (0, 1000000))
    min_sharpness: float = _gate_limit(
        'min_sharpness', 'An image whose sharpness is below is blurred: good ones have 0.6 to 2, '
        'whatever the light; 0: off.', (0.0, 100.0))

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, checked_value(item, getattr(self, item.name)))
        frame_name(self.map_frame, 'parameter map_frame')
        for name in ('map_frame', 'camera_frame', 'base_frame', 'odom_frame'):
            object.__setattr__(self, name, frame_name(getattr(self, name)))
        if len(self.initial_pose) != 3 or not all(map(math.isfinite, self.initial_pose)):
            raise InputError('parameter initial_pose has to be x, y and yaw. '
                             f'Received: {list(self.initial_pose)}')
        self.map_from_dataset()
        self.gate_config()

    def map_from_dataset(self) -> Pose:
        """
        Return the pose of the dataset's frame in the map.

        :raises InputError: when it is no rigid transform.
        """
        import numpy as np
        from posenet_ros.geometry.pose import Pose
        try:
            return Pose(np.array(self.map_from_dataset_xyz),
                        np.array(self.map_from_dataset_quat_xyzw))
        except InputError as error:
            raise InputError(f'parameters map_from_dataset_*: {error}') from error

    def prior_options(self, *, metric: bool = True) -> PriorOptions | None:
        """
        Return the settings of what the past says of a pose; None where it says nothing.

        :param metric: whether the map's lengths are metres, as those of odometry.
        """
        from posenet_ros.localisation.gating.prior import PriorOptions
        return PriorOptions(timeout_s=self.prior_timeout) if self.use_prior and metric else None

    def refines(self, landmarks: bool) -> bool:
        """Return whether poses are to be refined, where the folder has landmarks or none."""
        return landmarks if self.refine == 'auto' else self.refine == 'true'

    def gate_config(self) -> GateConfig:
        """Return the gate's limits."""
        return GateConfig(**{item.name: getattr(self, item.name) for item in fields(GateConfig)})


def fixed_names() -> set[str]:
    """Return the names of the parameters that cannot be changed while the node is configured."""
    return {item.name for item in fields(Parameters) if not item.metadata['live']}


def help_text() -> str:
    """Describe the parameters for --help."""
    return f'parameters (default):\n{described_fields.help_lines(Parameters)}'
