"""
Draw the TF trees of doc/guides/tf_mode.md: `python doc/make_tf_trees.py`.

Each picture stands on a light card of its own, so that it can be read on a dark page, too.
"""

from __future__ import annotations

from pathlib import Path

BOX, GAP, HEIGHT = 132, 96, 150
OURS, OTHERS, INK = '#0b8a5f', '#5f6670', '#1d2430'
TREES = {  # name -> frames from parent to child, and who gives each arrow
    'tf_map_to_camera': (('map', 'camera_optical'), ('relocaliser',)),
    'tf_map_to_base': (('map', 'base_link', 'camera_optical'), ('relocaliser', 'description')),
    'tf_map_to_odom': (('map', 'odom', 'base_link', 'camera_optical'),
                       ('relocaliser', 'odometry', 'description')),
    'tf_none': (('map', 'odom', 'base_link', 'camera_optical'),
                ('Kalman filter', 'odometry', 'description')),
}


def _text(x: float, y: float, words: str, size: int, colour: str, style: str = '') -> str:
    return (f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" text-anchor="middle"'
            f'{style}>{words}</text>')


def _frame(i: int, name: str) -> str:
    left = 20 + i * (BOX + GAP)
    return (f'<rect x="{left}" y="42" width="{BOX}" height="44" rx="8" fill="#ffffff" '
            f'stroke="{INK}" stroke-width="1.5"/>'
            + _text(left + BOX / 2, 69, name, 14, INK, ' font-family="monospace"'))


def _arrow(i: int, giver: str) -> str:
    colour = OURS if giver == 'relocaliser' else OTHERS
    start, end = 20 + BOX + i * (BOX + GAP) + 4, 20 + (i + 1) * (BOX + GAP) - 4
    width = 3 if giver == 'relocaliser' else 2
    return (f'<path d="M{start} 64H{end - 8}" stroke="{colour}" stroke-width="{width}"/>'
            f'<path d="M{end} 64l-10 -6v12z" fill="{colour}"/>'
            + _text((start + end) / 2, 112, giver, 13, colour,
                    ' font-weight="bold"' if giver == 'relocaliser' else ''))


def _poses(frames: int) -> str:
    """Draw the poses that the filter takes from the relocaliser, below the first arrow."""
    x = 20 + BOX + GAP / 2
    return (f'<path d="M{x} 146V120" stroke="{OURS}" stroke-width="3"/>'
            f'<path d="M{x} 116l-6 10h12z" fill="{OURS}"/>'
            + _text(x + 165, 144, '~/base_pose_with_covariance, of the relocaliser', 13, OURS,
                    ' font-weight="bold"'))


def draw(name: str) -> str:
    """Return the SVG of a TF tree."""
    frames, givers = TREES[name]
    width = 40 + len(frames) * BOX + len(givers) * GAP
    parts = [*(_frame(i, frame) for i, frame in enumerate(frames)),
             *(_arrow(i, giver) for i, giver in enumerate(givers))]
    if 'relocaliser' not in givers:
        parts.append(_poses(len(frames)))
    height = HEIGHT + (16 if 'relocaliser' not in givers else -14)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif">'
            f'<rect width="{width}" height="{height}" rx="12" fill="#f4f6f8"/>'
            + ''.join(parts) + '</svg>\n')


if __name__ == '__main__':
    for item in TREES:
        (Path(__file__).parent / 'guides' / f'{item}.svg').write_text(draw(item))
