"""What the node says at the start of its map and its camera, in a line each."""

from __future__ import annotations

from collections.abc import Mapping


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


def camera_line(camera: str, images: str) -> str:
    """
    Say which camera the images are of, and from where they come.

    :param camera: its description.
    :param images: topic, transport and reliability.
    """
    return f'camera: {camera}; images: {images}'
