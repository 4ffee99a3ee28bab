"""
Run one of COLMAP's mappers in a process of its own.

Its C++ neither ends at Ctrl-C nor lets Python show progress meanwhile: as a child it can be
stopped, its log can be followed, and what it took of memory is given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import json
import os
from pathlib import Path
import sys
from typing import Any

from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.reconstruction import Mapper

LOG = 'log.txt'
PROBLEM = 'problem.txt'


@dataclass(frozen=True)
class MapperRequest:
    """
    What a mapper is asked.

    :param mapper: value of :class:`posenet_ros.training.sfm.reconstruction.Mapper`.
    :param database: COLMAP's, with verified matches.
    :param output: folder for the models, a folder each, and the log.
    :param refine_camera: whether to refine focal length and radial distortion.
    :param seed: of every random choice.
    :param threads: of the mapper.
    :param part_images: of the hierarchical mapper: images of a part at most, besides those that
        it shares with a neighbour, `overlap` of them.
    """

    mapper: str
    database: str
    output: str
    refine_camera: bool
    seed: int
    threads: int
    part_images: int = 0
    overlap: int = 0


def global_options(library: Any, request: MapperRequest) -> Any:  # noqa: ANN401 - pycolmap's
    """Make the options of the global mapper (Pan et al., GLOMAP, ECCV 2024)."""
    options = library.GlobalPipelineOptions()
    options.num_threads = options.mapper.num_threads = request.threads
    adjustment = options.mapper.bundle_adjustment
    adjustment.refine_focal_length = adjustment.refine_extra_params = request.refine_camera
    adjustment.ceres.solver_options.num_threads = request.threads
    for part in (options, options.mapper, options.mapper.rotation_averaging,
                 options.mapper.global_positioning, options.mapper.retriangulation):
        part.random_seed = request.seed
    return options


def incremental_options(library: Any, request: MapperRequest) -> Any:  # noqa: ANN401 - pycolmap's
    """Make the options of the incremental mapper (Schonberger and Frahm, CVPR 2016)."""
    options = library.IncrementalPipelineOptions()
    options.num_threads = options.mapper.num_threads = request.threads
    options.extract_colors = False
    options.min_model_size = 3
    options.ba_refine_focal_length = options.ba_refine_extra_params = request.refine_camera
    options.mapper.abs_pose_refine_focal_length = request.refine_camera
    options.mapper.abs_pose_refine_extra_params = request.refine_camera
    for part in (options, options.mapper, options.triangulation):
        part.random_seed = request.seed
    return options


def hierarchical_options(library: Any, request: MapperRequest) -> Any:  # noqa: ANN401 - pycolmap's
    """
    Make the options of the hierarchical mapper (Schonberger and Frahm, CVPR 2016).

    It cuts the view graph in two where the fewest matches are, and again, maps each part by the
    incremental mapper, and joins those that have images in common by a robust similarity.
    """
    options = library.HierarchicalPipelineOptions()
    options.num_threads = request.threads
    options.num_workers = request.threads
    options.clustering_options.leaf_max_num_images = request.part_images
    options.clustering_options.image_overlap = request.overlap
    options.incremental_options = incremental_options(library, request)
    return options


def adjust_models(library: Any, request: MapperRequest) -> None:  # noqa: ANN401 - pycolmap's
    """
    Adjust all poses and points of each model that was joined from parts, and write it anew.

    The loss is robust: tracks that a wrong match joined across parts would bend the joint.
    """
    options = library.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_extra_params = request.refine_camera
    options.ceres.solver_options.num_threads = request.threads
    options.ceres.loss_function_type = library.LossFunctionType.CAUCHY
    for file in sorted(Path(request.output).glob('*/images.bin')):
        model = library.Reconstruction(str(file.parent))
        library.bundle_adjustment(model, options)
        model.write(str(file.parent))


def run_mapper(request: MapperRequest) -> None:
    """Map, and write the models to the output folder."""
    library = load_pycolmap()
    library.logging.minloglevel = 0  # the log tells the progress
    mapping, options = {
        Mapper.GLOBAL.value: (library.global_mapping, global_options),
        Mapper.INCREMENTAL.value: (library.incremental_mapping, incremental_options),
        Mapper.HIERARCHICAL.value: (library.hierarchical_mapping, hierarchical_options),
    }[request.mapper]
    mapping(request.database, request.output, request.output, options(library, request))
    if request.mapper == Mapper.HIERARCHICAL.value:
        adjust_models(library, request)


def main(arguments: Sequence[str]) -> int:
    """
    Run as a child process.

    :param arguments: the request as JSON.
    :returns: 0 when it is done; 1 after an error, which is then in the file PROBLEM.
    """
    request = MapperRequest(**json.loads(arguments[0]))
    output = Path(request.output)
    with (output / LOG).open('wb') as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        run_mapper(request)
    except Exception as error:  # whatever C++ throws
        (output / PROBLEM).write_text(' '.join(str(error).split()) or type(error).__name__)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
