"""
Start one relocaliser a camera: `... cameras.launch.py cameras:=front,rear model:=FOLDER`.

Each runs in the camera's namespace on its topics image_raw and camera_info; let only one of them
broadcast a transform, or none.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

RELOCALISE = [FindPackageShare('posenet_ros'), 'launch', 'relocalise.launch.py']


def one_a_camera(context: LaunchContext) -> list[GroupAction]:
    """Return the inclusion of relocalise.launch.py for each camera."""
    names = LaunchConfiguration('cameras').perform(context).split(',')
    return [
        GroupAction([IncludeLaunchDescription(
            PythonLaunchDescriptionSource(PathJoinSubstitution(RELOCALISE)),
            launch_arguments=[('namespace', name.strip()), ('image', 'image_raw'),
                              ('camera_info', 'camera_info')])])
        for name in names]


def generate_launch_description() -> LaunchDescription:
    """Declare the cameras; the other arguments are those of relocalise.launch.py."""
    return LaunchDescription([
        DeclareLaunchArgument('cameras', description='namespaces of the cameras, by commas'),
        DeclareLaunchArgument(
            'tf_mode', default_value='none', description='transform that each node broadcasts'),
        OpaqueFunction(function=one_a_camera),
    ])
