"""Start the relocaliser: `ros2 launch posenet_ros relocalise.launch.py model:=FOLDER`."""

from __future__ import annotations

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from launch import LaunchContext, LaunchDescription
from launch.actions import GroupAction, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from posenet_ros.ros_node.control.launch_actions import declare, set_parameters
from posenet_ros.ros_node.control.launch_arguments import parameter_arguments

DEFAULTS = [FindPackageShare('posenet_ros'), 'config', 'relocalise.yaml']
RVIZ = [FindPackageShare('posenet_ros'), 'config', 'relocalise.rviz']

PARAMETERS = parameter_arguments()
ARGUMENTS = [  # name, default, description
    ('image', 'camera/image_raw', 'topic of the images'),
    ('camera_info', '', 'topic of their camera_info; empty: beside the images'),
    ('params_file', PathJoinSubstitution(DEFAULTS), 'parameters of the node, YAML'),
    ('namespace', '', 'namespace of the node'),
    ('use_sim_time', 'false', 'take the time from /clock'),
    ('log_level', 'info', 'debug, info, warn, error or fatal'),
    ('rviz', 'false', 'start RViz, too'),
]


def start_rviz(context: LaunchContext) -> list[Node | LogInfo]:
    """Return RViz where it is wanted, or the line that it is not installed."""
    if LaunchConfiguration('rviz').perform(context).lower() not in ('true', '1'):
        return []
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError:
        return [LogInfo(msg='rviz:=true needs the package rviz2, which is not installed: the '
                            'relocaliser runs without it')]
    return [Node(package='rviz2', executable='rviz2', namespace=LaunchConfiguration('namespace'),
                 arguments=['-d', PathJoinSubstitution(RVIZ)])]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    return LaunchDescription([
        *declare([*PARAMETERS, *ARGUMENTS]),
        GroupAction([
            *set_parameters(PARAMETERS),
            Node(
                package='posenet_ros', executable='relocaliser',
                namespace=LaunchConfiguration('namespace'), output='screen',
                remappings=[('image', LaunchConfiguration('image'))],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')]),
            OpaqueFunction(function=start_rviz),
        ]),
    ])
