"""Record which functions of posenet_ros are called, in the order of their first call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
import sys
import threading
from types import FrameType

from helpers import ROOT

PACKAGE = ROOT / 'posenet_ros'
SKIPPED = ('<lambda>', '<genexpr>', '<listcomp>', '<dictcomp>', '<module>', '__init__',
           '__post_init__')


@dataclass
class Calls:
    """
    What was called.

    :param functions: `folder/file.py: function` in the order of first call.
    :param arrows: (folder of the caller, folder of the called) -> the first such call.
    """

    functions: list[str] = field(default_factory=list)
    arrows: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def folders(self) -> list[str]:
        """Return the folders in the order of first entry, without the modules beside them."""
        return list(dict.fromkeys(name.split('/')[0] for name in self.functions if '/' in name))


def _place(frame: FrameType | None) -> str:
    """Return `folder/file.py` of a frame of posenet_ros, nothing of another."""
    if frame is None:
        return ''
    path = Path(frame.f_code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else ''


def _caller(frame: FrameType) -> str:
    """Return where the next function of posenet_ros up the stack is."""
    above = frame.f_back
    while above is not None and not _place(above):
        above = above.f_back
    return _place(above)


@contextmanager
def record_calls() -> Iterator[Calls]:
    """Record the calls of this thread, and of those that are started within the context."""
    calls = Calls()

    def profile(frame: FrameType, event: str, _: object) -> None:
        place = _place(frame) if event == 'call' else ''
        if not place:
            return
        name = f'{place}: {frame.f_code.co_name}'
        caller = _caller(frame)
        if '/' in place and '/' in caller:
            arrow = caller.split('/')[0], place.split('/')[0]
            calls.arrows.setdefault(arrow, f'{caller} -> {name}')
        if frame.f_code.co_name not in SKIPPED and name not in calls.functions:
            calls.functions.append(name)

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
