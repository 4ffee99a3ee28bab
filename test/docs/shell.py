"""Check the commands of the documents against parsers, Makefile and launch files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from importlib import import_module
import importlib.util
import inspect
from pathlib import Path
import re
import shlex
from types import ModuleType

from helpers import ROOT
from posenet_ros.cli import VERBS
from posenet_ros.utils.arguments import own_arguments

OTHERS = {'cd', 'git', 'python3', 'touch', 'pip', 'rosdep', 'activate-global-python-argcomplete',
          'unzip', '.', 'export', 'docker', 'dask', 'sudo', 'pre-commit', 'nvidia-smi'}


@cache
def documentation_script(name: str) -> ModuleType:
    """Import a script of doc/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / 'doc' / f'{name}.py')
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def options_of(module: str) -> frozenset[str]:
    """Return the options of a command."""
    make: Callable[..., argparse.ArgumentParser] = import_module(module).parser
    given = {'prog': 'posenet'} if 'prog' in inspect.signature(make).parameters else {}
    return frozenset(make(**given)._option_string_actions)


def _of_options(module: str, words: list[str]) -> str:
    if module == 'posenet_ros.node':
        words = own_arguments(words)
    used = {word.partition('=')[0] for word in words if re.match(r'--?[a-z]', word)}
    unknown = used - options_of(module)
    return f'{module} has no option {", ".join(sorted(unknown))}' if unknown else ''


def posenet(words: list[str]) -> str:
    """Check `posenet VERB --option`."""
    verb, *rest = words or ['help']
    if verb in ('help', '--version'):
        return ''
    return _of_options(VERBS[verb].module, rest) if verb in VERBS else f'no verb {verb}'


def make(words: list[str]) -> str:
    """Check `make TARGET NAME=VALUE`."""
    text = (ROOT / 'Makefile').read_text()
    for word in words:
        name, assigned, _ = word.partition('=')
        if not re.search(rf'^{re.escape(name)}{" [?]?=" if assigned else ":"}', text,
                         re.MULTILINE):
            return f'Makefile has no {"variable" if assigned else "target"} {name}'
    return ''


def python(words: list[str]) -> str:
    """Check `python -m MODULE`, and `python FILE`."""
    if words[:1] == ['-m']:
        if words[1] in ('colcon', 'pytest', 'venv', 'pip'):
            return next((f'there is no {w}' for w in words[2:]
                         if w.startswith('test/') and not (ROOT / w).exists()), '')
        return '' if importlib.util.find_spec(words[1]) else f'no module {words[1]}'
    return '' if words[:1] == ['-c'] or (ROOT / words[0]).is_file() else f'no file {words[0]}'


def launch_arguments(file: str) -> set[str]:
    """Return the arguments of a launch file, and those of the one that it includes."""
    known = documentation_script('make_reference').launch_arguments
    found = set(known(ROOT / 'launch' / file))
    if 'relocalise.launch.py' in (ROOT / 'launch' / file).read_text():
        found |= set(known(ROOT / 'launch' / 'relocalise.launch.py'))
    return found


def ros2(words: list[str]) -> str:
    """Check `ros2 launch posenet_ros FILE name:=value` and `ros2 run posenet_ros NAME`."""
    if words[0] == 'launch' and words[1] == 'posenet_ros':
        if not (ROOT / 'launch' / words[2]).is_file():
            return f'no launch file {words[2]}'
        given = {word.partition(':=')[0] for word in words[3:] if ':=' in word}
        unknown = given - launch_arguments(words[2])
        return f'{words[2]} has no argument {", ".join(sorted(unknown))}' if unknown else ''
    if words[:2] == ['run', 'posenet_ros']:
        if not (ROOT / 'scripts' / words[2]).is_file():
            return f'no executable {words[2]}'
        return posenet(words[3:]) if words[2] == 'posenet' else ''
    return ''


def files(words: list[str]) -> str:
    """Check that the files of the repository that a command names are there."""
    folders = 'config|launch|test|training|doc'
    for word in words:
        for name in re.findall(rf'(?:^|/posenet_ros/)((?:{folders})/[\w./-]+)', word):
            if not (ROOT / name).exists():
                return f'no file {name}'
    return ''


CHECKS: dict[str, Callable[[list[str]], str]] = {
    'posenet': posenet, 'make': make, 'python': python, 'ros2': ros2}


def fault(command: str) -> str:
    """Return what is wrong with a command; empty when nothing is."""
    words = shlex.split(re.sub(r'\$\(.*?\)', '', command).replace('<', '').replace('>', ''))
    while words and re.match(r'\w+=', words[0]):
        words = words[1:]  # an environment variable
    if not words:
        return ''
    name, *rest = words
    name = Path(name).name if '/' in name else name
    if name not in CHECKS:
        return '' if name in OTHERS else f'not known here: {name}'
    return CHECKS[name](rest) or files(rest)
