"""Benchmark all stages and engines, or one part: see :mod:`posenet_ros.training.bench.options`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
import json
from pathlib import Path
import sys
from typing import Any

from posenet_ros.errors import PoseNetError
from posenet_ros.training.bench.options import ALL, parser, PARTS
from posenet_ros.utils.arguments import input_paths, own_arguments, run_cli
from posenet_ros.utils.atomic_folder import check_new, new_file
from posenet_ros.utils.files.kinds import FIGURES, PICTURE, TABLE
from posenet_ros.utils.quiet_stderr import import_keras

WITHOUT_MODEL = {'model', 'training', 'map', 'localise', 'scale', 'retrieval'}
MARKDOWN, IMAGE = '.md', '.png'


def needs_model(options: argparse.Namespace) -> bool:
    """Return whether a part measures a model that is not given."""
    given = options.model or options.as_echo or options.part in WITHOUT_MODEL
    return not given and not starts_commands(options)


def starts_commands(options: argparse.Namespace) -> bool:
    """Return whether the commands are to be started, rather than a model."""
    return bool(options.part == 'start' and options.of == 'commands')


def run_part(options: argparse.Namespace) -> None:
    """
    Run a part in this process, and write or print its figures.

    :raises PoseNetError: when it needs a GPU, and there is none; with --strict, when a command
        is slow.
    """
    if options.part == 'gpu':
        from posenet_ros.inference.engine import has_nvidia_gpu
        if not has_nvidia_gpu():
            raise PoseNetError('bench gpu measures an NVIDIA GPU: this machine has none')
    if options.out:
        check_new(options.out, FIGURES, force=True, inputs=input_paths(options))
        if options.part == 'localise':
            check_new(options.out.with_suffix(MARKDOWN), TABLE, force=True)
        elif options.part == 'scale':
            check_new(options.out.with_suffix(IMAGE), PICTURE, force=True)
    options.preset = 'smoke' if options.quick else options.presets[0]
    import tempfile  # slow to import, and help does without
    with tempfile.TemporaryDirectory() as scratch:
        if needs_model(options):
            from posenet_ros.training.bench.suite import start_part
            options.model = Path(scratch, 'model')
            start_part('model', Path(scratch, 'made.json'), '--presets', options.preset,
                       '--model', options.model)
        part = PARTS[options.part]
        if part.keras:
            import_keras()
        found = import_module(part.module).benchmark(options)
    if options.out:
        with new_file(options.out) as file:
            file.write_text(json.dumps(found, indent=2) + '\n')
    if options.part == 'node':
        show_node(found)
    elif options.part == 'map':
        show_map(found)
    elif options.part == 'scale':
        show_scale(found, options.out)
    elif options.part == 'localise':
        show_localisation(found, options.out)
    elif options.part == 'retrieval':
        show_retrieval(found)
    elif starts_commands(options):
        show_commands(found, options.strict)
    elif not options.out:
        print(json.dumps(found, indent=2))


def show_node(found: Mapping[str, Any]) -> None:
    """Print the figures of a node."""
    from posenet_ros.evaluation.report.tables import text_table
    from posenet_ros.training.bench.tables import node_rows
    print(text_table(node_rows(found)))


def show_map(found: Mapping[str, Any]) -> None:
    """Print the figures of a map."""
    from posenet_ros.evaluation.report.tables import text_table
    from posenet_ros.training.bench.mapping.rows import map_rows
    print(text_table(map_rows(found)))


def show_retrieval(found: Mapping[str, Any]) -> None:
    """Print the figures of an index beside exact search."""
    from posenet_ros.evaluation.report.tables import text_table
    from posenet_ros.training.bench.retrieval.benchmark import retrieval_rows
    print(text_table(retrieval_rows(found)))


def show_scale(found: Mapping[str, Any], out: Path | None) -> None:
    """
    Print how a map grows.

    :param out: file of the figures; they are drawn beside it, in PNG.
    """
    from posenet_ros.training.bench.scale.rows import draw_growth, scale_text
    print(scale_text(found))
    if out:
        with new_file(out.with_suffix(IMAGE)) as file:
            draw_growth(found, file)


def show_localisation(found: Mapping[str, Any], out: Path | None) -> None:
    """
    Print the figures of the localiser.

    :param out: file of the figures; their tables are written beside it, in Markdown.
    """
    from posenet_ros.training.bench.localisation.rows import as_markdown, as_text
    print(as_text(found))
    if out:
        with new_file(out.with_suffix(MARKDOWN)) as file:
            file.write_text(as_markdown(found) + '\n', encoding='utf-8')


def show_commands(found: Mapping[str, Any], strict: bool) -> None:
    """
    Print the start-up of the commands.

    :param strict: check it, too.
    :raises PoseNetError: when it is, and a command is too slow.
    """
    from posenet_ros.evaluation.report.tables import text_table
    from posenet_ros.training.bench.parts.start import check_ratios
    from posenet_ros.training.bench.tables import command_rows
    print(text_table(command_rows(found)))
    if strict:
        check_ratios(found)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    words = sys.argv[1:] if argv is None else argv
    options = parser().parse_args(own_arguments(words))
    if options.part != ALL:
        run_part(options)
        return 0
    from posenet_ros.training.bench.suite import run_suite
    run_suite(options, words)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
