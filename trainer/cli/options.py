"""What the trainer's commands take: options of several values, and what a configuration holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path, readable=False)
VERBOSE = "report progress and timings on standard error"


class OneOf(click.ParamType[str]):
    """One of several names, which are asked for only when one is given or completed."""

    name = "name"

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name."""
        return str(click.Choice(self._names()).convert(value, param, ctx))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Any]:
        """Complete a name."""
        return click.Choice(self._names()).shell_complete(ctx, param, incomplete)


class Several(click.Option):
    """An option of one value or several: ``--more A B``."""


class TrainerCommand(click.Command):
    """A command that may have options of several values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        several = [param for param in self.get_params(ctx) if isinstance(param, Several)]
        return super().parse_args(ctx, spread(args, {n for param in several for n in param.opts}))


def spread(args: Sequence[str], names: set[str]) -> list[str]:
    """Return arguments with every value behind its option: ``--more A --more B``."""
    given: list[str] = []
    place = 0
    while place < len(args):
        arg = args[place]
        place += 1
        if arg == "--":
            return [*given, *args[place - 1 :]]
        if arg not in names:
            given.append(arg)
            continue
        while place < len(args) and not args[place].startswith("-"):
            given += [arg, args[place]]
            place += 1
    return given


class Fit(TrainerCommand):
    """The command whose options are the fields of a run's configuration; only here it is read."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, the configuration's among them."""
        if not any(param.name == "recipe" for param in self.params):
            self.params += _fields()
        return super().get_params(ctx)


def _fields() -> list[click.Parameter]:
    """Return an option for each field of a run's configuration; only what is given is set."""
    from dataclasses import fields

    from trainer.recipes.fit_config import FitConfig, kinds, option_of

    kind_of = kinds()
    made: list[click.Parameter] = []
    for known in fields(FitConfig):
        flag, kind, default = f"--{option_of(known.name)}", kind_of[known.name], known.default
        said = "" if default in (None, False, ()) else f" (default: {default})"
        more: dict[str, Any] = {"help": known.metadata["help"] + said}
        if kind is bool:
            flag = f"{flag}/--no-{option_of(known.name)}"
        elif known.name == "sets":
            more |= {"multiple": True, "metavar": "KIND:FOLDER"}
        elif known.metadata["choices"]:
            more["type"] = click.Choice(known.metadata["choices"])
        else:
            more["type"] = PATH if kind is Path else kind
            more["callback"] = not_empty if known.name == "device" else None
        made.append(click.Option([flag, known.name], **more))
    return made


def argument(name: str, text: str = "", **more: Any) -> click.Argument:
    """Return an argument; a path unless it is said otherwise."""
    return click.Argument([name], **{"type": PATH, "help": text, **more})


def option(name: str, text: str = "", **more: Any) -> click.Option:
    """Return an option."""
    return click.Option([name], help=text, **more)


def not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return a name that was given, which must not be empty."""
    if value is not None and not value.strip():
        raise click.BadParameter("the name is empty: write one, or leave the option out.")
    return value


def path(name: str, text: str = "", **more: Any) -> click.Option:
    """Return an option that is a path."""
    return option(name, text, type=PATH, **more)


def paths(name: str, text: str, **more: Any) -> click.Option:
    """Return an option that is one path or several."""
    return Several([name], type=PATH, metavar="PATH...", help=text, multiple=True, **more)


def switch(name: str, text: str) -> click.Option:
    """Return an option without a value."""
    return option(name, text, is_flag=True)
