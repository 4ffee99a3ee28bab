"""The command line of the benchmark, and the table of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from posenet_ros.training.bench.localisation.arguments import (
    add_arguments as add_localisation_arguments,
)
from posenet_ros.utils.arguments import CommandParser, count

PACKAGE = 'posenet_ros.training.bench'
ALL, NATIVE = 'all', 'native'
DEFAULT_PRESETS = ['best', 'posenet']


class Part(NamedTuple):
    """A part of the benchmark: its module, a line about it, and whether it needs Keras."""

    module: str
    summary: str
    keras: bool = False


PARTS = {
    'model': Part(f'{PACKAGE}.model', 'only make a model folder with random weights', True),
    'engines': Part(f'{PACKAGE}.parts.engines', 'engines and other runtimes, one thread', True),
    'cores': Part(f'{PACKAGE}.parts.cores', 'each engine on all cores', True),
    'start': Part(f'{PACKAGE}.parts.start', 'start-up of the commands, or of a model until its '
                  'first pose'),
    'uncertainty': Part(f'{PACKAGE}.parts.uncertainty', 'covariance and place score', True),
    'images': Part(f'{PACKAGE}.parts.images', 'the path from message to network input'),
    'evaluation': Part(f'{PACKAGE}.parts.evaluation', 'the offline evaluator'),
    'training': Part(f'{PACKAGE}.parts.training', 'training and its input pipeline', True),
    'node': Part(f'{PACKAGE}.parts.node', 'a node on images of its place: what became of each'),
    'live': Part(f'{PACKAGE}.parts.live', 'live nodes over DDS'),
    'map': Part(f'{PACKAGE}.mapping.benchmark', 'the map of a place: its cost, and how exact '
                'poses in it are'),
    'scale': Part(f'{PACKAGE}.scale.benchmark', 'maps of more and more images, views and bags: '
                  'how time, memory and accuracy grow'),
    'localise': Part(f'{PACKAGE}.localisation.benchmark', 'the landmark localiser beside a peer: '
                     'right, silent or false, and at what cost'),
    'retrieval': Part(f'{PACKAGE}.retrieval.benchmark', 'similar views among very many: an index '
                      'beside exact search'),
    'gpu': Part(f'{PACKAGE}.parts.gpu', 'an NVIDIA GPU: float16, XLA, batch 1, training rate, '
                'roofline', True),
}


def parser() -> CommandParser:
    """Make the parser of the command line."""
    listed = '; '.join(f'{name}: {part.summary}' for name, part in PARTS.items())
    result = CommandParser(
        description='Benchmark all stages and engines on this machine, as ratios to a baseline '
        'or a roofline of the same run; or one part.', epilog=f'Parts: {listed}.')
    result.add_argument('part', nargs='?', choices=(ALL, *PARTS), default=ALL, metavar='PART',
                        help=f'one of {", ".join(PARTS)} (default: {ALL})')
    result.add_argument('--out', type=Path, metavar='FILE', help='file of the figures, replaced '
                        '(default: bench.json; those of a part are printed)')
    result.add_argument('--presets', nargs='+', metavar='PRESET', default=DEFAULT_PRESETS,
                        help='networks to measure; the nodes run the first, and so does a part '
                        f'(default: {" ".join(DEFAULT_PRESETS)})')
    result.add_argument('--quick', action='store_true', help='a tiny network, few runs, no other '
                        'runtimes: shows within a minute that everything runs; its figures mean '
                        'little')
    result.add_argument('--seconds', type=float, default=8.0,
                        help='how long the nodes are fed in each case (default: %(default)s)')
    _add_part(result)
    _add_map(result)
    _add_scale(result)
    add_localisation_arguments(result)
    return result


def _add_part(parser: CommandParser) -> None:
    group = parser.add_argument_group('with a part')
    group.add_argument('--model', type=Path, metavar='FOLDER',
                       help='model folder (default: one with random weights)')
    group.add_argument('--views', type=count, nargs='+', metavar='N',
                       default=[10_000, 100_000, 1_000_000],
                       help='retrieval, scale: number of views (default: 10000 100000 1000000)')
    group.add_argument('--of', default='commands', metavar='WHAT',
                       choices=('commands', 'litert', 'tensorflow', 'node'),
                       help='start: what to start: commands, litert, tensorflow or node (default: '
                       '%(default)s)')
    group.add_argument('--strict', action='store_true',
                       help='start: exit 1 when a command is slower than its limit')
    group.add_argument('--engine', default='litert',
                       help="live, node: the nodes' engine (default: %(default)s)")
    group.add_argument('--size', default='640x480', metavar='WxH',
                       help='live, node: of the images (default: %(default)s)')
    group.add_argument('--rate', type=float, default=30.0, metavar='HZ',
                       help='live, node: images a second (default: %(default)s)')
    group.add_argument('--images', type=Path, metavar='FOLDER',
                       help='node, live: with images of the place, sent in the order of their '
                       'names (default of live: a texture)')
    group.add_argument('--refine', choices=('auto', 'off'), default='auto',
                       help='node: refine poses by landmarks (default: %(default)s)')
    group.add_argument('--nodes', type=int, default=1,
                       help='live: nodes, each with its camera (default: %(default)s)')
    group.add_argument('--together', action='store_true',
                       help='live: all in one process, as of posenet node --cameras')
    group.add_argument('--echo', action='store_true',
                       help='live: answer without a network, to measure the transport')
    group.add_argument('--as-echo', action='store_true', help='live: be the node that does so')


def _add_map(parser: CommandParser) -> None:
    group = parser.add_argument_group('with the part map')
    group.add_argument('--data', type=Path, metavar='FOLDER',
                       help="dataset with poses and a test split (default: the demo's court)")
    group.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]',
                       help='camera of its images, pixels')
    group.add_argument('--every', type=count, default=1, metavar='N',
                       help='take each Nth image of either split: a quick look (default: 1)')
    group.add_argument('--feature-width', type=_width, default=480, metavar='PIXELS',
                       help="at which features are detected, or native: the images' own (default: "
                       '%(default)s)')
    group.add_argument('--held-out', action='store_true',
                       help='localise walks left out of the training split, to choose settings by')
    group.add_argument('--pose-noise', metavar='M,DEG', help='disturb the poses of the map by so '
                       'much, root mean square, and localise walks left out')
    group.add_argument('--refine-poses', action='store_true',
                       help='move poses where the images contradict them')
    group.add_argument('--unposed', choices=('known', 'unknown'),
                       help='map the images without their poses, the camera known or not')
    group.add_argument('--without-peer', dest='peer', action='store_false',
                       help='leave out the same by pycolmap')


def _add_scale(parser: CommandParser) -> None:
    group = parser.add_argument_group(
        'with the part scale', 'and --data, --camera, --feature-width and --max-queries of the '
        'others (default: a campus that is rendered)')
    group.add_argument('--sizes', type=count, nargs='+', metavar='N', default=[300, 1000, 3000],
                       help='images of the maps (default: 300 1000 3000)')
    group.add_argument('--bags', type=count, nargs='+', metavar='N', default=[1, 10, 50, 200],
                       help='bags of 12 images that are evaluated (default: 1 10 50 200)')
    group.add_argument('--against', nargs='*', choices=('views', 'bags'),
                       default=('views', 'bags'), help='what is measured beside the images, in '
                       'the largest map: views and bags (default: both)')
    group.add_argument('--parts', default='auto', metavar='N',
                       help='as of posenet map (default: %(default)s)')
    group.add_argument('--jobs', type=count, default=1, metavar='N',
                       help='processes that map parts (default: %(default)s)')


def _width(text: str) -> int | None:
    """Parse a width in pixels; None is the images' own."""
    return None if text == NATIVE else count(text)
