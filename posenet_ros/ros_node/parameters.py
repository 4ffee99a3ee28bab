"""
The node's parameters: declared, described and checked here and nowhere else.

Reading the table needs neither ROS nor NumPy: `posenet node --help` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, Field, fields
from enum import Enum, unique
from typing import Any, TYPE_CHECKING

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.utils.choices import ENGINES, PRECISIONS
from posenet_ros.utils.settings import described_fields
from posenet_ros.utils.settings.described_fields import as_list, describe_allowed, described_field

if TYPE_CHECKING:
    from posenet_ros.geometry.pose import Pose
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.lifecycle import LifecycleNode


@unique
class TfMode(Enum):
    """Which transform the node broadcasts; the value is the word of the parameter."""

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

    model: str = described_field('', 'Model folder, as made by posenet train.')
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
    refine: bool = described_field(
        False, "Make poses exact by the model folder's landmarks, where the image shows enough of "
        'them: ten times more accurate or better, for some 45 ms more an image.')
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
        'map_to_camera', 'Transform to broadcast. map_to_odom is for robots with odometry '
        '(REP-105); map_to_base makes base_frame a child of map_frame, map_to_camera the camera: '
        'each for a frame that has no other parent.',
        choices=(mode.value for mode in TfMode))
    image_transport: str = described_field(
        'raw', 'raw: sensor_msgs/Image on the topic image; compressed: CompressedImage (JPEG, '
        'PNG) on image/compressed.', choices=('raw', 'compressed'))
    image_reliability: str = described_field(
        'best_effort', 'Quality of service that is asked of the images.',
        choices=('best_effort', 'reliable'))
    image_durability: str = described_field(
        'volatile', 'Quality of service that is asked of the images.',
        choices=('volatile', 'transient_local'))
    image_depth: int = described_field(
        1, 'Images that the middleware keeps; only the latest is answered.', limits=(1, 100))
    image_timeout: float = described_field(
        2.0, 'Warn when no image arrived within this time, seconds; 0 switches it off.',
        limits=(0.0, 3600.0), live=True)
    camera_info_policy: str = described_field(
        'refuse', "When camera_info is not the model's camera. refuse: answer no image; rectify: "
        "warp the images into the model's camera, black where they see less; ignore: take "
        "camera_info for the model's camera.", choices=('refuse', 'rectify', 'ignore'))
    base_frame: str = described_field(
        'base_link', "The robot's frame, for map_to_base and publish_base_pose.")
    odom_frame: str = described_field('odom', 'Frame of the odometry, for map_to_odom.')
    publish_base_pose: bool = described_field(
        False, 'Publish ~/base_pose_with_covariance, too: where base_frame is. Filters such as '
        "robot_localization take every pose for the base's.")
    tf_timeout: float = described_field(
        0.2, "How long an estimate waits for the transforms of its image's time, seconds.",
        limits=(0.0, 60.0), live=True)
    tf_publish_rate: float = described_field(
        20.0, 'How often map_to_odom is broadcast, Hz.', limits=(0.1, 1000.0))
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
        'max_jump_m', 'Reject poses that are further from the last one, moved on by odometry '
        '(map_to_odom, publish_base_pose) or at its velocity, metres; 0: off.', (0.0, 1e6))
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
            choices = item.metadata['choices']
            if choices and getattr(self, item.name) not in choices:
                raise InputError(f'parameter {item.name} has to be one of {", ".join(choices)}. '
                                 f'Received: {getattr(self, item.name)!r}')
        frame_name(self.map_frame, 'parameter map_frame')
        for name in ('map_frame', 'camera_frame', 'base_frame', 'odom_frame'):
            object.__setattr__(self, name, frame_name(getattr(self, name)))
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

    def gate_config(self) -> GateConfig:
        """Return the gate's limits."""
        return GateConfig(**{item.name: getattr(self, item.name) for item in fields(GateConfig)})


def _descriptor(item: Field[Any]) -> ParameterDescriptor:
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
    descriptor = ParameterDescriptor(
        description=item.metadata['description'], read_only=item.metadata['read_only'],
        additional_constraints=describe_allowed(item))
    if item.metadata['limits']:
        low, high = item.metadata['limits']
        if isinstance(item.default, int):
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def declare(node: LifecycleNode) -> None:
    """
    Declare every parameter on the node.

    :raises InputError: when a value given at start has the wrong type or is out of its range.
    """
    import rclpy.exceptions
    for item in fields(Parameters):
        try:
            node.declare_parameter(item.name, as_list(item.default), _descriptor(item))
        except (rclpy.exceptions.InvalidParameterTypeException,
                rclpy.exceptions.InvalidParameterValueException) as error:
            allowed = f', {describe_allowed(item)}' if describe_allowed(item) else ''
            kind = described_fields.describe_type(item)
            raise InputError(f'parameter {item.name} has to be {kind}{allowed}. '
                             f'Received: {error}') from error


def read(node: LifecycleNode, changes: Mapping[str, Any] | None = None) -> Parameters:
    """
    Return the node's parameters.

    :param changes: values to check before the node takes them.
    :raises InputError: on a value that is not allowed.
    """
    changes = changes or {}
    values: dict[str, Any] = {
        f.name: changes.get(f.name, node.get_parameter(f.name).value) for f in fields(Parameters)}
    for name, value in values.items():
        if value is None:
            raise InputError(f'parameter {name} cannot be removed')
        if not isinstance(value, str | bool | int | float):
            values[name] = tuple(value)
    return Parameters(**values)


def unknown(node: LifecycleNode) -> list[str]:
    """Return the names that were given at start but are not declared: typing errors."""
    return sorted(name for name in overrides(node) if not node.has_parameter(name))


def overrides(node: LifecycleNode) -> set[str]:
    """Return the names that were given at start, on the command line or in a file."""
    return set(node._parameter_overrides)  # rclpy has no public way to ask


def markdown_table() -> str:
    """Make the parameter table of the README."""
    table = described_fields.markdown_rows(Parameters)
    return f'{table}\n\n\\* can be changed while the node runs.\n'


def fixed_names() -> set[str]:
    """Return the names of the parameters that cannot be changed while the node is configured."""
    return {item.name for item in fields(Parameters) if not item.metadata['live']}


def help_text() -> str:
    """Describe the parameters for --help."""
    return f'parameters (default):\n{described_fields.help_lines(Parameters)}'
