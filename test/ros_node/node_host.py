"""
Run several relocalisers in one process, for tests: `python node_host.py ROBOTS.json`.

The file holds namespace -> arguments of that node (`-p NAME:=VALUE`, `-r FROM:=TO`).
"""

from __future__ import annotations

from contextlib import suppress
import json
from pathlib import Path
import sys

from posenet_ros.errors import InputError
from posenet_ros.ros_node.lifecycle_node import RelocaliserNode
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor


def main() -> None:
    """Run until the process is interrupted."""
    robots = json.loads(Path(sys.argv[1]).read_text())
    rclpy.init(args=[])
    executor = SingleThreadedExecutor()
    nodes = []
    for namespace, arguments in robots.items():
        try:
            node = RelocaliserNode(namespace=namespace, use_global_arguments=False,
                                   cli_args=['--ros-args', *arguments])
        except InputError as error:  # as the command prints it
            print(f'{namespace}: {error}', flush=True)
            continue
        node.autostart()
        executor.add_node(node)
        nodes.append(node)
    print('all nodes are there', flush=True)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()
    for node in nodes:
        node.close()
        node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
