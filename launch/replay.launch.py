"""
Start the relocaliser and play a bag to it, with the bag's time.

`ros2 launch posenet_ros replay.launch.py model:=FOLDER bag:=BAG`; ends with the bag.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import IfElseSubstitution, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from posenet_ros.ros_node.control.launch_actions import declare
from posenet_ros.ros_node.control.launch_arguments import image_source

RELOCALISE = [FindPackageShare('posenet_ros'), 'launch', 'relocalise.launch.py']

ARGUMENTS = [  # name, default, description
    ('bag', None, 'rosbag2 folder, .mcap or .db3 file'),
    ('rate', '1.0', "speed of the bag's time"),
    ('loop', 'false', 'start again at the end'),
    ('use_sim_time', 'true', 'take the time from /clock'),
    ('image', '', 'topic of the images; empty: the only one of the bag'),
    ('image_transport', '', 'raw or compressed; empty: as the bag has it'),
]


def read_bag(context: LaunchContext) -> list[SetLaunchConfiguration]:
    """Take the topic of the images and their transport from the bag; raise where it is wrong."""
    bag = Path(LaunchConfiguration('bag').perform(context)).expanduser()
    topic, transport = image_source(bag, LaunchConfiguration('image').perform(context))
    wanted = LaunchConfiguration('image_transport').perform(context)
    return [SetLaunchConfiguration('bag', str(bag)), SetLaunchConfiguration('image', topic),
            SetLaunchConfiguration('image_transport', wanted or transport)]


def end(event: ProcessExited, context: LaunchContext) -> list[Shutdown]:
    """End with the bag; raise where it was not played."""
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f'the bag was not played, see above: exit code {event.returncode}')
    return [Shutdown()]


def generate_launch_description() -> LaunchDescription:
    """Declare the player's arguments; the others are those of relocalise.launch.py."""
    return LaunchDescription([
        *declare(ARGUMENTS, includes=True),
        OpaqueFunction(function=read_bag),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(PathJoinSubstitution(RELOCALISE))),
        Node(
            package='posenet_ros', executable='replay', output='screen', on_exit=end,
            arguments=[
                LaunchConfiguration('bag'), '--rate', LaunchConfiguration('rate'), '--clock',
                # a flag that is given twice is as one given once
                IfElseSubstitution(LaunchConfiguration('loop'), '--loop', '--clock')]),
    ])
