"""Why no image arrives, and what to do: each reason a function of what the graph shows."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.ros_node.images.topics import COMPRESSED, ImageTopic, listed, TYPES

SHARED_MEMORY_BYTES = 512 * 1024  # of Fast DDS, by default
PROFILE = 'config/fastdds_large_images.xml'


@dataclass(frozen=True)
class Silence:
    """
    What is known while no image arrives.

    :param wanted: the topic that is subscribed.
    :param other: the same images in the other transport.
    :param reliable: whether reliable is asked of the publishers.
    :param latched: whether transient local is asked of them.
    :param image_bytes: of a colour image of camera_info's size; 0 where it is not known.
    :param elsewhere: other topics on which images are published.
    """

    wanted: ImageTopic
    other: ImageTopic
    reliable: bool = False
    latched: bool = False
    image_bytes: int = 0
    elsewhere: tuple[str, ...] = ()


def wrong_type(seen: Silence) -> str:
    """Say that the topic is not one of images of this transport."""
    kinds = sorted({one.kind for one in seen.wanted.publishers} - {seen.wanted.kind})
    if seen.wanted.fitting or not kinds:
        return ''
    advice = ('set image_transport to auto' if kinds[0] in TYPES.values()
              else 'remap image to a topic of images')
    return f'its messages are {listed(kinds)}, not {seen.wanted.kind}: {advice}'


def another_transport(seen: Silence) -> str:
    """Say that the images are published in the other transport only."""
    if seen.wanted.publishers or not seen.other.fitting:
        return ''
    return (f'only {seen.other.name} has a publisher: set image_transport to auto or '
            f'{seen.other.transport}')


def no_publisher(seen: Silence) -> str:
    """Say that nobody publishes on the topic."""
    if seen.wanted.publishers:
        return ''
    found = f' Images are published on {listed(seen.elsewhere)}.' if seen.elsewhere else ''
    return ('it has no publisher: start the camera (in the same ROS_DOMAIN_ID), or remap image to '
            f'its topic.{found}')


def quality_of_service(seen: Silence) -> str:
    """Say that no publisher offers the quality of service that is asked for."""
    offers = seen.wanted.fitting
    if offers and seen.reliable and not any(one.reliable for one in offers):
        return ('QoS mismatch: its publisher offers best_effort and reliable is asked for: set '
                'image_reliability to auto')
    if offers and seen.latched and not any(one.latched for one in offers):
        return ('QoS mismatch: its publisher offers volatile and transient_local is asked for: '
                'set image_durability to volatile')
    return ''


def large_images(seen: Silence) -> str:
    """Say that the middleware loses images of this size."""
    if seen.image_bytes <= SHARED_MEMORY_BYTES or seen.wanted.transport == COMPRESSED:
        return ''
    return (f'its publisher fits, but colour images of {seen.image_bytes / 2**20:.1f} MiB are too '
            f"large for Fast DDS's shared memory: start the camera's driver with {PROFILE} "
            '(variable FASTRTPS_DEFAULT_PROFILES_FILE), or take compressed images')


def silent_publisher(seen: Silence) -> str:
    """Say that there is a publisher of which nothing comes."""
    count = len(seen.wanted.publishers)
    nodes = listed(sorted(one.node for one in seen.wanted.publishers))
    return (f'it has {count} publisher{"" if count == 1 else "s"} ({nodes}) of which nothing '
            'comes: is it paused, or does it wait for a trigger? Images over 512 KiB need '
            f'{PROFILE} at the publisher')


REASONS = (wrong_type, another_transport, no_publisher, quality_of_service, large_images,
           silent_publisher)


def why_no_image(seen: Silence) -> str:
    """Return the first reason that holds."""
    return next(filter(None, (reason(seen) for reason in REASONS)))


def several_publishers(topic: ImageTopic) -> str:
    """Say that images of several cameras may be mixed; empty for one publisher."""
    if len(topic.fitting) < 2:
        return ''
    nodes = listed(sorted(one.node for one in topic.fitting))
    return (f'{len(topic.fitting)} publishers of {topic.name} ({nodes}): images of two cameras, '
            'or with two times, have no order. Stop one, or give each a topic of its own')
