"""The choice of the transform (`tf_mode`), and whether its frame is free. Knows no ROS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from posenet_ros.ros_node.parameters import TfMode
from posenet_ros.ros_node.transforms.tree import FrameTree


class Frames(NamedTuple):
    """The names of the frames; `camera` is empty while it is not known."""

    map_frame: str
    odom: str
    base: str
    camera: str

    def child(self, mode: TfMode) -> str:
        """Return the frame whose pose in the map a mode sends; empty where there is none."""
        return {TfMode.MAP_TO_ODOM: self.odom, TfMode.MAP_TO_BASE: self.base,
                TfMode.MAP_TO_CAMERA: self.camera}.get(mode, '')


@dataclass(frozen=True)
class Choice:
    """A mode, and why it was chosen, to follow the word "because"."""

    mode: TfMode
    reason: str

    def __str__(self) -> str:
        return f'{self.mode.value}, because {self.reason}'


@dataclass(frozen=True)
class TakenFrame:
    """A frame that has a parent already, so that nothing may be sent for it."""

    child: str
    parent: str
    is_static: bool


def choose_mode(tree: FrameTree, frames: Frames) -> Choice | None:
    """
    Choose the transform that fits the robot's tree (REP-105).

    A camera below the odometry's frame: map_to_odom; below the base: map_to_base; else
    map_to_camera.

    :returns: None while the camera is not known, unless the base is below the odometry's frame.
    """
    path = tree.path_up(frames.camera or frames.base)
    for mode in (TfMode.MAP_TO_ODOM, TfMode.MAP_TO_BASE):
        if (ancestor := frames.child(mode)) in path[1:]:
            found = path[:path.index(ancestor) + 1]
            return Choice(mode, f'{" → ".join(reversed(found))} was found')
    if not frames.camera:
        return None
    return Choice(TfMode.MAP_TO_CAMERA, f'neither {frames.odom} nor {frames.base} is above '
                  f'{frames.camera} in the TF tree')


def find_taken(tree: FrameTree, frames: Frames, child: str, now_s: float,
               silence_s: float) -> TakenFrame | None:
    """
    Return the frame that must not get a parent of ours: it would be its second.

    Where the map itself is below the child, its parent would close a loop.

    :param silence_s: after which a parent on /tf counts no more; one on /tf_static stays.
    """
    for frame in (child, frames.map_frame):
        link = tree.link(frame)
        if not link or (frame == frames.map_frame and child not in tree.path_up(frame)):
            continue
        if link.is_static or now_s - link.heard_s <= silence_s:
            return TakenFrame(frame, link.parent, link.is_static)
    return None


def describe_taken(taken: TakenFrame, frames: Frames, publishers: str) -> str:
    """
    Say in one clause who has taken a frame.

    :param publishers: names of the nodes that publish the topic.
    """
    topic = '/tf_static' if taken.is_static else '/tf'
    source = f'on {topic}, published by {publishers or "a node that has left"}'
    if taken.child == frames.map_frame:
        return f'{frames.map_frame} has the parent {taken.parent} ({source}), which makes a loop'
    if taken.parent == frames.map_frame:
        return f'another node sends {frames.map_frame} → {taken.child} ({source})'
    return f'{taken.child} has the parent {taken.parent} already ({source})'


def advise(taken: TakenFrame, tree: FrameTree, frames: Frames, mode: TfMode) -> str:
    """Say what to set, where the frame of a mode is taken."""
    root = tree.path_up(taken.child)[-1]
    better = choose_mode(tree, frames)
    if frames.map_frame in (taken.child, taken.parent):
        return 'Stop that node (AMCL, SLAM?), or set tf_mode to none'
    if better and better.mode is not mode:
        return f'Set tf_mode to auto or {better.mode.value}'
    if mode is TfMode.MAP_TO_ODOM:
        return f'Set odom_frame to {root}, or tf_mode to none'
    if taken.is_static and mode is TfMode.MAP_TO_BASE:
        return f'Set base_frame to {root}, or tf_mode to none'
    return f'Set odom_frame to {root} if that is the frame of odometry, else tf_mode to none'
