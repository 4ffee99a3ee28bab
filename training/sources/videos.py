"""A video as a walk: frames at a moderate rate, upright, by their own times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.training.data.walk import Walk, WalkImage
from posenet_ros.training.sources.pyav import load_pyav, upright
from posenet_ros.training.sources.sampling import NS_PER_S, Sampler
from posenet_ros.training.sources.saved_images import save_frame
from posenet_ros.utils.progress import ProgressBar

MAX_DAMAGED = 0.5  # of the packets
MIN_FOUND = 0.9  # of the frames that a file promises: fewer are told


class VideoFrames:
    """
    Decode the frames of a video, and count what cannot be decoded.

    :param file: of the video.
    :raises InputError: when it is missing, or holds no video.
    """

    def __init__(self, file: Path) -> None:
        self._av = load_pyav()
        self.file = file
        if not file.is_file():
            raise InputError(f'{file}: no such file. Expected a video')
        self.packets = self.damaged = 0

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """
        Yield the time since the video's start, nanoseconds, and each whole frame, undecoded.

        :raises InputError: when it is no video.
        """
        try:
            with self._av.open(str(self.file)) as container:
                if not container.streams.video:
                    raise InputError(f'{self.file}: expected a video. Received: a file without '
                                     'a video stream')
                yield from self._of_stream(container, container.streams.video[0])
        except self._av.FFmpegError as error:
            if not self.packets:
                raise InputError(f'{self.file}: expected a video. Received: a file that FFmpeg '
                                 f'cannot read ({error.strerror})') from error
            self.damaged += 1  # cut off: what came before is good

    def _of_stream(self, container: Any,  # noqa: ANN401 - of PyAV, as below
                   stream: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
        stream.thread_type = 'AUTO'
        start = stream.start_time or 0
        for packet in container.demux(stream):
            self.packets += 1
            try:
                frames = packet.decode()
            except self._av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                if frame.is_corrupt or frame.pts is None:
                    self.damaged += 1
                    continue
                yield round((frame.pts - start) * frame.time_base * NS_PER_S), frame


def read_video(file: Path, name: str, folder: Path, every: int | None = None) -> Walk:
    """
    Write the frames of a video that are candidates for a map, and return them as a walk.

    :param name: of the walk.
    :param folder: where the walk's folder is made.
    :param every: take each Nth frame; None takes some ten a second.
    :raises InputError: when it is no video, most of it is damaged, or it changes its size.
    """
    (folder / name).mkdir(parents=True, exist_ok=True)
    frames, sampler = VideoFrames(file), Sampler(every)
    images: list[WalkImage] = []
    size: tuple[int, ...] | None = None
    count, promised = 0, _frame_count(file)
    with ProgressBar(promised, 'frame', file.name) as shown:
        for stamp_ns, frame in frames:
            count += 1
            shown.update(count)
            if not sampler.takes(stamp_ns):
                continue
            pixels = upright(frame)
            size = size or pixels.shape
            _check_same_size(file, size, pixels)
            path = save_frame(pixels, folder / name / f'frame{len(images):06d}')
            images.append(WalkImage(path, f'{name}/{path.name}', stamp_ns))
    _check_damaged(frames, images)
    lost = f' of {promised} that the file promises' if count < MIN_FOUND * promised else ''
    note = f'{count} frames{lost}, {len(images)} taken, {frames.damaged} damaged and left out'
    return Walk(name, tuple(images), notes=(f'{file.name}: {note}',))


def _frame_count(file: Path) -> int:
    """Return the number of frames that the video promises; 1 where it does not say."""
    av = load_pyav()
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            seconds = (container.duration or 0) / av.time_base
            return max(int(stream.frames or seconds * (stream.average_rate or 0)), 1)
    except (av.FFmpegError, IndexError, OSError):
        return 1


def _check_same_size(file: Path, size: tuple[int, ...], pixels: RgbImage) -> None:
    if pixels.shape != size:
        raise InputError(f'{file}: all frames have to have the size of the first, '
                         f'{size[1]}x{size[0]}. Received: {pixels.shape[1]}x{pixels.shape[0]}; '
                         'cut the video there')


def _check_damaged(frames: VideoFrames, images: list[WalkImage]) -> None:
    if not images or frames.damaged > MAX_DAMAGED * frames.packets:
        raise InputError(f'{frames.file}: most of the frames have to be whole. Received: '
                         f'{frames.damaged} damaged of {frames.packets}')
