"""
Start the relocaliser and play a bag to it, with the bag's time.

`ros2 launch posenet_ros replay.launch.py model:=FOLDER bag:=BAG`; ends with the bag.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import IfElseSubstitution, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

RELOCALISE = [FindPackageShare('posenet_ros'), 'launch', 'relocalise.launch.py']


def generate_launch_description() -> LaunchDescription:
    """Declare the player's arguments; the others are those of relocalise.launch.py."""
    return LaunchDescription([
        DeclareLaunchArgument('bag', description='rosbag2 folder, .mcap or .db3 file'),
        DeclareLaunchArgument('rate', default_value='1.0', description="speed of the bag's time"),
        DeclareLaunchArgument(
            'loop', default_value='false', description='start again at the end'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='true', description='take the time from /clock'),
        IncludeLaunchDescription(PythonLaunchDescriptionSource(PathJoinSubstitution(RELOCALISE))),
        Node(
            package='posenet_ros', executable='replay', output='screen', on_exit=Shutdown(),
            arguments=[
                LaunchConfiguration('bag'), '--rate', LaunchConfiguration('rate'), '--clock',
                # a flag that is given twice is as one given once
                IfElseSubstitution(LaunchConfiguration('loop'), '--loop', '--clock')]),
    ])
