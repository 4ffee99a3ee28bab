"""The forms of pose files: their names, what they hold, and what they are called on a terminal."""

from __future__ import annotations

from enum import Enum, unique

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean


@unique
class Format(Enum):
    """The formats of pose files; the value is the word of the options."""

    CAMBRIDGE = 'cambridge'
    TUM = 'tum'
    KITTI = 'kitti'
    HLOC = 'hloc'
    COLMAP = 'colmap'
    EUROC = 'euroc'
    SEVEN_SCENES = '7scenes'
    NERFSTUDIO = 'nerfstudio'
    NVM = 'nvm'
    G2O = 'g2o'
    TORO = 'toro'

    @classmethod
    def from_option(cls, text: str) -> Format:
        """
        Return the format that a user names, in any case, or by the name of a program.

        :raises InputError: when there is none of this name.
        """
        word = text.strip().lower()
        known = {**{form.value: form for form in cls}, **ALIASES}
        if word not in known:
            raise InputError(f'a format of poses has to be one of {", ".join(known)}. '
                             f'Received: {text!r}{did_you_mean(word, known)}')
        return known[word]


ALIASES = {
    'ace': Format.HLOC, 'ace0': Format.HLOC, 'asl': Format.EUROC, 'posenet': Format.CAMBRIDGE,
    'rgbd-slam': Format.TUM, 'orb-slam': Format.TUM, 'evo': Format.TUM,
    '7-scenes': Format.SEVEN_SCENES, 'visualsfm': Format.NVM}
# form -> (what it is called, what its rows hold, the convention)
DESCRIPTIONS = {
    Format.CAMBRIDGE: ('Cambridge', 'name X Y Z W P Q R',
                       'camera centre, then world to camera quaternion, w first'),
    Format.TUM: ('TUM', 'stamp tx ty tz qx qy qz qw', 'camera to world, w last'),
    Format.KITTI: ('KITTI', '12 numbers, a 3x4 matrix', 'camera to world'),
    Format.HLOC: ('hloc results', 'name qw qx qy qz tx ty tz', 'world to camera, w first'),
    Format.COLMAP: ('COLMAP', 'id qw qx qy qz tx ty tz camera name', 'world to camera, w first'),
    Format.EUROC: ('EuRoC', 'stamp px py pz qw qx qy qz', 'sensor to world, w first'),
    Format.SEVEN_SCENES: ('7-Scenes', '4x4 matrices', 'camera to world'),
    Format.NERFSTUDIO: ('nerfstudio', 'transforms.json',
                        "camera to world, OpenGL's axes of the camera"),
    Format.NVM: ('VisualSFM', 'name f qw qx qy qz X Y Z d 0',
                 'world to camera quaternion, w first, then camera centre'),
    Format.G2O: ('g2o', 'VERTEX_SE3:QUAT id x y z qx qy qz qw', 'camera to world, w last'),
    Format.TORO: ('TORO', 'VERTEX3 id x y z roll pitch yaw', 'camera to world')}


def describe_format(form: Format) -> str:
    """Describe a format in a few words, as `hloc results: world to camera, w first`."""
    name, _, convention = DESCRIPTIONS[form]
    return f'{name}: {convention}'


def describe_columns(*forms: Format) -> str:
    """List formats with their columns, for a message."""
    return ', '.join(f'{DESCRIPTIONS[form][0]} ({DESCRIPTIONS[form][1]})' for form in forms)
