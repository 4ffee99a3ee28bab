"""Read the walks that a map is extended by, each by itself."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.pipelines.mapping.posed import source_of, walks_of_dataset
from posenet_ros.training.sources.names import unique_names
from posenet_ros.training.sources.pose_association import form_and_unit, with_poses
from posenet_ros.training.sources.read import read_each


@dataclass(frozen=True, eq=False)
class NewWalks:
    """
    Walks to join to a map, in the order of their names.

    :param walks: with the images alone that the map does not have by name.
    :param rejected: why a path has no walks, by its name.
    """

    walks: tuple[Walk, ...]
    rejected: dict[str, str]


def read_new_walks(options: argparse.Namespace, work: Path, known: Collection[str]) -> NewWalks:
    """
    Read the walks of `posenet map --extend`, with the poses that are given.

    Nothing depends on the order in which they are given.

    :param known: names of the images of the map.
    :raises InputError: when the only path cannot be read, or there is no new image.
    """
    name = 'data' if options.data else source_of(options).kind.value
    paths = sorted({path.resolve(): path for path in getattr(options, name)}.items())
    options = argparse.Namespace(**{**vars(options), name: [path for _, path in paths]})
    walks: list[Walk] = []
    rejected: dict[str, str] = {}
    for (whole, path), found in zip(paths, _read(options, work), strict=True):
        if not isinstance(found, PoseNetError):
            walks += found
        elif len(paths) == 1:
            raise found
        else:
            rejected[str(whole)] = f'{path.name}: {found}'
    if walks and options.poses:
        walks = with_poses(walks, options.poses, options.max_gap, *form_and_unit(options))
    for note in (note for walk in walks for note in walk.notes):
        print(note, flush=True)
    return NewWalks(_unknown(walks, known, rejected), rejected)


def _read(options: argparse.Namespace, work: Path) -> Iterator[list[Walk] | PoseNetError]:
    """Yield the walks of each path, or why they cannot be read."""
    if not options.data:
        yield from read_each(source_of(options), work)
        return
    names = unique_names(path.resolve().name for path in options.data)
    for path, name in zip(options.data, names, strict=True):
        try:
            dataset = read_dataset(path, 'train', options.camera)
            some = dataset.subset(range(0, len(dataset.samples), options.every or 1))
            yield [walk if len(names) == 1 else _renamed(walk, name)
                   for walk in walks_of_dataset(some)]
        except PoseNetError as error:
            yield error


def _renamed(walk: Walk, prefix: str) -> Walk:
    """Return a walk of one of several datasets, whose walks may have the same names."""
    images = tuple(replace(image, name=f'{prefix}/{image.name}') for image in walk.images)
    return replace(walk, name=f'{prefix}/{walk.name}', images=images)


def _unknown(walks: Sequence[Walk], known: Collection[str],
             rejected: dict[str, str]) -> tuple[Walk, ...]:
    """
    Return the walks with the images alone that a map does not know, by name.

    :raises InputError: when there is none, and nothing was left out.
    """
    new = [replace(walk, images=tuple(image for image in walk.images if image.name not in known))
           for walk in walks]
    old = sum(len(walk.images) for walk in walks) - sum(len(walk.images) for walk in new)
    if old:
        print(f'{old} images are in the map already, by their names', flush=True)
    found = tuple(sorted((walk for walk in new if walk.images), key=lambda walk: walk.name))
    if not found and not rejected:
        raise InputError('a map is extended by new images. Received: none that it does not have '
                         'by name already')
    return found
