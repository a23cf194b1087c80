"""The trainer's commands by name, and how they are run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from engine.errors import InputError, SoundsiftError
from engine.log import logger, start_log
from engine.plain_text import one_line
from engine.progress import STOPPED, Cancelled, Control, Progress, stop_signals
from trainer.cli.options import VERBOSE, Fit, switch
from trainer.cli.table import commands, of_all

Watch = Callable[[], AbstractContextManager[Control]]
Show = Callable[[dict[str, Any]], None]
Given = Callable[[click.Context], Mapping[str, Any]]
WRONG_USAGE = 2
_log = logger(__name__)
_OF_MANY = ("fit", "experiment")  # commands that may be started by torchrun
_FOLDERS = ("folder", "target", "model", "runs")  # options that name folders of weights


@contextmanager
def json_lines() -> Iterator[Control]:
    """Give a control that prints progress as JSON lines, about two a second."""
    stage, at = "", 0.0

    def update(progress: Progress) -> None:
        nonlocal stage, at
        now = time.monotonic()
        ended = progress.done == progress.total
        if progress.stage != stage or now - at > 0.5 or ended:
            stage, at = progress.stage, now
            show_json({"event": "progress", **asdict(progress)})

    with stop_signals() as stop:
        yield Control(update, stop)


def show_json(event: dict[str, Any]) -> None:
    """Print one event as a JSON line."""
    print(json.dumps(event), flush=True)


def main(
    arguments: Sequence[str] | None = None, watch: Watch = json_lines, show: Show = show_json
) -> int:
    """Run one command, its progress shown by ``watch``, its results by ``show``.

    :return: the exit code: 0 for success, 1 for a problem, 130 when stopped; wrong usage
        exits with 2.
    """
    program = make_program(watch, lambda options: show)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with program.make_context("soundsift train", given) as context:
            return int(program.invoke(context))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        print(one_line(f"error: {error.format_message()}"), file=sys.stderr)
        raise SystemExit(WRONG_USAGE) from None


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what a command would be given; it is not run."""
    found: list[argparse.Namespace] = []
    program = make_program(json_lines, lambda options: show_json, run=found.append)
    with program.make_context("soundsift train", list(arguments)) as context:
        program.invoke(context)
    return found[0]


class _Program(click.Group):
    """Commands in the order in which they were added, each with all that it says of itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them."""
        with formatter.section("Commands"):
            formatter.write_dl([(n, command.help or "") for n, command in self.commands.items()])


def make_program(
    watch: Watch,
    show_of: Callable[[argparse.Namespace], Show],
    before: Given = lambda context: {},
    run: Callable[[argparse.Namespace], Any] | None = None,
) -> click.Group:
    """Return the trainer's commands.

    :param show_of: what shows the results of a command with these options.
    :param before: what was said before the command, where nothing else is said.
    :param run: what is done with the options; a command that is run returns its exit code.
    """

    def called(**given: Any) -> int:
        context = click.get_current_context()
        options = _options(context, before(context))
        options.watch, options.show = watch, show_of(options)
        return int((run or _run)(options) or 0)

    def alone(**given: Any) -> int:
        context = click.get_current_context()
        named = context.invoked_subcommand is not None
        if context.params["from_library"] == named:
            context.fail("Name a command, or --from-library.")
        return 0 if named else called()

    program = _Program(
        name="train",
        help="train models",
        epilog=(
            "Every command is resumable: start it again and it resumes where it stopped.  "
            "With --from-library the library's model is fitted to your own sounds, from "
            "their stored features; match, distil, tags, wordings, export, reword, remember, "
            "audible and recipe make the models that ship."
        ),
        params=of_all(),
        callback=alone,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in commands():
        command.callback = called
        command.params.append(switch("--verbose", VERBOSE))
        program.add_command(command)
    return program


def _options(context: click.Context, before: Mapping[str, Any]) -> argparse.Namespace:
    """Return what was given to a command, and before it to the group that it belongs to."""
    unsaid = {str(param.name): None for param in of_all()}
    group = context.parent if context.parent and "from_library" in context.parent.params else None
    values: dict[str, Any] = {**unsaid, **(group.params if group is not None else {})}
    if context.command.name != "train":
        values["command"] = context.command.name
    for name, value in context.params.items():
        said = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        is_settled = isinstance(context.command, Fit) and name not in ("folder", "config")
        if said or not (is_settled or name in values):  # a run's file may say the rest
            values[name] = list(value) if isinstance(value, tuple) else value
    for name, value in before.items():
        values[name] = values.get(name) or value
    values["data"] = values["data"] or _datasets_folder()
    values["from_library"] = bool(values["from_library"])
    return argparse.Namespace(**values)


def _run(options: argparse.Namespace) -> int:
    """Run a command; return its exit code."""
    start_log(bool(options.verbose))
    from trainer.loop.parallel import FailedElsewhere, leads

    try:
        _do(options)
    except Cancelled:
        if leads():
            print("stopped; run the same command again to resume", file=sys.stderr)
        return STOPPED
    except FailedElsewhere:
        return 1
    except SoundsiftError as error:
        print(one_line(f"error: {error}"), file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:  # below those who know what they were doing
        what = f"{error.filename}: " if error.filename else ""
        print(one_line(f"error: {what}{error.strerror or error}"), file=sys.stderr)
        return 1
    return 0


def _do(options: argparse.Namespace) -> None:
    from trainer import commands as known
    from trainer.loop.parallel import alike, processes
    from trainer.recipes.bounds import THREADS, check_folders, check_numbers

    name = "from_library" if options.from_library else options.command
    with alike():
        if processes() > 1 and name not in _OF_MANY:
            raise InputError(f"`{name}` runs in one process: start it without torchrun")
        check_numbers(vars(options), {"threads": THREADS})
        check_folders(vars(options), _FOLDERS)
    began = time.monotonic()
    getattr(known, name)(options)
    _log.info("%s ended after %.0f s", name, time.monotonic() - began)


def _datasets_folder() -> Path:
    from trainer.data.manifest import datasets_folder

    return datasets_folder()
