"""The options of work that is done as tasks."""

from __future__ import annotations

import argparse

from posenet_ros.utils.arguments import count


def add_task_options(group: argparse._ActionsContainer, processes: str, instead: str) -> None:
    """
    Add --jobs and --scheduler.

    :param processes: help of the processes; `instead`: what workers of a cluster do instead.
    """
    group.add_argument('--jobs', type=count, default=1, metavar='N',
                       help=f'{processes} (default: %(default)s); the result is the same')
    add_scheduler(group, instead)


def add_scheduler(group: argparse._ActionsContainer, instead: str) -> None:
    """Add --scheduler, with what its workers do."""
    group.add_argument('--scheduler', metavar='ADDRESS', help='of a Dask scheduler, such as '
                       f'tcp://host:8786, whose workers {instead}')
