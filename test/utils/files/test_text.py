"""Text files of all editors, and JSON that is damaged."""

from __future__ import annotations

from pathlib import Path

from posenet_ros.errors import InputError
from posenet_ros.utils.files.text import read_json, read_text
import pytest


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_byte_order_marks_are_no_text(tmp_path: Path, encoding: str) -> None:
    (tmp_path / 'a.txt').write_bytes('{"ä": 1}'.encode(encoding))
    assert read_text(tmp_path / 'a.txt') == '{"ä": 1}'
    assert read_json(tmp_path / 'a.txt') == {'ä': 1}


@pytest.mark.parametrize(('content', 'why'), [
    (b'', 'is damaged'), (b'{"a":', 'is damaged'), (b'[' * 100_000, 'nested too deeply'),
    (b'\xff\x00\x81', 'in UTF-8')])
def test_damaged_json_is_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / 'a.json').write_bytes(content)
    with pytest.raises(InputError, match=why) as caught:
        read_json(tmp_path / 'a.json')
    assert '\n' not in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='no such file'):
        read_text(tmp_path / 'none')
    with pytest.raises(InputError, match='Received: a folder'):
        read_text(tmp_path)
