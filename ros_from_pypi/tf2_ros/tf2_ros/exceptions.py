"""Why a transform cannot be had: the names of tf2's exceptions."""


class TransformException(Exception):  # noqa: N818 - tf2's name
    """Base of all of tf2's exceptions."""


class ConnectivityException(TransformException):
    """Both frames exist, but nothing connects them."""


class LookupException(TransformException):
    """A frame does not exist, or the frames form a loop."""


class ExtrapolationException(TransformException):
    """There is no data for the time asked for."""


class InvalidArgumentException(TransformException):
    """A frame's name is not one."""


class TimeoutException(TransformException):
    """The time to wait was over."""
