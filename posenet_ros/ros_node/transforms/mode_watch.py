"""The mode in force: chosen, examined again while the node runs, and said."""

from __future__ import annotations

from collections.abc import Callable
import time
from zlib import crc32

from posenet_ros.ros_node.parameters import Parameters, TfMode
from posenet_ros.ros_node.transforms.mode import (
    advise,
    Choice,
    choose_mode,
    describe_taken,
    find_taken,
    Frames,
    TakenFrame,
)
from posenet_ros.ros_node.transforms.tree import FrameTree
from rclpy.node import Node

LISTEN_S = 1.0  # from the first image on, before anything is sent
SILENCE_S = 5.0  # after which another node's parent on /tf counts no more
MAX_SILENCE_S = 3600.0  # that time doubles each time when the other comes back, up to this
MAX_OFFSET_S = 2.0  # of that time among nodes: two that wait for each other must not start at once
FACT = 'tf_mode'


class ModeWatch:
    """
    Choose the mode, and withhold the transform where its frame has another parent.

    Callers hold the lock.

    :param tree: what others say.
    :param facts: of the diagnostics; `tf_mode` holds the mode in force, and why.
    :param warn: called with (what, why) while the transform is withheld.
    """

    def __init__(self, node: Node, values: Parameters, tree: FrameTree, facts: dict[str, str],
                 warn: Callable[[str, str], None]) -> None:
        self._node, self._tree, self._facts, self._warn = node, tree, facts, warn
        mode = TfMode(values.tf_mode)
        self._given = None if mode is TfMode.AUTO else Choice(mode, 'tf_mode is set to it')
        self._frames = Frames(
            values.map_frame, values.odom_frame, values.base_frame, values.camera_frame)
        self._started_s, self._first_image_s = time.monotonic(), 0.0
        name = node.get_fully_qualified_name().encode()
        self._silence_s = SILENCE_S + MAX_OFFSET_S * crc32(name) / 2 ** 32
        self._choice: Choice | None = None
        self._taken: TakenFrame | None = None
        self._reason, self._has_resumed = '', False
        self.in_force: TfMode | None = None
        facts[FACT] = str(self._given or 'auto, not chosen before the first image')

    def image_came(self, camera_frame: str) -> None:
        """Take the frame of an image."""
        self._first_image_s = self._first_image_s or time.monotonic()
        self._frames = self._frames._replace(camera=camera_frame)

    def examine(self) -> TfMode | None:
        """
        Choose by what was heard until now.

        :returns: the mode in force, NONE where the transform is withheld; None while it is not
            decided, for a second after the first image.
        """
        now_s = time.monotonic()
        choice = self._given or choose_mode(self._tree, self._frames)
        if choice is None or not self._has_listened(choice.mode, now_s):
            return None
        child = self._frames.child(choice.mode)
        taken = child and find_taken(self._tree, self._frames, child, now_s, self._silence_s)
        self._apply(choice, taken or None)
        if self._taken:
            self._warn('transform withheld', self._reason)
        return self.in_force

    def _has_listened(self, mode: TfMode, now_s: float) -> bool:
        """Return whether it is long enough since the node, or the images, began."""
        if mode is TfMode.NONE or (self._first_image_s and mode is self.in_force):
            return True
        needs_image = mode is TfMode.MAP_TO_CAMERA or not (self._given or (
            mode is TfMode.MAP_TO_ODOM))
        if needs_image and not self._first_image_s:
            return False
        return now_s - max(self._started_s, self._first_image_s) >= LISTEN_S

    def _apply(self, choice: Choice, taken: TakenFrame | None) -> None:
        before = self._choice and self._choice.mode, self._taken
        was_sent = self._frames.child(self.in_force) if self.in_force else ''
        again = bool(self._taken) and not taken
        self._choice, self._taken = choice, taken
        self.in_force = TfMode.NONE if taken else choice.mode
        if before == (choice.mode, taken):
            if not taken:
                self._facts[FACT] = str(choice)
            return
        self._has_resumed |= again
        if taken and self._has_resumed and not before[1]:  # the other comes back now and then
            self._silence_s = min(2 * self._silence_s, MAX_SILENCE_S)
        self._reason = self._describe(choice, taken)
        self._facts[FACT] = f'none, because {self._reason}' if taken else str(choice)
        note = f'; nobody else has sent it for {self._silence_s:.0f} s' if again else ''
        if was_sent and was_sent != self._frames.child(choice.mode):
            note += (f'; {self._frames.map_frame} → {was_sent} is sent no more, but who heard it '
                     'may keep it until it starts anew')
        self._node.get_logger().info(f'transform: {self._facts[FACT]}{note}')

    def _describe(self, choice: Choice, taken: TakenFrame | None) -> str:
        if not taken:
            return choice.reason
        who = describe_taken(taken, self._frames, _publishers(self._node, taken.is_static))
        back = '' if taken.is_static else (
            f'. It is sent when that one has been silent for {self._silence_s:.0f} s')
        return (f'{who}, and a frame has one parent. '
                f'{advise(taken, self._tree, self._frames, choice.mode)}{back}')


def _publishers(node: Node, is_static: bool) -> str:
    """Return the names of the other nodes that publish /tf or /tf_static, as far as known."""
    own = node.get_fully_qualified_name()
    found = {f'{info.node_namespace.rstrip("/")}/{info.node_name}'
             for info in node.get_publishers_info_by_topic('/tf_static' if is_static else '/tf')}
    return ' or '.join(sorted(found - {own}))
