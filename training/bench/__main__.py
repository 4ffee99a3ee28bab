"""
Benchmark each stage and engine, as ratios to a baseline or a roofline of the same run.

Measured on this machine: the image path, engines beside Keras's own ways and (where installed:
pip install onnxruntime tf2onnx openvino) other runtimes, nodes over DDS. The networks have the
presets' architectures and random weights, and are as fast as trained ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
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

from posenet_ros.errors import PoseNetError, run_cli
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.training.bench.timing import PREDICT
from posenet_ros.utils.atomic_folder import check_new

LIVE_CASES = ((1, '640x480'), (1, '1920x1080'), (2, '640x480'), (4, '640x480'))
STARTUP_TARGETS = ('litert', 'node', 'tensorflow')
DOMAIN = '89'


def run_part(module: str, out: Path, *arguments: object) -> Any:  # noqa: ANN401
    """
    Run a part in a separate process, with memory and threads of its own.

    :raises PoseNetError: when it fails; it has printed the reason.
    """
    command = [sys.executable, '-m', f'posenet_ros.training.bench.{module}', '--out', out,
               *arguments]
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


def transport_ms(live: Sequence[Mapping[str, Any]], run: Mapping[str, Any]) -> float:
    """Return the median latency of the transport alone, for images of the run's size, ms."""
    return next((one['age_p50_ms'] for one in live if one['echo']
                 and (one['size'], one['nodes']) == (run['size'], run['nodes'])), float('nan'))


def engine_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of a network's engines."""
    rows = [[f'{found["network"]} {found["input"][1]}x{found["input"][0]}, one thread', 'CPU ms',
             'model.predict / this', 'fraction of the roofline', 'wall p50', 'p99']]
    rows += [[name, f'{v["cpu_min"]:.1f}', f'{1 / v["to_predict"]:.1f}',
              f'{v["share_of_peak"]:.0%}', f'{v["wall_p50"]:.1f}', f'{v["wall_p99"]:.1f}']
             for name, v in found['engines'].items()]
    return rows


def core_rows(networks: Mapping[str, Any], cores: int) -> list[list[str]]:
    """Return the table of each engine with all cores."""
    rows = [[f'one image on {cores} cores, ms by the clock', 'p50', 'p99', 'model.predict / this']]
    return rows + [[f'{name}, {engine}', f'{v["wall_p50"]:.1f}', f'{v["wall_p99"]:.1f}',
                    f'{found["all_cores"][PREDICT]["wall_p50"] / v["wall_p50"]:.1f}']
                   for name, found in networks.items()
                   for engine, v in found['all_cores'].items()]


def uncertainty_rows(networks: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the cost of covariance, place score and MC dropout."""
    rows = [['network input to answer, one thread, CPU ms', 'p50', 'of the pose alone']]
    return rows + [[f'{name}, {part}', f'{v["cpu"]:.2f}', f'{v["to_plain"]:.2f}']
                   for name, found in networks.items() for part, v in found['certainty'].items()]


def image_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the image path, from message to network input."""
    sizes = list(found)
    stages = list(found[sizes[0]])
    return [['image path, one thread, CPU ms', *sizes], *(
        [stage, *(f'{found[size][stage]["cpu_min"]:.2f}' for size in sizes)]
        for stage in stages)]


def evaluate_rows(networks: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the offline evaluation of 1080p JPEGs."""
    rows = [['evaluate 1080p JPEG offline, images/s', 'decode alone', 'inference alone',
             'evaluate', 'of the slower alone', 'of a loop', 'of all cores']]
    return rows + [[name, *(f'{found["evaluate"][way]["images_per_s"]:.0f}' for way in (
                        'decode alone', 'inference alone', 'evaluate')),
                    *(f'{found["evaluate"][share]:.0%}' for share in (
                        'of_the_slower', 'of_a_loop', 'of_the_limit'))]
                   for name, found in networks.items()]


def training_rows(networks: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the training's input pipeline."""
    rows = [['training, images/s', 'batch', 'images in memory', 'input pipeline', 'ratio']]
    return rows + [[name, f'{found["training"]["batch"]}',
                    f'{found["training"]["memory_images_per_s"]:.0f}',
                    f'{found["training"]["pipeline_images_per_s"]:.0f}',
                    f'{found["training"]["share"]:.0%}'] for name, found in networks.items()]


def live_rows(live: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the table of the nodes over DDS."""
    rows = [['30 Hz over DDS', 'answered', 'age p50 ms', 'p99', 'of transport + infer',
             'CPU ms an answer', 'first pose s', '(CPU s)', 'MB',
             'of it DDS']]
    for run in live:
        base = transport_ms(live, run) + run['stages_ms'].get('infer', float('nan'))
        rows.append([
            f'{run["nodes"]} x {run["size"]}' + (', transport alone' if run['echo'] else ''),
            f'{run["answered"]}/{run["sent"]}', f'{run["age_p50_ms"]:.1f}',
            f'{run["age_p99_ms"]:.1f}',
            '-' if base != base else f'{run["age_p50_ms"] / base:.2f}',
            f'{run["cpu_ms_per_answer"]:.1f}', f'{max(run["first_pose_s"]):.2f}',
            f'{max(run["first_pose_cpu_s"]):.2f}',
            f'{max(m["most"] for m in run["memory_mb"]):.0f}',
            f'{max(m["shared"] for m in run["memory_mb"]):.0f}'])
    return rows


def start_rows(networks: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of each engine's start-up until its first pose."""
    rows = [['process start to the first pose (node: ready)', 'CPU s', 'wall s', 'memory MB']]
    return rows + [[f'{name}, {engine}', f'{v["cpu_s"]:.2f}', f'{v["wall_s"]:.2f}',
                    f'{v["memory_mb"]["most"]:.0f}']
                   for name, found in networks.items() for engine, v in found['start'].items()]


def gpu_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the GPU benchmark."""
    rows = [[f'{found["network"]} on {found["gpu"]["device"]}', 'value']]
    return rows + [[name, f'{value:.3g}'] for name, value in found['gpu']['figures'].items()]


def tables(result: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    """Yield all tables, head and rows."""
    yield from (engine_rows(found) for found in result['networks'].values())
    yield core_rows(result['networks'], result['machine']['cores'])
    yield start_rows(result['networks'])
    yield uncertainty_rows(result['networks'])
    yield image_rows(result['images'])
    yield evaluate_rows(result['networks'])
    yield training_rows(result['networks'])
    yield live_rows(result['live'])
    yield from (gpu_rows(found) for found in result['networks'].values()
                if found['gpu']['figures'])


def remarks(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield remarks: how to read the figures, and which are missing."""
    about = result['machine']
    yield (f'{about["processor"]}, {about["cores"]} cores; load at the start '
           f'{about["load"]:.1f}: wall times hold for an idle machine only, CPU times and ratios '
           'were taken by turns')
    for name, found in result['networks'].items():
        yield (f'{name}: {found["gflop"]:.2f} GFLOP an image; one core does '
               f'{found["peak_gflops"]:.0f} GFLOP/s in a large matrix product, so '
               f'{found["limit_ms"]:.1f} ms is the bound in float32')
        yield from (f'{name}: {peer}: {why}' for peer, why in found['missing'].items())
        yield f'{name}: GPU: {found["gpu"]["device"]}'


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
        found = run_part('engines', out, '--preset', name, '--model', model, *flag)
        found['all_cores'] = run_part('cores', out, '--model', model, *flag)
        found['start'] = {target: run_part('start', out, '--model', model, '--of', target)
                          for target in (STARTUP_TARGETS[:2] if quick else STARTUP_TARGETS)}
        found['certainty'] = run_part('uncertainty', out, '--preset', name, '--model', model,
                                  *flag)
        found['evaluate'] = run_part('evaluation', out, '--model', model, *flag)
        found['training'] = run_part('training', out, '--preset', name, *flag)
        result['networks'][name] = found
    model = folder / presets[0]
    print('== images', flush=True)
    result['images'] = run_part('images', out, '--model', model, *flag)
    for nodes, size in LIVE_CASES[:1] if quick else LIVE_CASES:
        for echo in ([],) if quick else ([], ['--echo']):
            print(f'== live {nodes} x {size} {"".join(echo)}', flush=True)
            result['live'].append(run_part(
                'live', out, '--model', model, '--size', size, '--nodes', nodes,
                '--seconds', seconds, *echo))
    return result


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(
        prog='python -m training.bench', description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--out', type=Path, default=Path('bench.json'),
                        help='file of all figures; replaced')
    result.add_argument('--presets', nargs='+', metavar='PRESET', default=['best', 'posenet'],
                        help='networks to measure; the nodes run the first')
    result.add_argument('--seconds', type=float, default=8.0,
                        help='how long the nodes are fed in each case')
    result.add_argument('--quick', action='store_true', help='a tiny network, few runs, no peers: '
                        'shows within a minute that everything runs; its figures mean little')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print tables and write them."""
    options = parser().parse_args(argv)
    check_new(options.out, force=True)
    os.environ.setdefault('ROS_DOMAIN_ID', DOMAIN)
    start = time.monotonic()
    presets, seconds = (['smoke'], 2.0) if options.quick else (options.presets, options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), presets, seconds, options.quick)
    result['command'] = shlex.join(['python', '-m', 'training.bench', *(argv or sys.argv[1:])])
    scratch = options.out.with_name(options.out.name + '.part')
    scratch.write_text(json.dumps(result, indent=2) + '\n')
    scratch.replace(options.out)
    for rows in tables(result):
        print(f'\n{text_table(rows)}')
    print('\n' + '\n'.join(remarks(result)))
    print(f'\n{options.out} has all figures; {time.monotonic() - start:.0f} s')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
