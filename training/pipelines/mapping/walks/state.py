"""How far an extension by several walks is, kept in the work folder for a resumed run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
import json
from pathlib import Path
import shutil
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.utils.files.typed_json import read_typed
from posenet_ros.utils.files.whole import whole_file

FOLDER, FILE = 'joined', 'state.json'


@dataclass(frozen=True)
class ExtensionState:
    """
    The walks of an extension: joined, left out, or still to be tried.

    :param parent: content hash of the map that is extended; `views` it may have at most.
    :param pending: names of those still to be tried, in their order.
    :param joined: what each of those that joined brought.
    :param postponed: why a walk did not join, by name: it is tried again after another one joined.
    :param rejected: likewise, of those that are not tried again.
    """

    parent: str
    views: int | None
    pending: tuple[str, ...]
    joined: tuple[Mapping[str, Any], ...] = ()
    postponed: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)

    def after_rejection(self, name: str, reason: str, *, again: bool) -> ExtensionState:
        """Return the state after a walk did not join; `again`: it may after another one."""
        if again:
            return replace(self, postponed={**self.postponed, name: reason})
        return replace(self, rejected={**self.rejected, name: reason})

    def joined_by(self, update: Mapping[str, Any]) -> ExtensionState:
        """Return the state after a walk joined: those that were postponed are tried again."""
        return replace(self, joined=(*self.joined, update), postponed={},
                       pending=(*self.pending, *self.postponed))


def save_state(state: ExtensionState, landmark_map: LandmarkMap, work: Path) -> None:
    """Write a state and its map, both or neither."""
    folder, new = work / FOLDER, _map_folder(work, state)
    folder.mkdir(exist_ok=True)
    maps = {one for one in folder.iterdir() if one.is_dir()}
    new.mkdir(exist_ok=True)
    landmark_file.save(landmark_map, new / LANDMARKS_FILE)
    with whole_file(folder / FILE) as file:
        file.write_text(json.dumps(asdict(state)))
    for other in maps - {new}:
        shutil.rmtree(other)


def _map_folder(work: Path, state: ExtensionState) -> Path:
    """Return the folder of a state's map, whose tiles are beside its file."""
    return work / FOLDER / str(len(state.joined))


def load_state(work: Path, start: ExtensionState) -> tuple[ExtensionState, LandmarkMap | None]:
    """
    Read how far an interrupted run was, and its map.

    :param start: of a run from the beginning, which is returned with None where there is nothing
        of the same map, views and walks, or it is damaged.
    """
    try:
        state = read_typed(ExtensionState, work / FOLDER / FILE)
        names = {*state.pending, *state.postponed, *state.rejected,
                 *(str(one['walk']) for one in state.joined)}
        if (state.parent, state.views, names) != (start.parent, start.views, {*start.pending}):
            return start, None
        return state, landmark_file.load(_map_folder(work, state) / LANDMARKS_FILE)
    except (InputError, OSError, LookupError):
        return start, None
