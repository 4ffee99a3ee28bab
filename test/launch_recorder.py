"""
Resolve launch files where launch_ros is not installed: PyPI does not have it.

It knows the few actions and substitutions that our launch files use, resolves them as launch
does, and gives the command lines that launch would start. Where launch_ros is installed, the
tests use that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
import importlib.util
from pathlib import Path
import sys
from types import ModuleType
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Context:
    """What is known while a description is visited."""

    configurations: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    ros_arguments: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    on_exits: list[Any] = field(default_factory=list)
    is_shutdown: bool = False


LaunchContext = Context
Substitution = Callable[[Context], str]
Action = Callable[[Context], None]


def text(value: Any, context: Context) -> str:  # noqa: ANN401
    """Return a string, a substitution or a list of them as text."""
    if isinstance(value, list | tuple):
        return ''.join(text(part, context) for part in value)
    return value(context) if callable(value) else str(value)


@dataclass(frozen=True)
class LaunchConfiguration:
    """The value of an argument."""

    name: str

    def __call__(self, context: Context) -> str:  # noqa: D102
        return self.perform(context)

    def perform(self, context: Context) -> str:
        """Return the value."""
        return context.configurations[self.name]


def PathJoinSubstitution(parts: Sequence[Any]) -> Substitution:  # noqa: N802
    return lambda context: str(Path(*(text(part, context) for part in parts)))


def FindPackageShare(name: str) -> Substitution:  # noqa: N802
    assert name == 'posenet_ros'
    return lambda context: str(ROOT)  # launch/ and config/ lie there as in the installed share


def NotEqualsSubstitution(left: Any, right: Any) -> Substitution:  # noqa: ANN401, N802
    return lambda context: str(text(left, context) != text(right, context)).lower()


def IfElseSubstitution(condition: Any, yes: Any, no: Any) -> Substitution:  # noqa: ANN401, N802
    return lambda context: text(yes if text(condition, context) == 'true' else no, context)


def IfCondition(value: Any) -> Substitution:  # noqa: ANN401, N802
    return lambda context: text(value, context)


def LaunchDescription(actions: Sequence[Action]) -> Action:  # noqa: N802
    def visit(context: Context) -> None:
        for action in actions:
            action(context)
    return visit


def GroupAction(actions: Sequence[Action]) -> Action:  # noqa: N802
    def visit(context: Context) -> None:
        before = list(context.ros_arguments), dict(context.configurations)
        LaunchDescription(actions)(context)
        context.ros_arguments, context.configurations = before  # a group is a scope
    return visit


def DeclareLaunchArgument(  # noqa: N802
        name: str, *, description: str, default_value: Any = None) -> Action:  # noqa: ANN401
    def visit(context: Context) -> None:
        context.arguments.setdefault(name, description)
        if name not in context.configurations:
            assert default_value is not None, f'the argument {name} is required'
            context.configurations[name] = text(default_value, context)
    return visit


def SetParameter(name: str, value: Any,  # noqa: ANN401, N802
                 condition: Substitution | None = None) -> Action:
    def visit(context: Context) -> None:
        if condition is None or condition(context) == 'true':
            context.ros_arguments += ['-p', f'{name}:={text(value, context)}']
    return visit


def SetRemap(source: Any, target: Any,  # noqa: ANN401, N802
             condition: Substitution | None = None) -> Action:
    def visit(context: Context) -> None:
        if condition is None or condition(context) == 'true':
            context.ros_arguments += ['-r', f'{text(source, context)}:={text(target, context)}']
    return visit


def SetLaunchConfiguration(name: str, value: Any) -> Action:  # noqa: ANN401, N802
    def visit(context: Context) -> None:
        context.configurations[name] = text(value, context)
    return visit


def LogInfo(msg: Any) -> Action:  # noqa: ANN401, N802
    return lambda context: context.logged.append(text(msg, context))


def SetParametersFromFile(path: Any) -> Action:  # noqa: ANN401, N802
    return lambda context: context.ros_arguments.extend(['--params-file', text(path, context)])


def Node(package: str, executable: str,  # noqa: N802
         namespace: Any = '', output: str = '',  # noqa: ANN401
         remappings: Sequence[tuple[Any, Any]] = (), ros_arguments: Sequence[Any] = (),
         arguments: Sequence[Any] = (), on_exit: object = None,
         condition: Substitution | None = None) -> Action:
    def visit(context: Context) -> None:
        if condition and condition(context) != 'true':
            return
        own = package == 'posenet_ros'
        command = [sys.executable, str(ROOT / 'scripts' / executable)] if own else [executable]
        command += [text(part, context) for part in arguments]
        command += ['--ros-args', *(text(part, context) for part in ros_arguments)]
        if text(namespace, context):
            command += ['-r', f'__ns:=/{text(namespace, context).strip("/")}']
        for source, target in remappings:
            command += ['-r', f'{text(source, context)}:={text(target, context)}']
        context.commands.append([*command, *context.ros_arguments])
        if on_exit:
            context.on_exits.append(on_exit)
    return visit


def PythonLaunchDescriptionSource(path: Substitution) -> Substitution:  # noqa: N802
    return path


def IncludeLaunchDescription(  # noqa: N802
        source: Substitution, launch_arguments: Sequence[tuple[str, str]] = ()) -> Action:
    def visit(context: Context) -> None:
        context.configurations.update(launch_arguments)
        load(Path(source(context)))(context)
    return visit


def OpaqueFunction(function: Callable[[Context], Sequence[Action]]) -> Action:  # noqa: N802
    return lambda context: LaunchDescription(function(context))(context)


def Shutdown() -> None:  # noqa: N802
    """Stand for the action that ends the launch."""


class ProcessExited:
    """Stand for the event that a process has ended."""


MODULES = {
    'launch': ['LaunchContext', 'LaunchDescription'],
    'launch.actions': ['DeclareLaunchArgument', 'GroupAction', 'IncludeLaunchDescription',
                       'LogInfo', 'OpaqueFunction', 'SetLaunchConfiguration', 'Shutdown'],
    'launch.events': [], 'launch.events.process': ['ProcessExited'],
    'launch.conditions': ['IfCondition'],
    'launch.launch_description_sources': ['PythonLaunchDescriptionSource'],
    'launch.substitutions': ['IfElseSubstitution', 'LaunchConfiguration', 'NotEqualsSubstitution',
                             'PathJoinSubstitution'],
    'launch_ros': [],
    'launch_ros.actions': ['Node', 'SetParameter', 'SetParametersFromFile', 'SetRemap'],
    'launch_ros.substitutions': ['FindPackageShare'],
}


@contextmanager
def _modules() -> Iterator[None]:
    """Let launch files import the functions above as launch and launch_ros."""
    modules = {name: ModuleType(name) for name in MODULES}
    for name, members in MODULES.items():
        for member in members:
            setattr(modules[name], member, globals()[member])
    with patch.dict(sys.modules, modules):
        yield


def load(path: Path) -> Action:
    """Return the description that a launch file makes."""
    spec = importlib.util.spec_from_file_location(path.stem.replace('.', '_'), path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with _modules():
        spec.loader.exec_module(module)
        return module.generate_launch_description()  # type: ignore[no-any-return]


def resolve(path: Path, arguments: Mapping[str, object]) -> Context:
    """
    Return what a launch file comes to.

    :param arguments: as given on the command line of `ros2 launch`.
    :returns: the context: declared arguments with descriptions, and the commands.
    """
    context = Context({name: str(value) for name, value in arguments.items()})
    context.argv = [f'{name}:={value}' for name, value in context.configurations.items()]
    load(path)(context)
    return context
