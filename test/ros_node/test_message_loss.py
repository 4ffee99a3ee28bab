"""Images that never came to the node are counted by their publisher's numbers."""

from __future__ import annotations

from pathlib import Path
import signal
import time

from posenet_ros.ros_node.images.message_loss import LostImages
import pytest
from ros_helpers import (
    connected,
    image_message,
    node_command,
    Peer,
    values_of,
    write_mean_colour_model,
)

DOMAIN = 129
BURST = 20
NAMES = ('answered', 'dropped', 'bad', 'rejected', 'failed')  # how a received image can end


@pytest.mark.parametrize(('numbers', 'publishers', 'lost'), [
    ([7, 8, 9], 1, [0, 0, 0]),  # the first that is heard tells nothing of those before
    ([7, 9, 20], 1, [0, 1, 10]),
    ([7, 9, 12], 2, [0, 0, 0]),  # two publishers, whose numbers mix
    ([7, 9, 1, 3], 1, [0, 1, 0, 1]),  # another publisher begins
    ([7, 7, 8], 1, [0, 0, 0]),
    ([None, 9, None, 12], 1, [0, 0, 0, 0])])  # the middleware does not say it
def test_gaps_in_the_numbers_are_lost_images(
        numbers: list[int | None], publishers: int, lost: list[int]) -> None:
    images = LostImages(lambda: publishers)
    assert [images.before(number) for number in numbers] == lost


def test_another_topic_begins_anew() -> None:
    images = LostImages(lambda: 1)
    images.before(3)
    images.reset()
    assert images.before(90) == 0


def counts(peer: Peer) -> dict[str, int]:
    """Return the counts of images in the next report."""
    return {key.removeprefix('images '): int(value)
            for key, value in values_of(peer.status()).items() if key.startswith('images ')
            and value.isdigit()}


def test_every_image_that_is_sent_is_counted_by_name(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'tiny')
    with connected(node_command(model=model), DOMAIN, tmp_path / 'log.txt') as (process, peer):
        peer.images.publish(image_message(time.time_ns()))
        peer.spin_for(0.1)  # it waits for its camera when the node is deactivated
        assert peer.change('deactivate')
        assert peer.change('activate')
        assert len(peer.send(image_message(time.time_ns()))) == 1
        peer.wait_until(lambda: counts(peer)['received'] == 2, 5.0)
        process.popen.send_signal(signal.SIGSTOP)
        for _ in range(BURST):  # more than the middleware keeps for a node that does not look
            peer.images.publish(image_message(time.time_ns()))
        process.popen.send_signal(signal.SIGCONT)
        peer.spin_for(0.5)
        assert len(peer.send(image_message(time.time_ns()))) >= 1  # its number tells the gap
        peer.wait_until(lambda: sum(counts(peer)[name] for name in NAMES)
                        == counts(peer)['received'], 5.0)
        found = counts(peer)
    assert found['lost'] >= BURST // 2
    assert found['received'] == sum(found[name] for name in NAMES)
    assert found['received'] + found['lost'] == BURST + 3
