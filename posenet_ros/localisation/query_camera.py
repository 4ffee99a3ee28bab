"""The camera of the images to localise, beside the model's."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.localisation.camera_info_policy import CameraInfoPolicy
from posenet_ros.localisation.relocaliser import Relocaliser


@dataclass(frozen=True)
class QueryCamera:
    """
    How images of a camera are localised.

    :param camera: of the images; None means the model's, at the images' size.
    :param warp_into: the camera into which they are warped for the network; None does not warp.
    :param refusal: why they cannot be used; empty when they can.
    :param difference: how their camera differs from the model's; empty when it does not.
    """

    camera: Camera | None = None
    warp_into: Camera | None = None
    refusal: str = ''
    difference: str = ''


def choose_query_camera(relocaliser: Relocaliser, camera: Camera | None,
                        policy: CameraInfoPolicy) -> QueryCamera:
    """
    Compare the camera of the images with the model's, and apply the policy.

    :param camera: of the images; None where nothing says it.
    """
    if camera is None or policy is CameraInfoPolicy.IGNORE:
        return QueryCamera()
    try:
        relocaliser.check_camera(camera)
    except InputError as error:
        if policy is CameraInfoPolicy.REFUSE:
            return QueryCamera(camera, refusal=str(error), difference=str(error))
        return QueryCamera(camera, relocaliser.camera.undistorted(), difference=str(error))
    return QueryCamera(camera)
