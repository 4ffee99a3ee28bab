"""
Make the reference pages of the documentation from the code: `python doc/make_reference.py`.

Options come from the commands' parsers, parameters from the node's dataclass, keys of the model
folder from docstrings, those of the report from its schema. Neither ROS nor OpenCV is imported.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, fields
from importlib import import_module
import inspect
import json
import os
from pathlib import Path
import re
import sys
import textwrap
from typing import Any

if (Path(__file__).parents[1] / 'posenet_ros').is_dir():  # not in rosdoc2's copy of this folder
    sys.path.insert(0, str(Path(__file__).parents[1]))

import posenet_ros
from posenet_ros.cli import VERBS
from posenet_ros.ros_node.control.launch_arguments import parameter_arguments
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.utils.settings.described_fields import as_list, describe_allowed

ROOT = Path(posenet_ros.__file__).parents[1]

FIRST_FIVE = ('model', 'refine', 'tf_mode', 'camera_frame', 'max_sigma_m')
# The parameters by subject, in the order of the page; a test holds the list complete.
GROUPS = {
    'Model and inference': ('model', 'engine', 'precision', 'mc_samples', 'refine', 'tracking',
                            'max_map_memory_mb', 'allow_unscaled', 'autostart', 'mode'),
    'Camera and images': (
        'image_transport', 'image_reliability', 'image_durability', 'image_depth',
        'image_timeout', 'camera_info_policy', 'max_failures', 'recover_after_s'),
    'Frames and TF': (
        'map_frame', 'camera_frame', 'base_frame', 'odom_frame', 'tf_mode', 'tf_timeout',
        'tf_publish_rate', 'tf_smoothing_time', 'transform_tolerance', 'planar',
        'set_initial_pose', 'initial_pose', 'use_prior', 'prior_timeout',
        'map_from_dataset_xyz',
        'map_from_dataset_quat_xyzw'),
    'Gate: which poses are withheld': (
        'max_sigma_m', 'max_sigma_deg', 'max_place_score', 'max_distance_m', 'max_jump_m',
        'max_jump_deg', 'reaccept_frames', 'max_age_s'),
    'Gate: which images get no pose': (
        'reject_faulty_images', 'reject_blurred_images', 'max_identical_images', 'min_sharpness'),
    'Output': ('publish_base_pose', 'path_length', 'smoothing_acceleration',
               'smoothing_angular_acceleration'),
}
OTHERS = 'More'  # a parameter that no group names yet
PARTS = {  # key of artifact.json -> file and class whose docstring describes what it holds
    'network': ('posenet_ros/networks/config.py', 'NetworkConfig'),
    'preprocess': ('posenet_ros/imaging/preprocess.py', 'Preprocess'),
    'camera': ('posenet_ros/geometry/camera.py', 'Camera'),
    'scene': ('posenet_ros/inference/calibration.py', 'Scene'),
    'calibration': ('posenet_ros/inference/calibration.py', 'Calibration'),
    'scale': ('posenet_ros/inference/map_frame.py', 'Scale'),
    'up': ('posenet_ros/inference/map_frame.py', 'Up'),
}
ARRAYS = {
    'train.npz': ('posenet_ros/inference/train_index.py', 'TrainIndex'),
    'landmarks.npz': ('posenet_ros/landmarks/landmark_map.py', 'LandmarkMap'),
    'landmarks.npz: views': ('posenet_ros/landmarks/landmark_map.py', 'Views'),
    'landmarks.npz: vocabulary': ('posenet_ros/landmarks/landmark_map.py', 'Vocabulary'),
}
MEANINGS = {  # of keys that the schema does not describe
    'accepted': 'frames whose estimate the gate accepted',
    'axes': 'of each axis of the map, and about it',
    'constant': 'errors of the mean training pose, for all frames',
    'coverage': 'proportion of the errors within 1, 2 and 3 sigma',
    'dropped': 'frames without an estimate', 'estimated': 'frames with an estimate',
    'expected': 'what an exact covariance would have', 'frames': 'number of frames',
    'smallest': 'the smallest', 'largest': 'the largest',
    'max': 'largest error', 'mean': 'mean error', 'median': 'median error', 'rmse': 'root mean '
    'square error', 'std': 'standard deviation of the error', 'min': 'smallest error',
    'nearest_train_image': 'errors of the pose of the training image that looks most alike',
    'nearest_train_position': 'errors of the training pose nearest to the truth',
    'limit_m': "the limit of the position's error, metres", 'limit_deg': 'that of the '
    'rotation, degrees',
    'nees_mean': 'mean normalised estimation error squared', 'nees_median': 'its median',
    'p50': 'median', 'p75': '75th percentile', 'p90': '90th percentile',
    'p95': '95th percentile', 'p99': '99th percentile', 'pose': 'all six axes together',
    'rotation': 'the rotation', 'rotation_deg': 'of the rotation, degrees',
    'total': 'all frames that have a truth', 'translation': 'the position',
    'translation_m': 'of the position, metres', 'recall': 'proportion of all frames within both '
    'limits', 'baselines': 'medians of simple answers to the same frames',
}
NOT_IN_A_FILE = {'memory'}  # of what the classes describe
SCHEMA = 'posenet_ros/evaluation/report/report.schema.json'


def escaped(text: str) -> str:
    """Return a text so that a cell of a Markdown table shows it as it is."""
    return re.sub(r'([*_<|\[\]])', r'\\\1', ' '.join(text.split()))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], kind: str = '') -> str:
    """Make a Markdown table; `kind` is the class that style sheets know it by."""
    lines = [f'| {" | ".join(row)} |' for row in (head, ('---',) * len(head), *rows)]
    body = '\n'.join(lines)
    return f'::::{{rst-class}} {kind}\n::::\n\n{body}\n' if kind else f'{body}\n'


# --- commands

def make_parser(module: str, verb: str) -> argparse.ArgumentParser:
    """Return the parser of a command, called as `posenet VERB`."""
    make: Callable[..., argparse.ArgumentParser] = import_module(module).parser
    result = make(**({'prog': f'posenet {verb}'} if 'prog' in inspect.signature(make).parameters
                     else {}))
    result.prog = f'posenet {verb}'
    return result


def _words_of(action: argparse.Action) -> str:
    """Return an option as one types it, such as `--out FOLDER`."""
    names = action.option_strings or ['']
    value = '' if action.nargs == 0 else (
        action.metavar or ('{' + ','.join(map(str, action.choices)) + '}' if action.choices
                           else action.dest.upper()))
    value = ' '.join(value) if isinstance(value, tuple) else value
    value += ' ...' if action.nargs in ('+', '*') else ''
    return f'`{", ".join(names)}{" " if names[0] and value else ""}{value}`'


def _help_of(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    text = (action.help or '') % {**vars(action), 'prog': parser.prog}
    shown = isinstance(action.default, str | int | float) and not isinstance(action.default, bool)
    default = f' (default: {action.default})' if (
        shown and action.default != '' and 'default' not in text) else ''
    required = ' **Required.**' if action.required and action.option_strings else ''
    return escaped(text + default) + required


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a description; an indented one is a listing."""
    for paragraph in re.split(r'\n\s*\n', text.strip('\n')):
        yield (f'```text\n{textwrap.dedent(paragraph)}\n```\n' if paragraph.startswith('    ')
               else f'{escaped(paragraph)}\n')


def _command_page(verb: str, module: str, summary: str) -> Iterator[str]:
    parser = make_parser(module, verb)
    yield f'## posenet {verb}\n'
    usage = parser.format_usage().replace('\n       ', '\n').removeprefix('usage: ').rstrip()
    yield f'```text\n{usage}\n```\n'
    yield from _paragraphs(parser.description or f'{summary[:1].upper()}{summary[1:]}.')
    for group in parser._action_groups:
        rows = [(_words_of(action), _help_of(action, parser)) for action in group._group_actions
                if action.dest != 'help' and action.help != argparse.SUPPRESS]
        if rows:
            if group.title not in ('options', 'positional arguments'):
                yield f'*{escaped(group.title or "")}*\n'
            yield table(('option', 'meaning'), rows, 'options')


def commands() -> str:
    """Make the page of all commands and their options."""
    os.environ['COLUMNS'] = '90'  # the width of usage lines, whatever the terminal
    rows = [(f'[`posenet {verb}`](#posenet-{verb})', item.summary) for verb, item in VERBS.items()]
    pages = [line for verb, item in VERBS.items()
             for line in _command_page(verb, item.module, item.summary)]
    return '\n'.join([table(('command', 'what it does'), rows), *pages])


# --- parameters

def grouped() -> dict[str, list[Field[Any]]]:
    """Return the parameters by subject; those that no group names are in a last one."""
    known = {item.name: item for item in fields(Parameters)}
    result = {title: [known[name] for name in names if name in known]
              for title, names in GROUPS.items()}
    named = {name for names in GROUPS.values() for name in names}
    rest = [item for name, item in known.items() if name not in named]
    return {**result, **({OTHERS: rest} if rest else {})}


def _parameter_row(item: Field[Any]) -> tuple[str, ...]:
    default = "''" if item.default == '' else str(as_list(item.default)).lower()
    allowed = describe_allowed(item).replace(' to 1e+06', ' or more')
    live = ' ↻' if item.metadata['live'] else ''
    return (f'`{item.name}`{live}', f'`{default}`', escaped(item.metadata['description'])
            + (f' *{allowed}*' if allowed else ''))


def parameters() -> str:
    """Make the tables of the node's parameters."""
    known = {item.name: item for item in fields(Parameters)}
    head = ('parameter', 'default', 'meaning')
    parts = ['## Start with these five\n', table(
        head, [_parameter_row(known[name]) for name in FIRST_FIVE if name in known],
        'parameters')]
    for title, items in grouped().items():
        parts += [f'## {title}\n', table(head, [_parameter_row(item) for item in items],
                                         'parameters')]
    return '\n'.join(parts)


# --- launch files

def launch_arguments(file: Path) -> dict[str, str]:
    """Return the arguments that a launch file declares, and their descriptions."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'DeclareLaunchArgument':
            words = {key.arg: key.value for key in node.keywords}
            if node.args and isinstance(node.args[0], ast.Constant):
                found[str(node.args[0].value)] = _constant(words.get('description'))
        if (isinstance(node, ast.Tuple) and len(node.elts) == 3
                and isinstance(node.elts[0], ast.Constant)
                and isinstance(node.elts[2], ast.Constant)):
            found[str(node.elts[0].value)] = _constant(node.elts[2])
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'parameter_arguments':
            found |= {name: text for name, _, text in parameter_arguments()}
    return found


def _constant(node: ast.expr | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ''


def launch_files() -> str:
    """Make the tables of the launch files' arguments."""
    parts = []
    for file in sorted((ROOT / 'launch').glob('*.launch.py')):
        title = next(line for line in (ast.get_docstring(ast.parse(file.read_text())) or ''
                                       ).splitlines() if line)
        rows = [(f'`{name}`', escaped(text)) for name, text in launch_arguments(file).items()]
        parts += [f'## {file.name}\n', escaped(title.split(':')[0].rstrip('.')) + '.\n',
                  table(('argument', 'meaning'), rows)]
    return '\n'.join(parts)


# --- model folder and report

def described_keys(file: str, name: str) -> list[tuple[str, str]]:
    """Return the `:param` fields of a class's docstring: key and meaning."""
    tree = ast.parse((ROOT / file).read_text())
    found = next(node for node in ast.walk(tree)
                 if isinstance(node, ast.ClassDef) and node.name == name)
    text = re.split(r'\n\s*:(?:raises|returns)', ast.get_docstring(found) or '')[0]
    return [(key, _plain(meaning)) for key, meaning in re.findall(
        r':param (\w+): (.*?)(?=\n:|\Z)', text, re.DOTALL)]


def _plain(text: str) -> str:
    text = re.sub(r':\w+:`~?(?:[\w.]*\.)?(\w+)`', r'`\1`', ' '.join(text.split()))
    return text.replace('|', '\\|').replace('[', '\\[')


def model_folder() -> str:
    """Make the tables of the keys of artifact.json and of the arrays in the .npz files."""
    parts = []
    for title, parts_of in (('artifact.json: {}', PARTS), ('{}', ARRAYS)):
        for key, (file, name) in parts_of.items():
            rows = [(f'`{row}`', meaning) for row, meaning in described_keys(file, name)
                    if row not in NOT_IN_A_FILE]
            parts += [f'### {title.format(key)}\n', table(('key', 'meaning'), rows)]
    return '\n'.join(parts)


def schema_rows(schema: Mapping[str, Any], part: Mapping[str, Any], path: str = '',
                ) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and meaning of each key that a part of the schema describes."""
    for key, value in part.get('properties', {}).items():
        options = value.get('anyOf', [value])
        value = {**next(o for o in options if o.get('type') != 'null'),
                 **({'description': value['description']} if 'description' in value else {})}
        optional = ' or null' if len(options) > 1 else ''
        if '$ref' in value:
            name = value['$ref'].rsplit('/', 1)[1]
            value = {**schema['$defs'][name], **value}
        kind = value.get('type', 'value')
        kind = ' or '.join(kind) if isinstance(kind, list) else kind
        yield f'{path}{key}', f'{kind}{optional}', value.get(
            'description', MEANINGS.get(key, ''))
        if len((path + key).split('.')) < 3:
            yield from schema_rows(schema, value, f'{path}{key}.')


def report_schema() -> str:
    """Make the table of the keys of report.json."""
    schema = json.loads((ROOT / SCHEMA).read_text())
    rows = [(f'`{path}`', kind, escaped(text)) for path, kind, text in schema_rows(schema, schema)]
    return table(('key', 'type', 'meaning'), rows)


def load_page() -> str:
    """Make the section about `posenet_ros.load`, where this version has it."""
    if not hasattr(posenet_ros, 'load'):
        return ''
    directives = ['.. autofunction:: posenet_ros.load']
    if (ROOT / 'posenet_ros' / 'localisation' / 'camera_relocaliser.py').is_file():
        directives.append('.. automodule:: posenet_ros.localisation.camera_relocaliser')
    return '\n'.join(['## Load and call\n', '```{eval-rst}', *directives, '```\n'])


# --- pages that stand elsewhere in the repository

def moved_page(name: str) -> str:
    """Return a Markdown page of the repository's top, with its links as they are in `doc/`."""
    text = (ROOT / name).read_text()
    return re.sub(r'\]\(doc/([^)]*)\)', r'](\1)', text)


PAGES: dict[str, Callable[[], str]] = {
    'commands.md': commands, 'parameters.md': parameters, 'launch_files.md': launch_files,
    'model_folder.md': model_folder, 'report_schema.md': report_schema,
    'load.md': load_page,
    'contributing.md': lambda: moved_page('CONTRIBUTING.md'),
    'changelog.rst': lambda: (ROOT / 'CHANGELOG.rst').read_text(),
}


def write(folder: Path) -> None:
    """Write the pages that are new or changed, so that Sphinx reads only those again."""
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        text = make()
        file = folder / name
        if not file.is_file() or file.read_text() != text:
            file.write_text(text)


if __name__ == '__main__':
    write(Path(__file__).with_name('_generated'))
