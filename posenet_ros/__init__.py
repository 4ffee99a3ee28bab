"""
Relocalise a camera with PoseNet: a NumPy core, a ROS 2 node and an evaluator.

Importing this package imports neither ROS nor a deep-learning framework, nor NumPy; `load` imports
what the model needs when it is called.
"""

from __future__ import annotations

__version__ = '0.1.0'

TYPE_CHECKING = False  # typing's own would cost a third of the time to import this package

if TYPE_CHECKING:
    from pathlib import Path  # noqa: I300

    from posenet_ros.geometry.pose import Pose
    from posenet_ros.localisation.camera_relocaliser import CameraRelocaliser


def load(folder: Path | str, *, engine: str = 'auto', precision: str = 'float32',
         refine: bool | None = None, mc_samples: int = 0, map_from_dataset: Pose | None = None,
         use_prior: bool = True, tracking: bool = False, **gate: float) -> CameraRelocaliser:
    """
    Load a model folder to relocalise a camera, image by image, as the node does.

        relocaliser = posenet_ros.load('demo/model')
        result = relocaliser(image)  # (H, W, 3) RGB, uint8
        print(result.pose, result.covariance, result.verdict)

    Of a poor image (dark, covered, of another place) the verdict says so and the pose is None;
    only an image that cannot be used at all (no RGB of 8 bits, another camera's) is an error.

    :param folder: as made by `posenet train`.
    :param engine: `auto` (TensorFlow where there is an NVIDIA GPU, else LiteRT), `litert` or
        `tensorflow`.
    :param precision: `float32`; `float16` on a GPU; `int8` where the model folder offers it.
    :param refine: refine poses by landmarks; None does where the folder has them.
    :param mc_samples: number of Monte-Carlo dropout samples, whose covariance is added; 0: off.
    :param map_from_dataset: moves poses from the training dataset's frame into the map; None
        leaves them there.
    :param tracking: track the camera between localisations, for images at its rate with their
        stamps: some 4 ms an image, and a localisation a second.
    :param use_prior: let the last accepted pose, or that of `expect`, tell apart places that look
        the same, where images come with stamps.
    :param gate: limits of :class:`posenet_ros.localisation.gate_config.GateConfig` that differ
        from the node's defaults, such as `max_sigma_m=0.3`.
    :returns: an object to be called with each image of one camera in turn, see
        :class:`posenet_ros.localisation.camera_relocaliser.CameraRelocaliser`.
    :raises InputError: when the folder, an option or a limit is not usable.
    """
    from posenet_ros.geometry.pose import Pose
    from posenet_ros.localisation.camera_relocaliser import make_camera_relocaliser
    from posenet_ros.localisation.factory import RelocaliserOptions

    options = RelocaliserOptions(engine, precision, mc_samples=mc_samples,
                                 map_from_dataset=map_from_dataset or Pose())
    return make_camera_relocaliser(
        folder, options, refine, gate, use_prior=use_prior, tracking=tracking)
