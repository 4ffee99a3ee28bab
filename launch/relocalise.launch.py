"""Start the relocaliser: `ros2 launch posenet_ros relocalise.launch.py model:=FOLDER`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node, SetParameter, SetParametersFromFile
from launch_ros.substitutions import FindPackageShare

DEFAULTS = [FindPackageShare('posenet_ros'), 'config', 'relocalise.yaml']
RVIZ = [FindPackageShare('posenet_ros'), 'config', 'relocalise.rviz']


def set_if_given(name: str) -> SetParameter:
    """Return the action that lets a launch argument win over the parameter file."""
    given = NotEqualsSubstitution(LaunchConfiguration(name), '')
    return SetParameter(name, LaunchConfiguration(name), condition=IfCondition(given))


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    return LaunchDescription([
        DeclareLaunchArgument(
            'model', default_value='',
            description='model folder; empty: as in params_file'),
        DeclareLaunchArgument(
            'image', default_value='camera/image_raw', description='topic of the images'),
        DeclareLaunchArgument(
            'camera_info', default_value='camera/camera_info',
            description='topic of their camera_info'),
        DeclareLaunchArgument(
            'params_file', default_value=PathJoinSubstitution(DEFAULTS),
            description='parameters of the node, YAML'),
        DeclareLaunchArgument('namespace', default_value='', description='namespace of the node'),
        DeclareLaunchArgument(
            'tf_mode', default_value='',
            description='transform to broadcast: none, map_to_camera, map_to_base or map_to_odom; '
            'empty: as in params_file'),
        DeclareLaunchArgument(
            'refine', default_value='',
            description='make poses exact by landmarks: true or false; empty: as in params_file'),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', description='take the time from /clock'),
        DeclareLaunchArgument(
            'log_level', default_value='info',
            description='debug, info, warn, error or fatal'),
        DeclareLaunchArgument('rviz', default_value='false', description='start RViz, too'),
        GroupAction([
            SetParametersFromFile(LaunchConfiguration('params_file')),
            SetParameter('use_sim_time', LaunchConfiguration('use_sim_time')),
            set_if_given('model'),
            set_if_given('tf_mode'),
            set_if_given('refine'),
            Node(
                package='posenet_ros', executable='relocaliser',
                namespace=LaunchConfiguration('namespace'), output='screen',
                remappings=[('image', LaunchConfiguration('image')),
                            ('camera_info', LaunchConfiguration('camera_info'))],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')]),
            Node(
                package='rviz2', executable='rviz2',
                namespace=LaunchConfiguration('namespace'),
                arguments=['-d', PathJoinSubstitution(RVIZ)],
                condition=IfCondition(LaunchConfiguration('rviz'))),
        ]),
    ])
