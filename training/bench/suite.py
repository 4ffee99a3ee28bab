"""Run all parts of the benchmark, one after another, and print their tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import json
import os
from pathlib import Path
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from typing import Any

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.inference.engine import has_nvidia_gpu
from posenet_ros.training.bench.tables import remarks, tables
from posenet_ros.utils.atomic_folder import check_new, new_file
from posenet_ros.utils.files.kinds import BENCHMARK

LIVE_CASES = ((1, '640x480'), (1, '1920x1080'), (2, '640x480'), (4, '640x480'))
STARTUP_TARGETS = ('litert', 'node', 'tensorflow')
DOMAIN = '89'
NO_GPU = {'device': 'not measured: this machine has no NVIDIA GPU', 'figures': {}}


def start_part(part: str, out: Path, *arguments: object) -> Any:  # noqa: ANN401
    """
    Run a part in a separate process, with memory and threads of its own.

    :raises PoseNetError: when it fails; it has printed the reason.
    """
    command = [sys.executable, '-m', 'posenet_ros.training.bench', part, '--out', out, *arguments]
    if subprocess.run([str(word) for word in command], check=False).returncode:
        raise PoseNetError(f'{shlex.join(map(str, command[1:]))} failed, see above')
    return json.loads(out.read_text())


def describe_machine() -> dict[str, Any]:
    """Describe this machine: processor, cores, load, Python."""
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    name = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')),
                platform.machine())
    return {'processor': name, 'cores': len(os.sched_getaffinity(0)), 'load': os.getloadavg()[0],
            'python': platform.python_version()}


def measure(folder: Path, presets: Sequence[str], seconds: float, quick: bool
            ) -> dict[str, Any]:
    """
    Measure everything.

    :param folder: for the networks and the parts' results.
    :param presets: the networks; the nodes run the first.
    """
    out, flag = folder / 'part.json', ['--quick'] if quick else []
    result: dict[str, Any] = {'machine': describe_machine(), 'networks': {}, 'live': []}
    for name in presets:
        print(f'== {name}', flush=True)
        model = folder / name
        named = ['--presets', name, '--model', model, *flag]
        start_part('model', out, *named)
        found = start_part('engines', out, *named)
        found['gpu'] = start_part('gpu', out, *named) if has_nvidia_gpu() else NO_GPU
        found['all_cores'] = start_part('cores', out, *named)
        found['start'] = {target: start_part('start', out, *named, '--of', target)
                          for target in (STARTUP_TARGETS[:2] if quick else STARTUP_TARGETS)}
        found['certainty'] = start_part('uncertainty', out, *named)
        found['evaluate'] = start_part('evaluation', out, *named)
        found['training'] = start_part('training', out, *named)
        result['networks'][name] = found
    model = folder / presets[0]
    print('== commands', flush=True)
    result['commands'] = start_part('start', out, '--of', 'commands', *flag)
    print('== images', flush=True)
    result['images'] = start_part('images', out, '--model', model, *flag)
    for nodes, size in LIVE_CASES[:1] if quick else LIVE_CASES:
        for echo in ([],) if quick else ([], ['--echo']):
            print(f'== live {nodes} x {size} {"".join(echo)}', flush=True)
            result['live'].append(start_part(
                'live', out, '--model', model, '--size', size, '--nodes', nodes,
                '--seconds', seconds, *echo))
    return result


def run_suite(options: argparse.Namespace, words: Sequence[str]) -> None:
    """
    Measure, print tables and write them.

    :param words: the command line, for the file.
    """
    out = options.out or Path('bench.json')
    check_new(out, BENCHMARK, force=True)
    os.environ.setdefault('ROS_DOMAIN_ID', DOMAIN)
    start = time.monotonic()
    presets, seconds = (['smoke'], 2.0) if options.quick else (options.presets, options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), presets, seconds, options.quick)
    result['command'] = shlex.join(['posenet', 'bench', *words])
    with new_file(out) as file:
        file.write_text(json.dumps(result, indent=2) + '\n')
    for rows in tables(result):
        print(f'\n{text_table(rows)}')
    print('\n' + '\n'.join(remarks(result)))
    print(f'\n{out} has all figures; {time.monotonic() - start:.0f} s')
