"""Show the map of a place in the browser: landmarks, training walk and a report's estimates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
import re
import sys
from threading import Event
from typing import TYPE_CHECKING

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.evaluation.options import add_topics
from posenet_ros.utils.arguments import CommandParser, run_cli
from posenet_ros.utils.choices import MAX_POSE_GAP_S

if TYPE_CHECKING:
    from posenet_ros.evaluation.viewer.content import Content
    from posenet_ros.evaluation.viewer.images import Images
    from posenet_ros.inference.artifact import LoadedArtifact

VISER = 1, 1  # the first version that has panels


def _port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f'expected 1 to 65535. Received: {text}')
    return int(text)


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    result.add_argument('model', type=Path, metavar='MODEL', help='model folder')
    result.add_argument('report', type=Path, nargs='?', metavar='REPORT',
                        help='folder made by posenet evaluate: shows its estimates')
    result.add_argument('--data', type=Path, metavar='FOLDER', help='dataset, for the images: '
                        'colours the landmarks, and shows the image of a camera that is clicked')
    result.add_argument('--bag', type=Path, help='the same with the images of a bag; with --data, '
                        'for the images that are not in the dataset')
    result.add_argument('--host', default='127.0.0.1', help='address to listen on (default '
                        '%(default)s: this machine alone; 0.0.0.0: every machine of the network)')
    result.add_argument('--port', type=_port, help='default: the first free one from 8080')
    add_topics(result.add_argument_group('with --bag', 'topics default to the only one'))
    result.set_defaults(max_truth_gap=MAX_POSE_GAP_S)
    return result


def check_viser() -> None:
    """
    Check that viser is installed.

    :raises PoseNetError: when it is not, or too old.
    """
    from importlib.metadata import PackageNotFoundError, version
    remedy = f"Install it: pip install 'viser>={VISER[0]}.{VISER[1]}'"
    try:
        found = version('viser')
    except PackageNotFoundError:
        raise PoseNetError(f'the view needs viser. {remedy}') from None
    if tuple(map(int, re.findall(r'\d+', found)[:2])) < VISER:
        raise PoseNetError(f'the view needs a newer viser. Received: {found}. {remedy}')


def open_images(options: argparse.Namespace) -> list[Images]:
    """Open the images that the options name."""
    from posenet_ros.evaluation.evaluator import topics_from_options
    from posenet_ros.evaluation.viewer.images import BagImages, DatasetImages
    found: list[Images] = [DatasetImages(options.data)] if options.data else []
    return found + ([BagImages(options.bag, topics_from_options(options))] if options.bag else [])


def load_content(model: LoadedArtifact, report: Path | None) -> Content:
    """
    Read what is to be shown.

    :raises InputError: when the report is no report, or the model has no training images.
    """
    from posenet_ros.evaluation.viewer.content import make_content
    from posenet_ros.evaluation.viewer.frames_file import read_frames
    from posenet_ros.landmarks.place_map import load_place_map
    # browsers draw 32 bits: all is shown relative to the model's origin
    model_from_dataset = model.scene.dataset_from_model.inverse()
    place = load_place_map(model, model_from_dataset)
    if not place.views:
        raise InputError(f'{model.folder} has to have training images. Received: none')
    frames = read_frames(report, model.scene.origin_m) if report else None
    return make_content(place, model.camera, frames)


def show(options: argparse.Namespace, model: LoadedArtifact, content: Content,
         images: Sequence[Images], port: int) -> None:
    """Serve the page until Ctrl-C."""
    from posenet_ros.evaluation.viewer.camera_details import CameraViewer
    from posenet_ros.evaluation.viewer.colours import colours_of_height
    from posenet_ros.evaluation.viewer.content import landmark_colours
    from posenet_ros.evaluation.viewer.panel import Panel
    from posenet_ros.evaluation.viewer.scene import look_at, Scene
    from posenet_ros.evaluation.viewer.server import how_to_open, serve
    from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
    cameras = CameraViewer(content.place, content.camera, images, lambda: make_relocaliser(
        model, RelocaliserOptions(refine=True, map_from_dataset=(
            model.scene.dataset_from_model.inverse()))).relocaliser)
    title = options.model.resolve().name
    with serve(options.host, port, f'posenet view {title}') as server, suppress(KeyboardInterrupt):
        look_at(server, content.first_look)
        scene = Scene(server, content)
        panel = Panel(server, content, scene, cameras)
        scene.draw(colours_of_height(content.place.points_m, content.up), panel.show_view,
                   panel.show_frame)
        panel.add_controls(title)
        print(how_to_open(options.host, port), flush=True)
        colours, line = landmark_colours(content, images)
        scene.recolour(colours)
        print(line, flush=True)
        Event().wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Show the map until Ctrl-C."""
    options = parser().parse_args(argv)
    check_viser()
    from posenet_ros.evaluation.viewer.server import choose_port
    from posenet_ros.inference.artifact import load
    port, note = choose_port(options.host, options.port)
    model = load(options.model)
    content, images = load_content(model, options.report), open_images(options)
    for line in filter(None, (note, *content.notes)):
        print(line, flush=True)
    show(options, model, content, images, port)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
