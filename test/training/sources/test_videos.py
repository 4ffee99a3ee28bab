"""Videos are walks: variable rate, rotation, damage; and packets of videos in bags."""

from __future__ import annotations

import builtins
from fractions import Fraction
from pathlib import Path
import subprocess
from typing import Any

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.imaging.files import read_image
from posenet_ros.ros_data.bag_writer import header, make, new_bag
from posenet_ros.training.sources import videos
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.bags.walk import read_bag
from posenet_ros.training.sources.read import read_walks, Source, SourceKind
from posenet_ros.training.sources.videos import read_video
import pytest

av = pytest.importorskip('av')

SIZE = (64, 48)
START_NS = 1_700_000_000_000_000_000


def picture(index: int) -> np.ndarray:
    """Return a picture whose upper left is bright, the brighter the later."""
    image = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    image[:12, :16] = 100 + 3 * index
    return image


def write_video(file: Path, times_ms: list[int]) -> None:
    with av.open(str(file), 'w') as container:
        stream = container.add_stream('libx264', rate=30, options={'bf': '0'})
        stream.width, stream.height, stream.pix_fmt = *SIZE, 'yuv420p'
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for index, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(picture(index), format='rgb24')
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def brightness(file: Path) -> float:
    return float(read_image(file)[:8, :10].mean())


def test_frames_are_taken_by_their_times_not_by_their_number(tmp_path: Path) -> None:
    """One second at 30 Hz, then a second at 5 Hz: ten of the first, all of the second."""
    times_ms = [33 * i for i in range(30)] + [1000 + 200 * i for i in range(5)]
    write_video(tmp_path / 'walk.mp4', times_ms)
    walk = read_video(tmp_path / 'walk.mp4', 'walk', tmp_path / 'out')
    stamps_ms = [(image.stamp_ns or 0) // 10**6 for image in walk.images]
    assert stamps_ms == [*range(0, 980, 99), *range(1000, 1900, 200)][:len(stamps_ms)]
    assert len(stamps_ms) == 15
    assert [image.name for image in walk.images][:2] == [
        'walk/frame000000.jpg', 'walk/frame000001.jpg']
    assert walk.notes == ('walk.mp4: 35 frames, 15 taken, 0 damaged and left out',)
    assert brightness(walk.images[14].path) == pytest.approx(100 + 3 * 34, abs=5)
    every = read_video(tmp_path / 'walk.mp4', 'walk', tmp_path / 'every', every=7)
    assert [(image.stamp_ns or 0) // 10**6 for image in every.images] == [
        times_ms[i] for i in range(0, 35, 7)]


def turn(file: Path, degrees: int) -> None:
    """Write the display matrix of a rotation into the track header of an MP4 file."""
    data = bytearray(file.read_bytes())
    at = data.index(b'tkhd') + 4 + 40  # version, times, number, duration, layer, volume
    one = 1 << 16
    matrix = {90: (0, one, 0, -one & 0xffffffff, 0, 0), 180: (
        -one & 0xffffffff, 0, 0, 0, -one & 0xffffffff, 0)}[degrees]
    data[at:at + 24] = b''.join(value.to_bytes(4, 'big') for value in matrix)
    file.write_bytes(bytes(data))


@pytest.mark.parametrize(('degrees', 'corner'), [(90, (0, -1)), (180, (-1, -1))])
def test_the_rotation_flag_is_applied(
        tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
    """Turned clockwise by 90 degrees, what was upper left is upper right."""
    file = tmp_path / 'walk.mp4'
    write_video(file, [0, 100, 200])
    turn(file, degrees)
    walk = read_video(file, 'walk', tmp_path / 'out')
    image = read_image(walk.images[0].path)
    assert image.shape[:2] == ((SIZE[0], SIZE[1]) if degrees == 90 else (SIZE[1], SIZE[0]))
    bright = [(y, x) for y in (0, -1) for x in (0, -1) if image[y, x].mean() > 60]
    assert bright == [corner]


def noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


@pytest.mark.parametrize('kind', ['ts', 'mp4'])  # a damaged frame, a packet without one
def test_damaged_packets_are_counted_and_left_out(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setitem(globals(), 'picture', noise)  # each packet is as long as the others
    file = tmp_path / f'walk.{kind}'
    write_video(file, [100 * i for i in range(20)])
    data = bytearray(file.read_bytes())
    at = len(data) // 2
    data[at:at + 800] = bytes(byte ^ 0x5a for byte in data[at:at + 800])
    file.write_bytes(bytes(data))
    walk = read_video(file, 'walk', tmp_path / 'out')
    assert len(walk.images) == 19
    assert walk.notes == (f'walk.{kind}: 19 frames, 19 taken, 1 damaged and left out',)


def test_a_video_that_is_cut_off_is_read_to_its_end(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), 'picture', noise)
    file = tmp_path / 'walk.mkv'
    write_video(file, [100 * i for i in range(20)])
    file.write_bytes(file.read_bytes()[:file.stat().st_size * 3 // 4])
    walk = read_video(file, 'walk', tmp_path / 'out')
    assert 12 <= len(walk.images) <= 15
    assert f'{len(walk.images)} frames of ' in walk.notes[0]
    assert 'that the file promises' in walk.notes[0]


def test_a_video_of_which_most_is_damaged_is_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'walk.mp4'
    write_video(file, [0, 100, 200])
    monkeypatch.setattr(videos, 'MAX_DAMAGED', -1)
    with pytest.raises(InputError, match=r'most of the frames have to be whole. Received: 0 dam'):
        read_video(file, 'walk', tmp_path / 'out')


@pytest.mark.parametrize('content', [None, b'', b'no video'])
def test_what_is_no_video_is_one_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / 'walk.mp4'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r'walk\.mp4: (no such file\. E|e)xpected a video'):
        read_video(file, 'walk', tmp_path / 'out')


def test_without_pyav_one_line_says_what_to_install(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:  # noqa: ANN401 - a module
        if name == 'av':
            raise ImportError("No module named 'av'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(InputError, match=r"pip install 'posenet_ros\[map\]'"):
        read_video(tmp_path / 'walk.mp4', 'walk', tmp_path)


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / 'walk.mp4'
    write_video(file, [0, 100, 200])
    source = Source(SourceKind.VIDEO, (file,), camera='50')
    first, = read_walks(source, tmp_path / 'work')
    file.write_bytes(b'gone')
    again, = read_walks(source, tmp_path / 'work')
    assert again.images == first.images
    assert again.camera == first.camera
    first.images[1].path.unlink()
    with pytest.raises(InputError, match=r'expected a video'):
        read_walks(source, tmp_path / 'work')


def packets(codec: str, count: int) -> list[bytes]:
    """Return the packets of a video, a frame each; the first alone is a key frame."""
    context = av.CodecContext.create(codec, 'w')
    context.width, context.height, context.pix_fmt = *SIZE, 'yuv420p'
    context.time_base = Fraction(1, 10)
    context.options = {'tune': 'zerolatency', 'preset': 'ultrafast'}
    found = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(picture(index), format='rgb24')
        frame.pts = index
        found += [bytes(packet) for packet in context.encode(frame)]
    return found + [bytes(packet) for packet in context.encode(None)]


def write_packets(path: Path, kind: str, codec: str, data: list[bytes]) -> None:
    with new_bag(path) as bag:
        for index, part in enumerate(data):
            stamp_ns = START_NS + index * 10**8
            content = np.frombuffer(part, np.uint8)
            if kind == 'foxglove':
                stamp = header(stamp_ns, '').stamp
                message = make('foxglove_msgs/msg/CompressedVideo', stamp, 'cam', content, codec)
            else:
                message = make('ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
                               header(stamp_ns, 'cam'), *SIZE, codec, index, 0, False, content)
            bag.write('/camera/image_raw/video', message, stamp_ns)


@pytest.mark.parametrize(('kind', 'encoder', 'codec'), [
    ('foxglove', 'libx264', 'h264'), ('foxglove', 'libx265', 'h265'),
    ('ffmpeg', 'libx264', 'h264;yuv420p;bgr8;bgr8'), ('ffmpeg', 'libx265', 'hevc')])
def test_packets_of_videos_in_bags_are_decoded(
        tmp_path: Path, kind: str, encoder: str, codec: str) -> None:
    """Each second is taken, though all have to be decoded."""
    data = packets(encoder, 9)
    assert len(data) == 9
    write_packets(tmp_path / 'bag', kind, codec, data)
    walk = read_bag(tmp_path / 'bag', 'bag', tmp_path / 'out', BagOptions(camera='50', every=2))
    assert [image.stamp_ns for image in walk.images] == [
        START_NS + index * 10**8 for index in range(0, 9, 2)]
    for number, image in enumerate(walk.images):
        assert brightness(image.path) == pytest.approx(100 + 6 * number, abs=6)
    assert walk.camera is not None
    assert walk.camera.size == SIZE


def test_a_packet_that_is_lost_or_unknown_is_counted(tmp_path: Path) -> None:
    data = packets('libx264', 6)
    write_packets(tmp_path / 'bag', 'foxglove', 'h264', [b'\0' * 30, *data])
    walk = read_bag(tmp_path / 'bag', 'bag', tmp_path / 'out', BagOptions(every=1))
    assert '7 images, 6 taken, 1 not usable (the first: a packet of a video' in walk.notes[-1]
    write_packets(tmp_path / 'other', 'foxglove', 'theora', data)
    with pytest.raises(InputError, match=r"the codec of a video has to be .* Received: 'theora'"):
        read_bag(tmp_path / 'other', 'bag', tmp_path / 'more', BagOptions())


def test_reading_bags_and_images_does_not_load_pyav() -> None:
    code = ('import sys, posenet_ros.training.sources.read as m; '
            'assert "av" not in sys.modules and "PIL" not in sys.modules')
    subprocess.run([__import__('sys').executable, '-c', code], check=True, timeout=60)
