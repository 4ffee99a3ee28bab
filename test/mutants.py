"""
Change the code at random places, and see whether a test fails: `python -m test.mutants --seed 1`.

The changes are those of cosmic-ray: another operator, a number one larger, a condition the other
way round. It would make them in the checkout, and run the same tests after each; here they are
made in a copy, and tried with the tests of their module. Prints those that no test notices.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass
import difflib
from fnmatch import fnmatch
from functools import lru_cache
from importlib import import_module
import math
from multiprocessing import get_context
import os
from pathlib import Path
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.blas_threads import THREADS

ROOT = Path(__file__).resolve().parents[1]
COPIED = ('posenet_ros', 'training', 'test', 'config', 'launch', 'pyproject.toml')
GATE = ('test/localisation/test_gate.py', 'test/localisation/test_gate_jumps.py',
        'test/localisation/test_gate_limits.py', 'test/localisation/test_prior.py',
        'test/localisation/test_motion.py')
READERS = (*(f'test/datasets/test_{name}.py' for name in (
    'boundaries', 'damaged_files', 'forms', 'public_cameras', 'pose_files', 'layouts',
    'reconstructions', 'benchmarks')), 'test/training/test_dataset_conversion.py',
           'test/training/data/test_datasets.py')
TYPES = 'test/test_value_types.py'
SLOW = (  # reads the text of all modules
    '--deselect=test/geometry/test_lie.py::test_no_other_module_computes_with_axes_and_angles',)
TESTS: dict[str, tuple[str, ...]] = {  # modules to change -> tests that should notice
    'posenet_ros/datasets/**/*.py': (*READERS, TYPES),
    'posenet_ros/evaluation/estimates/association.py': (
        'test/evaluation/test_association.py', 'test/evaluation/test_trajectory.py', TYPES),
    'posenet_ros/evaluation/metrics/*.py': ('test/evaluation/test_metrics.py',
                                            'test/evaluation/test_known_values.py',
                                            'test/evaluation/test_reliability.py',
                                            'test/evaluation/test_trajectory.py', TYPES),
    'posenet_ros/geometry/*.py': ('test/geometry', TYPES, *SLOW),
    'posenet_ros/localisation/gate.py': (*GATE, TYPES),
    'posenet_ros/localisation/gating/*.py': (*GATE, TYPES)}
LEFT_OUT = (  # by cosmic-ray's names
    'core/ReplaceComparisonOperator_[!I]*_Is*',  # whether equal numbers are one object is chance
    'core/ReplaceComparisonOperator_Is_Eq', 'core/ReplaceComparisonOperator_IsNot_NotEq')
PRELOADED = ('numpy', 'cv2', 'transforms3d', 'hypothesis.extra.numpy', 'evo.core.metrics',
             'pytest')
OURS = {'posenet_ros', 'test', 'helpers', 'conftest'}  # these are read anew from the copy
REMOVABLE = '@unique', '@lru_cache(maxsize=16)'  # they guard the author, and save time
CONVERGED = 'it has converged to the last digits before'
DRAWS = 'one more or less of many random draws'
BATCH = 'how many are computed at once bounds the memory alone'
NO_TIME = 'a single pose has no velocity: its time is not used'
# module, changed line without its comment, why it is no mistake
EQUIVALENT: tuple[tuple[str, str, str], ...] = (
    ('posenet_ros/evaluation/metrics/proportions.py', 'if events > trials:',
     'the bisection of as many events as trials ends at 1, too'),
    ('posenet_ros/evaluation/metrics/proportions.py',
     'if _at_most(events, trials, middle) >= 1 - confidence:',
     'the bound itself belongs to either half'),
    ('posenet_ros/evaluation/metrics/proportions.py', 'BISECTIONS = 61', CONVERGED),
    ('posenet_ros/evaluation/metrics/proportions.py', 'BISECTIONS = 59', CONVERGED),
    ('posenet_ros/evaluation/metrics/resampling.py',
     'extreme = np.abs(signs @ sums) >= abs(sums.sum()) - 1.000000001',
     'a sum of ranks is a multiple of a half, and a flip changes it by two at least'),
    ('posenet_ros/evaluation/metrics/sparsification.py', 'SIMULATED_ERRORS = 30001', DRAWS),
    ('posenet_ros/evaluation/metrics/sparsification.py', 'SIMULATED_ERRORS = 29999', DRAWS),
    ('posenet_ros/evaluation/metrics/sparsification.py', 'RESAMPLES_PER_BATCH = 51', BATCH),
    ('posenet_ros/evaluation/metrics/sparsification.py', 'RESAMPLES_PER_BATCH = 49', BATCH),
    ('posenet_ros/geometry/camera.py', 'UNDISTORTION_STEPS = 9', CONVERGED),
    ('posenet_ros/geometry/camera.py', 'continue', CONVERGED),
    ('posenet_ros/geometry/distortion.py', 'NEWTON_STEPS = 3', CONVERGED),
    ('posenet_ros/geometry/geodesy.py', 'for _ in range( 4):', CONVERGED),
    ('posenet_ros/geometry/lie.py',
     'r = np.where(np.sum(q * r, axis=-1, keepdims=True) <= 0, -r, r)',
     'at right angles q - r is as long as q + r'),
    ('posenet_ros/geometry/lie.py',
     'factor = np.divide(angle, length, out=np.zeros_like(length), where=length != 0)',
     'a length is never below nought'),
    ('posenet_ros/datasets/benchmarks/stamped.py',
     "return (index // BLOCK % 8 >= 7) == (split == 'test')", 'the remainder is 7 at most'),
    ('posenet_ros/datasets/poses/columns.py',
     'return count < FEW_NUMBERS and (2 * count <= len(words) or len(words) <= 1)',
     'a split has one word at least'),
    ('posenet_ros/datasets/poses/recognition.py',
     'limit <= UNIT_LENGTH or other > NETWORK_LENGTH):', 'the other limit is larger'),
    ('posenet_ros/localisation/gate.py',
     'self._seed = Seed(TimedPose( 1, estimate.map_from_camera, odom_from_camera),', NO_TIME),
    ('posenet_ros/localisation/gate.py',
     'self._seed = Seed(TimedPose( -1, estimate.map_from_camera, odom_from_camera),', NO_TIME))
OUTPUT_FILE = 'pytest.txt'  # in the copy: what the tests print
SLACK_S = 30.0  # tests may take five times the processor time as without a change, and this
PATIENCE = 20  # seconds to wait for a second of processor time: other programs may run, too


@dataclass(frozen=True)
class Mutant:
    """
    A change of one module.

    :param module: path in the repository.
    :param line: where it begins, from 1.
    :param operator: cosmic-ray's name of the kind of change.
    :param occurrence: which of the places in the module that it can change.
    """

    module: str
    line: int
    operator: str
    occurrence: int

    def code(self) -> str:
        """Return the module's text with the change."""
        return mutated((ROOT / self.module).read_text(), self.operator, self.occurrence)

    def diff(self) -> list[str]:
        """Return the change in the form of `diff -u`, without lines around it."""
        before, after = ((ROOT / self.module).read_text().splitlines(), self.code().splitlines())
        return list(difflib.unified_diff(
            before, after, self.module, self.module, lineterm='', n=0))


@lru_cache(maxsize=8)
def mutated(code: str, name: str, occurrence: int) -> str:
    """Return code with a change by cosmic-ray's operator of a name, at one of its places."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    return str(mutate_code(code, get_operator(name)(), occurrence))


def spans_without_effect(code: str) -> list[tuple[int, int, int, int]]:
    """
    Return where a module has what no test could notice, by rules that do not look at any test.

    - Annotations: nothing evaluates them.
    - Seeds of random numbers, the default of a parameter `seed` or the number in `default_rng(0)`:
      any other draws numbers that are as good.
    - `strict` of `zip`: as `@unique` it guards the author, and refuses nothing that comes in.

    :returns: line and column of the beginning, then of the end.
    """
    parts: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(code)):
        parts += [getattr(node, name, None) for name in ('annotation', 'returns')]
        if isinstance(node, ast.arguments):
            named = [*node.posonlyargs, *node.args]
            pairs = [*zip(named[len(named) - len(node.defaults):], node.defaults, strict=True),
                     *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            parts += [default for argument, default in pairs if argument.arg == 'seed']
        elif isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == 'default_rng':
            parts += node.args
        elif isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'zip':
            parts += [keyword.value for keyword in node.keywords]
    return [(part.lineno, part.col_offset, part.end_lineno or 0, part.end_col_offset or 0)
            for part in parts if isinstance(part, ast.expr)]


def mutants_of(module: str) -> Iterator[tuple[tuple[int, int], Mutant]]:
    """Yield the changes that can be made to a module, each with its line and column."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    code = (ROOT / module).read_text()
    nodes = [node for node in ast_nodes(get_ast(code)) if node.type not in ('name', 'string')]
    skipped, positions = spans_without_effect(code), dict[str, list[tuple[int, int]]]()
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or any(fnmatch(name, pattern) for pattern in LEFT_OUT):
            continue
        # whatever takes its place, an operator stands where it stands
        place = name.rpartition('_')[0] if 'BinaryOperator' in name else name
        if place not in positions:
            positions[place] = [start for node in nodes
                                for start, _ in operator().mutation_positions(node)]
        for occurrence, start in enumerate(positions[place]):
            if not any(part[:2] <= start < part[2:] for part in skipped):
                yield start, Mutant(module, start[0], name, occurrence)


def changed_lines(mutant: Mutant) -> tuple[set[str], set[str]]:
    """Return the lines that a change removes, and those that it adds, without their comments."""
    removed, added = ({line[1:].partition('  #')[0].strip() for line in mutant.diff()[2:]
                       if line[0] == sign} for sign in '-+')
    return removed, added


def is_mistake(mutant: Mutant) -> bool:
    """Return whether a change gives other code that can be read, and is not known to be right."""
    try:
        code = mutant.code()
        changed = ast.dump(ast.parse(code)) != ast.dump(
            ast.parse((ROOT / mutant.module).read_text()))
    except (SyntaxError, AttributeError):  # cosmic-ray cannot change `except yaml.YAMLError`
        return False
    removed, added = changed_lines(mutant)
    harmless = removed <= {*REMOVABLE} or any(
        mutant.module == module and line in added for module, line, _ in EQUIVALENT)
    return changed and not harmless


def modules(pattern: str) -> list[str]:
    """Return the modules of a pattern of the table, those with code."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern)
                  if path.name != '__init__.py')


def draw(number: int, seed: int, patterns: Sequence[str]) -> list[tuple[Mutant, str]]:
    """
    Draw places of all modules, and at each a change.

    :returns: the changes, and the pattern of the table that each belongs to.
    """
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    pattern_of = {module: pattern for pattern in patterns for module in modules(pattern)}
    for module in sorted(pattern_of):
        for start, mutant in mutants_of(module):
            places.setdefault((module, *start), []).append(mutant)
    generator, drawn = random.Random(seed), []
    for place in generator.sample(sorted(places), len(places)):
        mutant = generator.choice(places[place])
        if len(drawn) < number and is_mistake(mutant):
            drawn.append((mutant, pattern_of[mutant.module]))
    return drawn


def copy_checkout(folder: Path) -> None:
    """Copy what the tests need of this checkout."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy2(source, folder / name)


def run_pytest(arguments: Sequence[str], limit_s: float, *, keep_bytecode: bool) -> None:
    """Run tests in the current folder, in a process that was forked for them; exit as pytest."""
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit_s),) * 2)
    os.setpgid(0, 0)  # so that what they start ends with them
    with open(OUTPUT_FILE, 'w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for name in [name for name in sys.modules if name.partition('.')[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path if entry not in ('', str(ROOT)))]
    sys.dont_write_bytecode = not keep_bytecode
    os._exit(int(import_module('pytest').main([*arguments])))


def passes(tests: Sequence[str], limit_s: float, *, keep_bytecode: bool = False) -> bool:
    """
    Run tests in the current folder.

    :param limit_s: of the processor's time, for a change may make them endless.
    :returns: whether all pass.
    """
    arguments = ['-x', '-q', '-n', '0', '-p', 'no:randomly', *tests]
    child = get_context('fork').Process(  # which has the libraries loaded already
        target=run_pytest, args=(arguments, limit_s), kwargs={'keep_bytecode': keep_bytecode})
    child.start()
    child.join(PATIENCE * limit_s)
    if child.exitcode is None:
        os.killpg(child.pid or 0, signal.SIGKILL)
        child.join()
    return child.exitcode == 0


def stages(mutant: Mutant, tests: Sequence[str]) -> list[list[str]]:
    """Return the tests of a change, those first that are named as the module."""
    options = [test for test in tests if test.startswith('-')]
    listed = [test for test in tests if test not in options]
    name = f'test_{Path(mutant.module).stem}.py'
    first = sorted(str(path.relative_to(ROOT)) for test in listed
                   for path in (ROOT / test).rglob(name))
    return [[test, *options] for test in dict.fromkeys([*first, *listed])]


def processor_time_s() -> float:
    """Return the processor time of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def time_limits(patterns: Sequence[str]) -> dict[str, float]:
    """Return the processor time that the tests of each pattern may take; they pass unchanged."""
    limits = {}
    for pattern in patterns:
        started = processor_time_s()
        if not passes(TESTS[pattern], 600, keep_bytecode=True):
            raise RuntimeError(f'without a change these fail: {" ".join(TESTS[pattern])}\n'
                               f'{Path(OUTPUT_FILE).read_text()[-4000:]}')
        limits[pattern] = SLACK_S + 5 * (processor_time_s() - started)
    return limits


def is_noticed(mutant: Mutant, tests: Sequence[str], limit_s: float) -> bool:
    """Make a change in the current folder, run the tests, and take it back."""
    path = Path(mutant.module)
    path.write_text(mutant.code())
    try:
        return not all(passes(stage, limit_s) for stage in stages(mutant, tests))
    finally:
        shutil.copy2(ROOT / mutant.module, path)


def survivors(drawn: Sequence[tuple[Mutant, str]]) -> list[Mutant]:
    """Return the changes that no test notices; prints a line for each change."""
    limits = time_limits(sorted({pattern for _, pattern in drawn}))
    found = []
    for i, (mutant, pattern) in enumerate(drawn, 1):
        started = time.monotonic()
        noticed = is_noticed(mutant, TESTS[pattern], limits[pattern])
        print(f'{i:3}/{len(drawn)}  {"noticed " if noticed else "SURVIVED"}  '
              f'{time.monotonic() - started:5.1f} s  {mutant.module}:{mutant.line}  '
              f'{mutant.operator.removeprefix("core/")}', flush=True)
        if not noticed:
            found.append(mutant)
    return found


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog='python -m test.mutants', description=__doc__)
    made.add_argument('--seed', type=int, default=1, help='of the draw (%(default)s)')
    made.add_argument('-n', '--number', type=int, default=100, help='of changes (%(default)s)')
    made.add_argument('--at-least', type=float, default=95, metavar='PERCENT',
                      help='exit code 1 where fewer are noticed (%(default)s)')
    made.add_argument('--only', default='', metavar='TEXT',
                      help='change the modules alone whose pattern has this in it')
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the changes, try each, and print those that survive."""
    options = parser().parse_args(argv)
    for name in THREADS:
        os.environ.setdefault(name, '1')
    for name in PRELOADED:
        import_module(name)
    drawn = draw(options.number, options.seed, [name for name in TESTS if options.only in name])
    with tempfile.TemporaryDirectory(prefix='posenet_mutants_') as folder, chdir(folder):
        copy_checkout(Path(folder))
        left = survivors(drawn)
    for mutant in left:
        print('', *mutant.diff(), sep='\n')
    noticed = len(drawn) - len(left)
    print(f'\nseed {options.seed}: {noticed} of {len(drawn)} changes are noticed by a test')
    return int(100 * noticed < options.at_least * len(drawn))


if __name__ == '__main__':
    sys.exit(run_cli(main))
