"""
Follow one image through the node and through the evaluator: what is called, in order.

    python -m test.image_life MODEL IMAGE [--refine]

prints a JSON object: for `node` and `evaluator` the `functions` in the order of their first call,
the `folders` in the order of first entry, and the `arrows` of calls from folder to folder. It is
measured, so doc/architecture.md can be held to it.
"""

from __future__ import annotations

from array import array
import json
from pathlib import Path
import sys
import time

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from call_recorder import Calls, record_calls  # noqa: E402
import numpy as np  # noqa: E402
from posenet_ros.evaluation.metrics.largest_errors import WorstFrames  # noqa: E402
from posenet_ros.evaluation.runner import run  # noqa: E402
from posenet_ros.evaluation.sources import QueryImage  # noqa: E402
from posenet_ros.geometry.pose import Pose  # noqa: E402
from posenet_ros.imaging.files import read_image  # noqa: E402
from posenet_ros.inference.artifact import load  # noqa: E402
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions  # noqa: E402
from posenet_ros.localisation.gate import Gate  # noqa: E402
from posenet_ros.localisation.gate_config import NODE_DEFAULTS  # noqa: E402
from posenet_ros.localisation.query_camera import QueryCamera  # noqa: E402


def through_node(model: Path, image: np.ndarray, refine: bool) -> Calls:
    """Publish nothing, but give the node's callback one message and wait for its pose."""
    from posenet_ros.ros_node.lifecycle_node import RelocaliserNode
    import rclpy
    from sensor_msgs.msg import Image

    # the evaluator localises every image, as a node that does not track
    rclpy.init(args=['node', '--ros-args', '-p', f'model:={model}', '-p', f'refine:={refine}',
                     '-p', "tracking:='false'"])
    height, width = image.shape[:2]
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width,
                    data=array('B', image.tobytes()))
    message.header.frame_id = 'camera'
    message.header.stamp.sec = int(time.time())
    with record_calls() as calls:
        node = RelocaliserNode()
        node.autostart()
        calls.functions.clear()
        calls.arrows.clear()
        # not by an executor, whose timers would be recorded
        node._runtime._on_image(message, QueryCamera())
        end_s = time.monotonic() + 20
        while not node._diagnostics.counts['answered'] and time.monotonic() < end_s:
            time.sleep(0.05)
        time.sleep(0.2)  # the thread publishes after it has counted
        recorded = Calls(list(calls.functions), dict(calls.arrows))
    assert node._diagnostics.counts['answered'], dict(node._diagnostics.counts)
    node.close()
    node.destroy_node()
    rclpy.try_shutdown()
    return recorded


def through_evaluator(model: Path, image: Path, refine: bool) -> Calls:
    """Run the evaluator's loop over one image."""
    artifact = load(model)
    loaded = make_relocaliser(artifact, RelocaliserOptions(refine=refine))
    query = QueryImage('one', 1, Pose(), lambda reduction: read_image(image, '', reduction))
    gate, worst_frames = Gate(NODE_DEFAULTS, artifact.scene), WorstFrames()
    with record_calls() as calls:
        frames = list(
            run([query], None, loaded.relocaliser, gate, artifact.train, worst_frames))
    assert frames[0].estimate is not None
    return calls


def main(model: str, image: str, *options: str) -> None:
    """Print what was called."""
    refine = '--refine' in options
    lives = {'evaluator': through_evaluator(Path(model), Path(image), refine),
             'node': through_node(Path(model), read_image(Path(image)), refine)}
    print(json.dumps({name: {
        'folders': calls.folders, 'functions': calls.functions,
        'arrows': [[*arrow, first] for arrow, first in calls.arrows.items()]}
        for name, calls in lives.items()}, indent=1))


if __name__ == '__main__':
    main(*sys.argv[1:])
