"""Start the relocaliser: `ros2 launch posenet_ros relocalise.launch.py model:=FOLDER`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node, SetParameter, SetParametersFromFile
from launch_ros.substitutions import FindPackageShare

DEFAULTS = [FindPackageShare('posenet_ros'), 'config', 'relocalise.yaml']
RVIZ = [FindPackageShare('posenet_ros'), 'config', 'relocalise.rviz']

ARGUMENTS = [  # name, default, description
    ('model', '', 'model folder; empty: as in params_file'),
    ('image', 'camera/image_raw', 'topic of the images'),
    ('camera_info', 'camera/camera_info', 'topic of their camera_info'),
    ('params_file', PathJoinSubstitution(DEFAULTS), 'parameters of the node, YAML'),
    ('namespace', '', 'namespace of the node'),
    ('tf_mode', '',
     'transform to broadcast: none, map_to_camera, map_to_base or map_to_odom; empty: as '
     'in params_file'),
    ('refine', '', 'make poses exact by landmarks: true or false; empty: as in params_file'),
    ('use_sim_time', 'false', 'take the time from /clock'),
    ('log_level', 'info', 'debug, info, warn, error or fatal'),
    ('rviz', 'false', 'start RViz, too'),
]


def set_if_given(name: str) -> SetParameter:
    """Return the action that lets a launch argument win over the parameter file."""
    given = NotEqualsSubstitution(LaunchConfiguration(name), '')
    return SetParameter(name, LaunchConfiguration(name), condition=IfCondition(given))


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the node."""
    return LaunchDescription([
        *(DeclareLaunchArgument(name, default_value=default, description=description)
          for name, default, description in ARGUMENTS),
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
