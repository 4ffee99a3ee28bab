"""What to do with images of another camera than the model's; light to import, for options."""

from __future__ import annotations

from enum import Enum, unique

from posenet_ros.errors import InputError


@unique
class CameraInfoPolicy(Enum):
    """
    The policies; the value is the word of the parameter and of the option.

    ADAPT localises by landmarks, from the image as it is; the network gets the image warped into
    its camera. REFUSE answers no image. IGNORE takes the images for the model's camera's.
    """

    ADAPT = 'adapt'
    REFUSE = 'refuse'
    IGNORE = 'ignore'


POLICIES = tuple(policy.value for policy in CameraInfoPolicy)
RECTIFY = 'rectify'  # the word of old parameter files


def read_policy(name: str) -> tuple[CameraInfoPolicy, str]:
    """
    Read a policy by its name.

    :returns: the policy, and a warning where the name is an old one, else empty.
    :raises InputError: when there is none of that name.
    """
    if name == RECTIFY:
        return CameraInfoPolicy.ADAPT, (
            "camera_info_policy 'rectify' is read as 'adapt': images of another camera are "
            'localised by landmarks')
    if name not in POLICIES:
        raise InputError(f'camera_info_policy has to be one of {", ".join(POLICIES)}. '
                         f'Received: {name!r}')
    return CameraInfoPolicy(name), ''
