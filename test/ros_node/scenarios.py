"""
Robots, a row each: what is unusual about one, and what a user then sees or reads.

A row is a script that acts on its robot and yields what it waits for. All robots live at the same
time; their nodes share processes, each with parameters of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
import shutil
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from helpers import CAMERA
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import pose_from_message, set_stamp
from ros_helpers import picture_message, UnreachableError
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Empty, SetBool, Trigger
from tf2_msgs.msg import TFMessage
from training_helpers import LARGE_CAMERA, walk, wall_view

from .fake_robot import (
    BASE_FROM_CAMERA,
    camera_info,
    COLOUR,
    colour_image,
    colour_jpeg,
    FakeRobot,
    IMAGE,
    INFO,
    LATCHED,
    ODOM_FROM_BASE,
    pose_of,
    Script,
    SECOND,
    transform_message,
    Wait,
)

PATIENCE_S = 40.0
TRIES = 4  # of a call
OTHER_COLOUR = (153, 102, 204)
MAP_FROM_CAMERA = pose_of(COLOUR)
HERE = Pose(np.array([5.0, 3.0, 0.0]), np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)]))
FAR_CAMERA = Pose(np.array([5.0, 0.0, 3.0]), np.array([-0.5, 0.5, -0.5, 0.5]))  # on a crane
WALL = 'wall'  # the model with landmarks
ON_THE_WALK = walk(12, 3)[4]
OTHER_LENS = replace(LARGE_CAMERA, fx=1.3 * LARGE_CAMERA.fx, fy=1.3 * LARGE_CAMERA.fy)


@dataclass(frozen=True)
class Scenario:
    """
    A robot, its node's parameters, and the script of what happens.

    :param kind: the row of the findings that it belongs to.
    :param model: `colours`, WALL, or the name of a copy of `colours`.
    """

    name: str
    kind: str
    script: Callable[[FakeRobot], Script]
    parameters: Mapping[str, object]
    model: str = 'colours'
    remaps: Mapping[str, str] = field(default_factory=dict)


SCENARIOS: list[Scenario] = []


def scenario(kind: str, model: str = 'colours', remaps: Mapping[str, str] | None = None,
             **parameters: object) -> Callable[[Callable[[FakeRobot], Script]], Callable]:
    """Register a script as a robot."""
    def register(script: Callable[[FakeRobot], Script]) -> Callable[[FakeRobot], Script]:
        SCENARIOS.append(Scenario(
            script.__name__, kind, script, parameters, model, remaps or {}))
        return script
    return register


def until(done: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> Script:
    """Wait for something that has to happen."""
    happened = yield Wait(done, timeout_s)
    assert happened, f'waited {timeout_s:g} s in vain: {what}'


def pause(seconds: float) -> Script:
    """Let time pass."""
    yield Wait(None, seconds)


def connected(robot: FakeRobot) -> Script:
    """Wait until the node listens to the first image and camera_info to come."""
    yield from until(lambda: robot.has_subscriber(IMAGE, Image), 'a subscriber of images')
    yield from until(lambda: robot.has_subscriber(INFO, CameraInfo), 'one of camera_info')
    yield from pause(0.5)  # for the other direction


def told(robot: FakeRobot, *parts: str) -> Script:
    """Wait until the diagnostics have a line with all parts."""
    yield from until(lambda: robot.said(*parts), f'{parts} in {dict(robot.values())}')


def answered(robot: FakeRobot, count: int = 1) -> Script:
    """Wait for poses that come from now on."""
    before = len(robot.poses)
    yield from until(lambda: len(robot.poses) >= before + count, f'{count} poses')


def called(robot: FakeRobot, kind: Any, name: str,  # noqa: ANN401 - ROS has no types
           request: Any) -> Generator[Wait, bool, Any]:  # noqa: ANN401
    """
    Call a service of the node, which may be asked twice; return its response.

    As in Peer.call: a response that Fast DDS drops is asked for again, by a new client.
    """
    for _ in range(TRIES):
        client = robot.client(kind, name)
        yield from until(client.service_is_ready, f'{name} to be there')
        future = client.call_async(request)
        if (yield Wait(future.done, PATIENCE_S / TRIES)):
            return future.result()
    raise UnreachableError(f'{name} does not answer')


def near(pose: Pose | None, expected: Pose, tolerance: float = 0.02) -> bool:
    """Return whether a pose is the expected one; None is not."""
    return pose is not None and bool(np.abs(pose.matrix - expected.matrix).max() < tolerance)


def one_parent(robot: FakeRobot) -> None:
    """Check that no frame was ever given a second parent."""
    for child, parents in robot.parents().items():
        assert len(parents) == 1, f'{child} has the parents {parents}'


# where the transform goes

@scenario('R1')
def bare_camera(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from until(lambda: near(robot.last_transform('camera_optical'), MAP_FROM_CAMERA),
                     'map -> camera')
    one_parent(robot)
    yield from told(robot, 'map_to_camera')


@scenario('R1')
def camera_on_a_base(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.stream_colour()
    expected = MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse()
    yield from until(lambda: near(robot.last_transform('base_link'), expected), 'map -> base')
    assert robot.last_transform('camera_optical') is None
    one_parent(robot)


@scenario('R1')
def robot_with_odometry(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.stream_colour()
    yield from until(lambda: near(robot.looked_up('map', 'camera_optical'), MAP_FROM_CAMERA),
                     'map -> odom -> base -> camera')
    assert set(robot.parents()['odom']) == {'map'}
    one_parent(robot)


@scenario('R1', tf_mode='map_to_camera')
def camera_that_has_a_parent(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    yield from pause(1.0)
    robot.stream_colour()
    yield from told(robot, 'camera_optical', 'base_link', 'tf_mode')
    yield from answered(robot, 2)  # the pose is still published
    assert robot.last_transform('camera_optical') is None
    one_parent(robot)


@scenario('R1', tf_mode='map_to_base')
def base_that_has_a_parent(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    yield from pause(1.0)
    robot.stream_colour()
    yield from told(robot, 'base_link', 'odom', 'tf_mode')
    assert robot.last_transform('base_link') is None
    one_parent(robot)


@scenario('R1')
def another_node_says_where_odom_is(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()

    def other() -> None:
        robot.publish('tf', TFMessage(transforms=[transform_message(
            'map', 'odom', Pose(), time.time_ns())]), 50)

    other()
    robot.stream(lambda: (other(), colour_image())[1])
    yield from told(robot, 'map', 'odom', 'another node')
    yield from answered(robot, 3)
    assert near(robot.last_transform('odom'), Pose(), 1e-6)  # the other's alone


@scenario('R1')
def tree_that_comes_late(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from until(lambda: robot.last_transform('camera_optical') is not None, 'map -> camera')
    robot.mount_camera()
    robot.drive()
    yield from until(lambda: near(robot.last_transform(
        'odom'), MAP_FROM_CAMERA @ (ODOM_FROM_BASE @ BASE_FROM_CAMERA).inverse()), 'map -> odom')
    sent = len(robot.transforms)
    yield from pause(1.0)
    assert not [t for m in robot.transforms[sent:] for t in m.transforms
                if t.child_frame_id == 'camera_optical']


@scenario('R1', tf_mode='none')
def no_transform_wanted(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot, 3)
    assert 'map' not in {p for parents in robot.parents().values() for p in parents}


@scenario('K7', camera_frame='/camera_optical', map_frame='/map')
def frames_with_a_leading_slash(robot: FakeRobot) -> Script:
    robot.mount_camera('/base_link', '/camera_optical')
    robot.stream_colour(frame_id='/camera_optical')
    expected = MAP_FROM_CAMERA @ BASE_FROM_CAMERA.inverse()
    yield from until(lambda: near(robot.last_transform('base_link'), expected), 'map -> base')


@scenario('R1')
def image_without_a_frame(robot: FakeRobot) -> Script:
    robot.stream_colour(frame_id='')
    yield from told(robot, 'frame_id is empty', 'camera_frame')
    yield from answered(robot)


@scenario('K11')
def rounded_quaternion_in_the_tree(robot: FakeRobot) -> Script:
    message = transform_message('base_link', 'camera_optical', BASE_FROM_CAMERA, 0)
    message.transform.rotation.x, message.transform.rotation.y = 0.0, 0.0
    message.transform.rotation.z, message.transform.rotation.w = 0.71, 0.71
    robot.publish('tf_static', TFMessage(transforms=[message]), LATCHED)
    robot.stream_colour()
    yield from until(lambda: robot.last_transform('base_link') is not None, 'map -> base')


@scenario('R12', planar=True)
def planar_robot(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.stream_colour()
    yield from until(lambda: robot.last_transform('odom') is not None, 'map -> odom')
    base = robot.last_transform('odom') @ ODOM_FROM_BASE
    assert abs(base.translation_m[2]) < 1e-6
    assert np.abs(base.rotation[2] - (0, 0, 1)).max() < 1e-6


@scenario('R6')
def switched_off_robot_keeps_its_map(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.stream_colour()
    yield from until(lambda: robot.last_transform('odom') is not None, 'map -> odom')
    yield from called(robot, SetBool, 'relocaliser/set_enabled', SetBool.Request(data=False))
    yield from pause(1.5)
    kept, sent = robot.last_transform('odom'), len(robot.transforms)
    robot.stream_colour(OTHER_COLOUR)
    yield from pause(1.0)
    yield from until(lambda: sum(t.child_frame_id == 'odom' for m in robot.transforms[sent:]
                                 for t in m.transforms) > 5, 'map -> odom, still')
    assert near(robot.last_transform('odom'), kept, 1e-6)


@scenario('R1')
def other_node_that_falls_silent(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    other = transform_message('map', 'odom', Pose(), 0)

    def send_other() -> None:
        set_stamp(other.header.stamp, time.time_ns())
        robot.publish('tf', TFMessage(transforms=[other]), 50)

    send_other()
    robot.stream(lambda: (send_other(), colour_image())[1])
    yield from told(robot, 'another node sends map → odom', '/robots', 'tf_mode to none')
    assert near(robot.last_transform('odom'), Pose(), 1e-6)
    robot.stream_colour()
    yield from until(lambda: near(robot.looked_up('map', 'camera_optical'), MAP_FROM_CAMERA),
                     'map -> odom of the node, after the other has gone')
    yield from until(lambda: robot.values()['tf_mode'].startswith('map_to_odom'), 'the mode')


@scenario('R1')
def base_below_a_footprint(robot: FakeRobot) -> Script:
    robot.publish('tf_static', TFMessage(transforms=[
        transform_message('base_footprint', 'base_link', Pose(), 0),
        transform_message('base_link', 'camera_optical', BASE_FROM_CAMERA, 0)]), LATCHED)
    robot.stream_colour()
    yield from told(robot, 'base_link has the parent base_footprint', 'base_frame', '/tf_static')
    one_parent(robot)


@scenario('R1')
def map_below_the_odometry(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.publish('tf_static', TFMessage(transforms=[
        transform_message('base_link', 'camera_optical', BASE_FROM_CAMERA, 0),
        transform_message('odom', 'map', Pose(), 0)]), LATCHED)
    robot.stream_colour()
    yield from told(robot, 'map has the parent odom', 'loop')
    assert robot.last_transform('odom') is None


@scenario('R12', planar=True, publish_base_pose=True, tf_mode='none')
def planar_base_for_a_filter(robot: FakeRobot) -> Script:
    of_base = robot.keep(PoseWithCovarianceStamped, 'relocaliser/base_pose_with_covariance')
    robot.mount_camera()
    robot.stream_colour()
    yield from until(lambda: of_base, 'the pose of the base')
    pose = of_base[-1].pose
    assert (pose.pose.position.z, pose.pose.orientation.x, pose.pose.orientation.y) == (0, 0, 0)
    covariance = np.reshape(pose.covariance, (6, 6))
    assert np.linalg.eigvalsh(covariance).min() > 1e-9  # a filter can invert it
    assert covariance[2, 2] < 1e-5 < covariance[0, 0]
    assert robot.poses[-1].pose.position.z == MAP_FROM_CAMERA.translation_m[2]  # the camera's


@scenario('R12', tf_smoothing_time=1.0)
def map_that_moves_smoothly(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.stream_colour()
    yield from until(lambda: near(robot.looked_up('map', 'camera_optical'), MAP_FROM_CAMERA),
                     'map -> odom')
    start = len(robot.transforms)
    near_by = COLOUR[0] + 20, *COLOUR[1:]  # 0.78 m
    robot.stream_colour(near_by)
    yield from until(lambda: near(robot.looked_up('map', 'camera_optical'), pose_of(near_by)),
                     'map -> odom of the new poses')
    x = [t.transform.translation.x for m in robot.transforms[start:] for t in m.transforms
         if t.child_frame_id == 'odom']
    assert np.diff(x).max() < 0.4
    assert np.count_nonzero(np.diff(x) > 1e-3) > 5


# cameras

@scenario('R3')
def calibration_beside_the_image(robot: FakeRobot) -> Script:
    robot.stream(lambda: (robot.publish(INFO, camera_info(CAMERA)), colour_image())[1])
    yield from told(robot, 'front/camera_info')
    yield from answered(robot, 3)


@scenario('R3')
def no_calibration(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from told(robot, 'camera_info', 'front/camera_info', "model's camera")
    yield from answered(robot)


@scenario('R3')
def another_lens_without_landmarks(robot: FakeRobot) -> Script:
    lens = camera_info(CAMERA)
    lens.k[0] = lens.k[4] = 2 * CAMERA.fx
    robot.publish(INFO, lens)
    yield from pause(0.5)
    robot.stream(lambda: (robot.publish(INFO, lens), colour_image())[1])
    yield from told(robot, 'fx=100.0')
    assert robot.poses == []


def through(lens: Camera, picture: np.ndarray) -> Callable[[FakeRobot], Image]:
    """Return a maker of messages of a picture, with camera_info of the lens beside each."""
    def make(robot: FakeRobot) -> Image:
        robot.publish(INFO, camera_info(lens))
        return picture_message(picture, time.time_ns())
    return make


@scenario('R3', model=WALL)
def another_lens_with_landmarks(robot: FakeRobot) -> Script:
    yield from connected(robot)
    make = through(OTHER_LENS, wall_view(ON_THE_WALK, OTHER_LENS))
    robot.stream(lambda: make(robot), hz=2)
    yield from told(robot, 'localised by landmarks', f'fx={OTHER_LENS.fx:.1f}')
    yield from answered(robot, 3)
    assert int(robot.values()['landmarks']) > 100
    yield from until(lambda: int(robot.values().get('refined', 0)) >= 1, 'refined poses')
    off = [pose_from_message(pose.pose).translation_m - ON_THE_WALK.translation_m
           for pose in robot.poses]
    assert np.linalg.norm(off, axis=1).max() < 0.1


@scenario('R3', model=WALL)
def another_lens_that_sees_nothing_known(robot: FakeRobot) -> Script:
    verdicts = robot.keep(DiagnosticArray, 'relocaliser/verdict')
    pictures = robot.keep(Image, 'relocaliser/debug_image')
    yield from connected(robot)
    make = through(OTHER_LENS, np.full((OTHER_LENS.height, OTHER_LENS.width, 3), 102, np.uint8))
    robot.stream(lambda: make(robot), hz=2)
    yield from told(robot, "camera is unlike the map's", 'posenet landmarks')
    assert robot.poses == []
    assert verdicts[-1].status[0].message == 'camera_differs'
    assert pictures


@scenario('K8')
def uncalibrated_camera(robot: FakeRobot) -> Script:
    bare = camera_info(CAMERA)
    bare.k = [0.0] * 9
    robot.stream(lambda: (robot.publish(INFO, bare), colour_image())[1])
    yield from told(robot, 'camera_info', 'not calibrated')
    yield from answered(robot)


@scenario('R4')
def camera_of_an_unknown_model(robot: FakeRobot) -> Script:
    message = camera_info(CAMERA, model='mei', distortion=(0.1,) * 5)
    robot.publish(INFO, message)
    yield from pause(0.5)
    robot.stream(lambda: (robot.publish(INFO, message), colour_image())[1])
    yield from told(robot, 'mei', 'equidistant')
    assert robot.poses == []


@scenario('R4')
def camera_without_a_distortion_model(robot: FakeRobot) -> Script:
    message = camera_info(CAMERA, model='', distortion=())
    robot.stream(lambda: (robot.publish(INFO, message), colour_image())[1])
    yield from answered(robot, 3)


@scenario('K2', remaps={'image': 'front/image_rect'})
def rectified_images(robot: FakeRobot) -> Script:
    raw = camera_info(CAMERA, distortion=(-0.3, 0.1, 0.0, 0.0, 0.0))
    raw.k[0] = raw.k[4] = 3 * CAMERA.fx  # P is the model's camera
    robot.publish(INFO, raw)
    yield from pause(0.5)
    robot.stream(lambda: (robot.publish(INFO, raw),
                          robot.publish('front/image_rect', colour_image()), None)[2])
    yield from answered(robot, 3)
    yield from told(robot, 'rectified')


@scenario('K8')
def calibration_that_changes(robot: FakeRobot) -> Script:
    lens = camera_info(CAMERA)
    robot.stream(lambda: (robot.publish(INFO, lens), colour_image())[1])
    yield from told(robot, f'{CAMERA.width}x{CAMERA.height} from', 'front/camera_info')
    yield from answered(robot, 2)
    lens.k[0] = lens.k[4] = 2 * CAMERA.fx
    yield from told(robot, 'camera_info', 'changed')
    yield from pause(0.5)
    before = len(robot.poses)
    yield from pause(1.0)
    assert len(robot.poses) == before


@scenario('R4', camera_info_policy='rectify')
def policy_of_old_files(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)
    yield from told(robot, 'rectify', 'adapt')


@scenario('R3', camera_info_policy='ignore')
def calibration_to_be_ignored(robot: FakeRobot) -> Script:
    lens = camera_info(CAMERA)
    lens.k[0] = lens.k[4] = 2 * CAMERA.fx
    robot.stream(lambda: (robot.publish(INFO, lens), colour_image())[1])
    yield from answered(robot, 3)


# where the robot is said to be

@scenario('R5')
def initial_pose_sets_the_map_at_once(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    yield from until(lambda: robot.diagnostics, 'diagnostics')
    yield from pause(1.5)
    robot.initial_pose(HERE)
    yield from until(lambda: near(robot.last_transform('odom'), HERE @ ODOM_FROM_BASE.inverse()),
                     'map -> odom without a single image')


@scenario('R5')
def initial_pose_in_another_frame(robot: FakeRobot) -> Script:
    robot.mount_camera()
    robot.drive()
    robot.stream_colour()
    yield from answered(robot)
    robot.initial_pose(Pose(), frame_id='odom')
    yield from told(robot, 'initial pose refused', 'odom')


@scenario('R12', set_initial_pose=True, initial_pose=[5.0, 3.0, 1.5707963])
def initial_pose_as_parameter(robot: FakeRobot) -> Script:
    yield from told(robot, 'initial pose waits', 'base_link')
    yield from pause(2.5)  # however long the robot takes to start
    robot.mount_camera()
    robot.drive()
    yield from until(lambda: near(robot.last_transform('odom'), HERE @ ODOM_FROM_BASE.inverse()),
                     'map -> odom')


@scenario('R5', tf_timeout=2.0)
def initial_pose_that_waits_for_the_tree(robot: FakeRobot) -> Script:
    yield from until(lambda: robot.diagnostics, 'diagnostics')
    robot.initial_pose(HERE)
    yield from pause(1.0)
    robot.mount_camera()
    robot.drive()
    yield from until(lambda: near(robot.last_transform('odom'), HERE @ ODOM_FROM_BASE.inverse()),
                     'map -> odom')


@scenario('R5', max_jump_m=1.0)
def initial_pose_without_a_tree(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)
    yield from pause(1.5)
    robot.initial_pose(HERE)
    yield from told(robot, 'initial pose refused', 'base_link', 'camera_optical', 'base_frame')


@scenario('R5', tf_mode='none')
def initial_pose_with_nothing_to_set(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)
    robot.initial_pose(HERE)
    yield from told(robot, 'initial pose refused', 'tf_mode is none', 'max_jump_m')


@scenario('R5', max_jump_m=1.0, reaccept_frames=1000)
def initial_pose_of_a_base_is_compared_at_the_camera(robot: FakeRobot) -> Script:
    robot.mount_camera(pose=FAR_CAMERA)
    robot.stream_colour()
    yield from until(lambda: near(robot.last_transform(
        'base_link'), MAP_FROM_CAMERA @ FAR_CAMERA.inverse()), 'map -> base')
    robot.stream(None)
    yield from pause(1.0)
    there = pose_of(OTHER_COLOUR) @ FAR_CAMERA.inverse()
    robot.initial_pose(there)
    yield from until(lambda: near(robot.last_transform('base_link'), there, 1e-6),
                     'map -> base, without an image')
    robot.stream_colour(OTHER_COLOUR)
    yield from answered(robot, 2)
    assert not robot.said('jump of')
    robot.stream_colour()
    yield from told(robot, 'jump of')


@scenario('R12', mode='on_request')
def robot_that_asks(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from until(lambda: robot.diagnostics, 'diagnostics')
    yield from pause(2.0)
    assert robot.poses == []
    client = robot.client(Trigger, 'relocaliser/relocalise')
    yield from until(client.service_is_ready, 'the service')
    client.call_async(Trigger.Request())  # once, as each asks for a pose
    yield from until(lambda: robot.poses, 'its pose')
    yield from pause(1.0)
    assert len(robot.poses) == 1


@scenario('R12')
def global_localization_is_asked_for(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)
    yield from called(robot, Empty, 'reinitialize_global_localization', Empty.Request())
    yield from answered(robot)


@scenario('R12')
def pose_for_who_comes_late(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot, 2)
    robot.stream(None)
    yield from pause(0.5)
    late = robot.keep(PoseWithCovarianceStamped, 'relocaliser/pose_with_covariance', LATCHED)
    yield from until(lambda: late, 'the latched pose')
    assert near(pose_from_message(late[-1].pose.pose), MAP_FROM_CAMERA)


@scenario('R12', autostart=False)
def lifecycle_manager(robot: FakeRobot) -> Script:
    def change(transition: int) -> Script:
        request = ChangeState.Request()
        request.transition.id = transition
        response = yield from called(robot, ChangeState, 'relocaliser/change_state', request)
        assert response.success, transition

    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CONFIGURE,
                       Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_ACTIVATE):
        yield from change(transition)
    robot.stream_colour()
    yield from answered(robot)
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_DEACTIVATE,
                       Transition.TRANSITION_CLEANUP, Transition.TRANSITION_CLEANUP,
                       Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        yield from change(transition)
    yield from answered(robot)


# time

@scenario('R7')
def stamps_of_a_simulation(robot: FakeRobot) -> Script:
    begin = time.monotonic()
    robot.stream(lambda: colour_image(stamp_ns=round((time.monotonic() - begin + 5) * SECOND)))
    yield from told(robot, 'use_sim_time')


@scenario('R7', use_sim_time=True)
def simulation_without_a_clock(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from told(robot, '/clock')


@scenario('R7')
def stamps_an_hour_ahead(robot: FakeRobot) -> Script:
    robot.stream(lambda: colour_image(stamp_ns=time.time_ns() + 3600 * SECOND))
    yield from told(robot, 'ahead')


@scenario('K3', max_jump_m=1.0)
def late_image(robot: FakeRobot) -> Script:
    yield from connected(robot)
    robot.publish(INFO, camera_info(CAMERA))
    yield from pause(0.5)
    now = time.time_ns()
    for i in range(10):
        robot.publish(IMAGE, colour_image(stamp_ns=now + i * 50_000_000))
        yield from pause(0.15)
    yield from until(lambda: len(robot.poses) >= 3, 'poses')
    yield from pause(1.0)  # for those that are on their way
    before = len(robot.poses)
    last = now + 9 * 50_000_000
    robot.publish(IMAGE, colour_image(stamp_ns=last - 5_000_000))  # 5 ms late
    yield from pause(0.3)
    robot.publish(IMAGE, colour_image(OTHER_COLOUR, last + 50_000_000))  # a jump of some metres
    yield from told(robot, 'jump of')
    assert len(robot.poses) == before
    assert robot.said('stale')


@scenario('K3')
def bag_that_starts_again(robot: FakeRobot) -> Script:
    yield from connected(robot)
    robot.publish(INFO, camera_info(CAMERA))
    yield from pause(0.5)
    now = time.time_ns()
    for offset_s in (0.0, 0.2, 0.4, -60.0, -59.8):
        robot.publish(IMAGE, colour_image(stamp_ns=now + round(offset_s * SECOND)))
        yield from pause(0.4)
    yield from until(lambda: len(robot.poses) >= 4, 'poses before and after')
    yield from told(robot, 'time jumped back')


@scenario('K3', use_sim_time=True)
def clock_that_goes_back(robot: FakeRobot) -> Script:
    yield from connected(robot)
    robot.publish(INFO, camera_info(CAMERA))
    yield from pause(0.5)
    for seconds in (100.0, 100.2, 40.0):
        robot.clock(round(seconds * SECOND))
        yield from pause(0.4)
        robot.publish(IMAGE, colour_image(stamp_ns=round(100.5 * SECOND)))  # as of another clock
        yield from pause(0.4)
    yield from told(robot, 'time jumped back', '60.2')


@scenario('K3')
def two_publishers_of_one_topic(robot: FakeRobot) -> Script:
    second = robot.node.create_publisher(Image, f'/{robot.name}/{IMAGE}', 5)
    robot.stream(lambda: (second.publish(colour_image()), colour_image())[1])
    yield from told(robot, '2 publishers', IMAGE)


# images

@scenario('R8')
def only_compressed_images(robot: FakeRobot) -> Script:
    robot.stream(lambda: (robot.publish(f'{IMAGE}/compressed', colour_jpeg()), None)[1])
    yield from answered(robot, 3)


@scenario('R8', image_transport='raw')
def compressed_images_for_a_raw_node(robot: FakeRobot) -> Script:
    robot.stream(lambda: (robot.publish(f'{IMAGE}/compressed', colour_jpeg()), None)[1])
    yield from told(robot, 'no image', 'compressed', 'image_transport')


@scenario('R8')
def topic_of_another_type(robot: FakeRobot) -> Script:
    other = robot.node.create_publisher(String, f'/{robot.name}/{IMAGE}', 5)
    robot.stream(lambda: (other.publish(String(data='x')), None)[1])
    yield from told(robot, 'no image', 'std_msgs/msg/String')


@scenario('R8', image_transport='compressed')
def raw_images_for_a_compressed_node(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from told(robot, 'no image', f'only /{robot.name}/{IMAGE} has', 'image_transport')


@scenario('R8')
def no_publisher(robot: FakeRobot) -> Script:
    yield from told(robot, 'no image', 'no publisher', IMAGE)


@scenario('R8')
def images_on_another_topic(robot: FakeRobot) -> Script:
    robot.stream(lambda: (robot.publish('front/image', colour_image()), None)[1])
    yield from told(robot, 'no image', 'no publisher', f'/{robot.name}/front/image')


@scenario('R8')
def large_images_without_a_profile(robot: FakeRobot) -> Script:
    large = camera_info(CAMERA.scaled(1920, 1440))
    robot.node.create_publisher(Image, f'/{robot.name}/{IMAGE}', 5)  # its images are lost
    robot.stream(lambda: (robot.publish(INFO, large), None)[1])
    yield from told(robot, 'no image', '7.9 MiB', 'fastdds_large_images.xml')


@scenario('R8')
def camera_that_is_paused(robot: FakeRobot) -> Script:
    robot.node.create_publisher(Image, f'/{robot.name}/{IMAGE}', 5)
    yield from told(robot, 'no image', '1 publisher (/robots)', 'paused')


@scenario('R8', image_reliability='reliable', image_transport='raw')
def reliable_node_and_camera(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)
    yield from told(robot, 'images', 'raw, reliable')


@scenario('R8', image_reliability='reliable')
def best_effort_camera_for_a_reliable_node(robot: FakeRobot) -> Script:
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    lossy = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    camera = robot.node.create_publisher(Image, f'/{robot.name}/{IMAGE}', lossy)
    robot.stream(lambda: (camera.publish(colour_image()), None)[1])
    yield from told(robot, 'QoS', 'image_reliability')


@scenario('R9')
def images_that_are_none(robot: FakeRobot) -> Script:
    def broken() -> CompressedImage:
        message = colour_jpeg()
        data = bytes(message.data)
        start = data.index(b'\xff\xc0')
        message.data = data[:start + 5] + b'\x00\x00' + data[start + 7:]  # height 0
        return message

    turns = iter([broken, colour_jpeg] * 200)
    robot.stream(lambda: (robot.publish(f'{IMAGE}/compressed', next(turns)()), None)[1])
    yield from answered(robot, 5)
    yield from until(lambda: int(robot.values().get('images bad', 0)) >= 3, 'bad images counted')
    response = yield from called(robot, GetState, 'relocaliser/get_state', GetState.Request())
    assert response.current_state.label == 'active'


@scenario('K22')
def image_with_a_wrong_size(robot: FakeRobot) -> Script:
    message = colour_image()
    message.height = 10_000
    robot.publish(INFO, camera_info(CAMERA))
    robot.stream(lambda: (set_stamp(message.header.stamp, time.time_ns()), message)[1])
    yield from told(robot, 'bad image')
    robot.stream_colour()
    yield from answered(robot)


# the model

@scenario('R10', model='overwritten')
def model_that_is_overwritten(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot, 3)
    yield from until(lambda: 'model' in robot.values(), 'the model in the diagnostics')
    folder = Path(robot.values()['model'])
    for file in folder.iterdir():
        data = file.read_bytes()
        with file.open('r+b') as opened:  # in place, as rsync --inplace does
            opened.write(b'\0' * len(data))
    yield from answered(robot, 5)
    assert near(pose_from_message(robot.poses[-1].pose), MAP_FROM_CAMERA)
    shutil.rmtree(folder)
    yield from answered(robot, 3)


@scenario('R2')
def model_without_landmarks(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from told(robot, 'landmarks', 'none')
    yield from answered(robot)


@scenario('R13', max_sigma_m=3)
def whole_number_for_a_number(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from answered(robot)


@scenario('R13', tf_modes='none')
def misspelt_parameter(robot: FakeRobot) -> Script:
    robot.stream_colour()
    yield from told(robot, 'tf_modes', 'did you mean tf_mode')
    yield from answered(robot)
