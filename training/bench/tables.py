"""Tables of the benchmark's figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from posenet_ros.training.bench.timing import PREDICT


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


def node_rows(run: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of one node on images of its place."""
    age, alone = run['age_ms'], run['transport_ms']
    rows = [[f'{run["size"]} at {run["rate_hz"]:g} Hz, refine {run["refine"]}, '
             f'{run["seconds"]:g} s', ''], ['images sent', str(run['sent'])]]
    rows += [[f'- {name}', str(number)] for name, number in run['ends'].items()]
    rows += [['sum of these', str(sum(run['ends'].values()))]]
    rows += [[f'age when the pose was published, {name}; transport alone; more, ms',
              f'{age[name]:.1f}; {alone[name]:.1f}; {age[name] - alone[name]:.1f}']
             for name in ('p50', 'p95')]
    rows += [['CPU of the node, cores', f'{run["cpu_s"] / run["seconds"]:.2f}']]
    rows += [[f'- {stage}, of an image that was localised, ms', f'{value:.1f}']
             for stage, value in run['stages_cpu_ms'].items()]
    rows += [['- the rest and tracking, of an image that came, ms', f'{run["rest_cpu_ms"]:.1f}']]
    rows += [[f'memory, {name}, MB', f'{value:.0f}'] for name, value in run['memory_mb'].items()]
    return rows + [[f'{name}, s', f'{value:.2f}'] for name, value in run['ready_s'].items()]


def start_rows(networks: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of each engine's start-up until its first pose."""
    rows = [['process start to the first pose (node: ready)', 'CPU s', 'wall s', 'memory MB']]
    return rows + [[f'{name}, {engine}', f'{v["cpu_s"]:.2f}', f'{v["wall_s"]:.2f}',
                    f'{v["memory_mb"]["most"]:.0f}']
                   for name, found in networks.items() for engine, v in found['start'].items()]


def command_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the start-up of each command."""
    rows = [['from the start of the process to its end', 'CPU ms', 'ratio', 'limit']]
    return rows + [[name, f'{v["cpu_ms"]:.1f}', f'{v["ratio"]:.1f}', f'{v["limit"]:g}']
                   for name, v in found.items()]


def gpu_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the GPU benchmark."""
    rows = [[f'{found["network"]} on {found["gpu"]["device"]}', 'value']]
    return rows + [[name, f'{value:.3g}'] for name, value in found['gpu']['figures'].items()]


def tables(result: Mapping[str, Any]) -> Iterator[list[list[str]]]:
    """Yield all tables, head and rows."""
    yield from (engine_rows(found) for found in result['networks'].values())
    yield core_rows(result['networks'], result['machine']['cores'])
    yield start_rows(result['networks'])
    yield command_rows(result['commands'])
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
