"""
Sphinx settings of the documentation: `make docs`, and rosdoc2, build it.

Reference pages are made from the code just before (make_reference.py). ROS, Keras and OpenCV are
mocked, so neither is needed.
"""

from __future__ import annotations

from pathlib import Path
import re
import sys

HERE = Path(__file__).parent
# rosdoc2 copies this folder elsewhere, and has the package on the path itself
ROOT = [HERE.parent] if (HERE.parent / 'posenet_ros').is_dir() else []
sys.path[:0] = map(str, [HERE, *ROOT])

import make_reference  # noqa: E402
import posenet_ros  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

make_reference.write(HERE / '_generated')

project = 'posenet_ros'
author = 'The posenet_ros authors'
copyright = f'{author}. Licence: Apache-2.0'
release = version = posenet_ros.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx_copybutton', 'sphinx_design']
exclude_patterns = ['_build', '_generated', 'Thumbs.db']
language = 'en_GB'
nitpicky = True
# what a docstring names has to have a place here, if reference/api.md shows its module
shown = [name for page in ('reference/api.md', '_generated/load.md') for name in re.findall(
    r'automodule:: posenet_ros\.([\w.]+)', (HERE / page).read_text())]
nitpick_ignore_regex = [
    ('py:.*', r'(?!posenet_ros\.).*'),
    ('py:.*', rf'posenet_ros\.(?!(?:{"|".join(map(re.escape, shown))})\.).*')]

myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3

default_role = 'code'  # docstrings have `words` in single quotes of this kind
autodoc_mock_imports = [
    'cv2', 'h5py', 'keras', 'matplotlib', 'rclpy', 'rosbags', 'tensorflow', 'tf2_ros', 'tqdm',
    'transforms3d']
autodoc_type_aliases = {name: name for name in (
    'ArrayLike', 'Floats', 'RgbImage', 'AnyArray', 'Image')}
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented_params'
autodoc_class_signature = 'separated'
autodoc_default_options = {'members': True, 'exclude-members': '__new__, __init__'}
python_use_unqualified_type_names = True

html_theme = 'furo'
html_title = f'posenet_ros {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_theme_options = {
    'light_css_variables': {'color-brand-primary': '#0b6e4f', 'color-brand-content': '#0b6e4f'},
    'dark_css_variables': {'color-brand-primary': '#5fd3a6', 'color-brand-content': '#5fd3a6'}}

linkcheck_timeout = 20
linkcheck_ignore = [r'http://localhost.*']

# read by rosdoc2 only
rosdoc2_settings = {
    'allow_other_extensions': True, 'override_theme': False,
    'enable_breathe': False, 'enable_exhale': False}


def tidy_docstring(_app: object, _what: str, _name: str, _item: object, _options: object,
                   lines: list[str]) -> None:
    """Make reST of what plain docstrings mean: |x| is a length, an indented block a listing."""
    lines[:] = [line.replace('|', '\\|') for line in lines]
    for i in range(len(lines) - 1, 1, -1):
        before = next((line for line in reversed(lines[:i]) if line.strip()), ' ')
        if (lines[i].startswith('    ') and not lines[i - 1].strip()
                and not before.startswith((' ', ':')) and not before.endswith('::')):
            lines[i:i] = ['::', '']


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect('autodoc-process-docstring', tidy_docstring)
