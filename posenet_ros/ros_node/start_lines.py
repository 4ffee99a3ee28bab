"""What the node says of its map and its camera, in a line each."""

from __future__ import annotations

from collections.abc import Mapping

from posenet_ros.errors import InputError
from posenet_ros.inference.map_frame import Scale
from posenet_ros.landmarks.tiles.tile_memory import TileMemory


def map_line(facts: Mapping[str, str], views: int, refine: bool) -> str:
    """
    Say which map is used, and what runs the network.

    :param facts: of the diagnostics; `landmarks` is a number or none.
    :param views: the training images.
    :param refine: whether poses are refined by the landmarks.
    """
    if facts['landmarks'] == 'none':
        landmarks = "landmarks: none, poses are the network's alone"
    else:
        unused = '' if refine else ', not used as refine is false'
        landmarks = f'{int(facts["landmarks"]):,} landmarks of {views:,} views{unused}'
    runs = ('no network' if facts['engine'] == 'none'
            else f'{facts["engine"]} on {facts["device"]}')
    return f'map: {facts["model"]} ({facts["model hash"]:.12}), {landmarks}; {runs}'


def map_memory_values(memory: TileMemory | None) -> dict[str, str]:
    """
    Return what the diagnostics say of a large map's tiles; nothing of one that is all in memory.

    :param memory: of the map.
    """
    if memory is None:
        return {}
    used = memory.in_use()
    return {'map tiles in memory': f'{used.tiles} of {used.of}',
            'map memory (MB)': f'{used.size / 1e6:.1f}'}


def check_scale(scale: Scale, allowed: bool) -> str:
    """
    Return what is to be said of a map's scale at the start; empty for a metric one.

    :param allowed: the parameter allow_unscaled.
    :raises InputError: when there is no scale, and that is not allowed.
    """
    if scale.metric:
        return ''
    if not allowed:
        raise InputError('the map has no metric scale, so no pose can be published in metres: '
                         'give it one by posenet map --scale-from, or set allow_unscaled to '
                         'publish in units of the map. Received: allow_unscaled false')
    return 'the map has no metric scale: all that is published is in units of the map, not metres'


def camera_line(camera: str, images: str) -> str:
    """
    Say which camera the images are of, and from where they come.

    :param camera: its description.
    :param images: topic, transport and reliability.
    """
    return f'camera: {camera}; images: {images}'
