"""The changes of `make mutants` are drawn by the seed, can be read, and have tests."""

from __future__ import annotations

import difflib
from pathlib import Path

from helpers import ROOT
import mutants
from mutants import (
    draw,
    EQUIVALENT,
    modules,
    Mutant,
    mutants_of,
    READERS,
    spans_without_effect,
    stages,
    TESTS,
)
import pytest

GATE = 'posenet_ros/localisation/gating/reasons.py'


@pytest.mark.parametrize('pattern', TESTS)
def test_each_pattern_has_modules_and_tests(pattern: str) -> None:
    assert modules(pattern)
    assert all((ROOT / name).exists() for name in TESTS[pattern]
               if not name.startswith('-'))


def test_the_tests_of_the_readers_are_all_of_their_folder() -> None:
    files = {str(path.relative_to(ROOT)) for path in (ROOT / 'test/datasets').glob('test_*.py')}
    assert files <= set(READERS)


def test_no_module_belongs_to_two_patterns() -> None:
    names = [name for pattern in TESTS for name in modules(pattern)]
    assert len(set(names)) == len(names) > 30


def test_annotations_and_seeds_are_found_by_rule() -> None:
    code = 'def f(a: int | None = 1 | 2) -> list[int]:\n    b: int = 3\n    return b\n'
    assert sorted(spans_without_effect(code)) == [(1, 9, 1, 19), (1, 32, 1, 41), (2, 7, 2, 10)]
    code = 'def f(a, b=1, seed=2, *, c=3):\n    return np.random.default_rng(4), other(5)\n'
    assert sorted(spans_without_effect(code)) == [(1, 19, 1, 20), (2, 33, 2, 34)]
    assert spans_without_effect('zip(a, b, strict=True) == f(strict=True)') == [(1, 17, 1, 21)]
    assert spans_without_effect('def f(a, *, b, seed=7): pass') == [(1, 20, 1, 21)]
    assert spans_without_effect('def f(seed): assert seed, "seed"') == []


def test_what_is_known_to_be_no_mistake_is_of_a_line_that_is_there() -> None:
    for module, line, reason in EQUIVALENT:
        assert len(reason) > 10
        code = {text.partition('  #')[0].strip() for text in (
            ROOT / module).read_text().splitlines()}
        assert line not in code
        before = {'continue': 'break'}.get(line, line)
        assert difflib.get_close_matches(before, code, cutoff=0.7), (module, line)


def test_a_seed_draws_the_same_changes_of_code_that_is_evaluated() -> None:
    pytest.importorskip('cosmic_ray')
    drawn = draw(8, 3, [GATE])
    assert drawn == draw(8, 3, [GATE])
    assert drawn != draw(8, 4, [GATE])
    assert len({(mutant.module, mutant.line, mutant.operator) for mutant, _ in drawn}) > 6
    for mutant, pattern in drawn:
        assert pattern == GATE
        compile(mutant.code(), mutant.module, 'exec')
        assert len(mutant.diff()) > 4


def test_a_type_is_not_changed_and_a_number_is(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('cosmic_ray')
    monkeypatch.setattr(mutants, 'ROOT', tmp_path)
    code = 'def f(a: int | None) -> int | None:\n    return a is None or 5\n'
    (tmp_path / 'm.py').write_text(code)
    found = [mutant for _, mutant in mutants_of('m.py')]
    assert {mutant.operator for mutant in found} == {
        'core/NumberReplacer', 'core/ReplaceOrWithAnd', 'core/ReplaceComparisonOperator_Is_IsNot'}
    change = Mutant('m.py', 2, 'core/NumberReplacer', 1)
    assert change.code().endswith('or 4\n')
    assert mutants.is_mistake(change)
    monkeypatch.setattr(mutants, 'EQUIVALENT', (('m.py', 'return a is None or 4', 'a test'),))
    assert not mutants.is_mistake(change)


def test_an_exception_of_a_module_is_not_drawn(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('cosmic_ray')
    monkeypatch.setattr(mutants, 'ROOT', tmp_path)
    (tmp_path / 'm.py').write_text(
        'try:\n    f()\nexcept (yaml.YAMLError, ValueError):\n    pass\n')
    found = [mutant for _, mutant in mutants_of('m.py')]
    assert {mutant.operator for mutant in found} == {'core/ExceptionReplacer'}
    assert [mutants.is_mistake(mutant) for mutant in found] == [False, True]


def test_the_tests_of_the_module_come_first() -> None:
    change = Mutant('posenet_ros/geometry/camera.py', 1, '', 0)
    assert stages(change, ('test/geometry', '--deselect=x')) == [
        ['test/geometry/test_camera.py', '--deselect=x'], ['test/geometry', '--deselect=x']]
    listed = ('test/geometry/test_camera.py', 'test/geometry')
    assert stages(change, listed) == [[name] for name in listed]


@pytest.mark.parametrize(('body', 'limit_s', 'passed'), [
    ('pass', 20.0, True), ('raise ValueError', 20.0, False),
    ('while True:\n        pass', 0.1, False)])
def test_what_fails_or_never_ends_is_noticed_by_its_processor_time(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, limit_s: float,
        passed: bool) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'test_it.py').write_text(f'def test_it():\n    {body}\n')
    before = mutants.processor_time_s()
    assert mutants.passes(['test_it.py'], limit_s) == passed
    assert 0 < mutants.processor_time_s() - before < 5
