"""
Start one relocaliser a camera: `... cameras.launch.py cameras:=front,rear model:=FOLDER`.

They run in one process and share the model's memory, each in the camera's namespace on its topic
image_raw; let only one of them broadcast a transform, or none.
"""

from launch import LaunchDescription
from launch.actions import GroupAction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from posenet_ros.ros_node.control.launch_actions import declare, set_parameters
from posenet_ros.ros_node.control.launch_arguments import parameter_arguments

DEFAULTS = [FindPackageShare('posenet_ros'), 'config', 'relocalise.yaml']

PARAMETERS = parameter_arguments(tf_mode='none')
ARGUMENTS = [  # name, default, description
    ('cameras', None, 'namespaces of the cameras, by commas'),
    ('image', 'image_raw', "topic of the images, in the camera's namespace"),
    ('camera_info', '', 'topic of their camera_info there; empty: beside the images'),
    ('params_file', PathJoinSubstitution(DEFAULTS), 'parameters of the nodes, YAML'),
    ('namespace', '', 'namespace around those of the cameras'),
    ('use_sim_time', 'false', 'take the time from /clock'),
    ('log_level', 'info', 'debug, info, warn, error or fatal'),
]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments and the process of all cameras."""
    return LaunchDescription([
        *declare([*ARGUMENTS, *PARAMETERS]),
        GroupAction([
            *set_parameters(PARAMETERS),
            Node(
                package='posenet_ros', executable='relocaliser',
                namespace=LaunchConfiguration('namespace'), output='screen',
                arguments=['--cameras', LaunchConfiguration('cameras')],
                remappings=[('image', LaunchConfiguration('image'))],
                ros_arguments=['--log-level', LaunchConfiguration('log_level')]),
        ]),
    ])
