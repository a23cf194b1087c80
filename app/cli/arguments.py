"""How commands read their arguments: groups, types, and what every command takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from app.cli.invocation import Invocation
from engine.errors import InputError
from engine.paths import is_server, refuse_other_scheme

Function = TypeVar("Function", bound=Callable[..., Any])
HELP = {"help_option_names": ["-h", "--help"]}
COMPLETE = "_SOUNDSIFT_COMPLETE"  # the variable by which a shell asks for completions
_MARK = "\0"  # before a text that begins like an option; no argument can hold it
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
_ASKED = "soundsift."  # of the keys by which contexts hold what every command takes


class _Helped(click.Command):
    """A command whose help is offered in our words."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows the help."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = "show this help"
        return found


class Command(_Helped):
    """A command to which ``-a phrase`` and ``-1`` are texts, as no option holds a space."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        for place in positions(args, self.get_params(ctx)):
            if args[place].startswith("-") and args[place] != "-" and "--" not in args[:place]:
                args[place] = _MARK + args[place]
        return super().parse_args(ctx, args)


class Lazy(_Helped, click.Group):
    """Commands that are imported when they are asked for, and not to be listed or completed.

    :param table: by name, where a command is (``module:function``), and what it does.
    """

    def __init__(self, table: Mapping[str, tuple[str, str]], **more: Any) -> None:
        super().__init__(**more)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self._table:
            return None
        place, summary = self._table[cmd_name]
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        command.help = summary
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that arguments begin with."""
        if args[0] not in self._table and not ctx.resilient_parsing:
            raise click.NoSuchCommand(args[0], possibilities=self._table, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command, or an option."""
        commands = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in self._table.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


class Family(_Helped, click.Group):
    """A command of several, whose options may stand before the one that is meant, too.

    :param default: the one that is meant where none is named.
    :param takes_paths: it is meant where something else is named, too: a path.
    """

    def __init__(self, default: str = "", takes_paths: bool = False, **more: Any) -> None:
        super().__init__(no_args_is_help=False, **more)
        self._default, self._takes_paths = default, takes_paths

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names, in the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with all that it says of itself."""
        shown = [(n, c.help or "") for n, c in self.commands.items() if not c.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(shown)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments: the command that is meant goes first."""
        known = [param for command in self.commands.values() for param in command.params]
        found = next(positions(args, [*self.get_params(ctx), *known]), None)
        if found is not None and args[found] in self.commands:
            args = [args[found], *args[:found], *args[found + 1 :]]
        elif not {"-h", "--help"} & set(args) and self._is_default(ctx, args, found):
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    def _is_default(self, ctx: click.Context, args: list[str], found: int | None) -> bool:
        if not self._default:
            return False
        if found is None:
            return bool(args) or not ctx.resilient_parsing
        if not self._takes_paths:
            return False
        shown = [name for name, command in self.commands.items() if not command.hidden]
        wrong = click.NoSuchCommand(args[found], possibilities=shown, ctx=ctx)
        is_word = Path(args[found]).name == args[found] and not Path(args[found]).exists()
        if is_word and wrong.possibilities and not ctx.resilient_parsing:
            raise wrong
        return True

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command or an option, or else a path."""
        found = super().shell_complete(ctx, incomplete)
        if self._takes_paths and not found:
            found = FILE.shell_complete(ctx, None, incomplete)
        return found


def positions(args: Sequence[str], params: Sequence[click.Parameter]) -> Iterator[int]:
    """Give the places of arguments that are neither options nor the values of options.

    What begins like an option and is none is a text where it holds a space or is a number.
    """
    options = [param for param in params if isinstance(param, click.Option)]
    names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    valued = {name for option in options if not option.is_flag for name in option.opts}
    place = 0
    while place < len(args):
        arg = args[place]
        if arg == "--":
            yield from range(place + 1, len(args))
            return
        if arg in names:
            place += 1 if arg in valued else 0
        elif not arg.startswith("-") or arg == "-":
            yield place
        else:
            known = arg.split("=", 1)[0] in names or arg[:2] in names
            if not known and (" " in arg or _NUMBER.fullmatch(arg)):
                yield place
        place += 1


class TextType(click.ParamType[Any]):
    """A text; it may begin like an option if it holds a space."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text."""
        return str(value).removeprefix(_MARK)


class Given(click.ParamType[Any]):
    """A name that must not be empty, as ``--device "$DEVICE"`` is where nobody set it."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        name = str(value).strip()
        if not name:
            self.fail("the name is empty: write one, or leave the option out.", param, ctx)
        return name


class FilePath(click.ParamType[Any]):
    """A path that need not exist; the shell completes it."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        return value if isinstance(value, Path) else Path(str(value).removeprefix(_MARK))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter | None, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


class LibraryPlace(FilePath):
    """A file, or the address of a database on a server, which is no path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the address as it stands."""
        if is_server(value):
            return value
        try:
            refuse_other_scheme(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


class NamedOrFile(TextType):
    """One of a few names, which are completed, or a file or folder."""

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter | None, incomplete: str
    ) -> list[CompletionItem]:
        """Complete a name, or leave it to the shell."""
        named = [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]
        return named or [CompletionItem(incomplete, type="file")]


class Probability(click.FloatRange):
    """A number from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found


def _models() -> list[str]:
    from engine.models.catalog import models

    return [entry.name for entry in models()]


FILE, TEXT, MODEL, PROBABILITY = FilePath(), TextType(), NamedOrFile(_models), Probability()
LIBRARY = LibraryPlace()
GIVEN = Given()
POSITIVE = click.IntRange(min=1)


def flag(name: str, text: str, **more: Any) -> Callable[[Function], Function]:
    """Return a decorator that adds a switch."""
    return click.option(name, is_flag=True, help=text, **more)


def option(
    name: str, text: str, metavar: str | None = None, **more: Any
) -> Callable[[Function], Function]:
    """Return a decorator that adds an option with a value."""
    return click.option(name, help=text, metavar=metavar, **more)


def several(
    name: str, metavar: str, kind: click.ParamType[Any] = FILE, **more: Any
) -> Callable[[Function], Function]:
    """Return a decorator that adds any number of arguments."""
    shown = f"{metavar}..." if more.get("required") else f"[{metavar}...]"
    return click.argument(name, nargs=-1, type=kind, metavar=shown, **more)


def _note(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Remember what was asked for, whether before the command or behind it."""
    if value:
        ctx.meta[_ASKED + str(param.name)] = value


_NOTED: dict[str, Any] = {"expose_value": False, "callback": _note}
_SAID = "report progress and timings on standard error"
COMMON = (
    option(
        "--library",
        "the library database: a file, or postgresql://…",
        "FILE",
        type=LIBRARY,
        **_NOTED,
    ),
    flag("--json", "print one JSON document", **_NOTED),
    flag("--verbose", _SAID, **_NOTED),
)


def everywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every command takes; the function is given it first."""

    @wraps(function)
    def run(**given: Any) -> Any:
        from engine.log import start_log

        invocation = asked_of(click.get_current_context())
        start_log(invocation.verbose)
        return function(invocation, **given)

    decorated: Callable[..., Any] = with_options(*COMMON)(run)
    return decorated


def with_options(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Return one decorator of several, which stand in the help in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for add in reversed(options):
            function = add(function)
        return function

    return decorate


def asked_of(ctx: click.Context) -> Invocation:
    """Return what was asked for before the command or behind it."""
    names = {"library": "library", "json": "as_json", "verbose": "verbose"}
    given = {field: ctx.meta.get(_ASKED + name) for name, field in names.items()}
    return Invocation(**{field: value for field, value in given.items() if value is not None})


def sentence(error: click.UsageError) -> str:
    """Return what is wrong with how a command was called, and what to do."""
    ctx = error.ctx
    said = " ".join(error.format_message().split())
    said += "" if said.endswith((".", "?", "?)")) else "."
    if ctx is None:
        return f"{said} See `soundsift --help`."
    takes_text = any(isinstance(p.type, TextType) and p.nargs == -1 for p in ctx.command.params)
    is_short = isinstance(error, click.NoSuchOption) and not error.option_name.startswith("--")
    if takes_text and is_short:
        said += " To leave a word out, put all words in quotes: 'door -wood'."
    known = ctx.parent if ctx.command.hidden and ctx.parent is not None else ctx
    return f"{said} See `{known.command_path} --help`."
