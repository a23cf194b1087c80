"""``soundsift``: all commands by name, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from app.cli.arguments import COMMON, COMPLETE, HELP, Lazy, sentence, with_options
from app.cli.terminal import guarded, tell
from engine.errors import SoundsiftError
from engine.progress import STOPPED, Cancelled

WRONG_USAGE = 2
COMMANDS = {
    "index": ("library:index", "index folders of sounds so that they can be searched"),
    "search": ("finding:search", "find sounds by a description"),
    "similar": ("finding:similar", "find sounds like a file, a part of it, or several files"),
    "demo": ("library:demo", "make demo sounds, to have something to search"),
    "cues": ("finding:cues", "find a different clip for every line of a cue sheet"),
    "duplicates": ("finding:duplicates", "list files that hold the same sound"),
    "export": (
        "finding:export",
        "export a table of sounds: CSV, JSON, or for Soundminer and BaseHead",
    ),
    "transfer": (
        "handing:transfer",
        "copy sounds into a folder of a project, converted and named",
    ),
    "tag": ("tagging:tag", "suggest tags, accept them, write them into files, rename files"),
    "mark": ("marking:mark", "give sounds stars, colours and notes, and note their use"),
    "edit": ("editing:edit", "change descriptions, keywords, categories and FXNames in files"),
    "saved": ("saved:saved", "list, run, add and remove saved searches"),
    "describe": ("telling:describe", "tell what is known of a sound, and what it sounds like"),
    "map": ("telling:show_map", "tell what the library sounds like, region by region"),
    "relink": ("library:relink", "tell the library that a folder moved"),
    "roots": (
        "roots:roots",
        "name folders that lie elsewhere on other computers, and say where they are here",
    ),
    "window": ("window:window", "open the window (as soundsift does without a command)"),
    "serve": (
        "serve:serve",
        "let other programs on this computer search: a small HTTP API, and MCP for agents",
    ),
    "work": (
        "work:work",
        "listen to what waits in a library on a server, beside other computers",
    ),
    "status": ("library:status", "count what is in the library"),
    "library": ("copying:library", "copy a library to another file, or to a server and back"),
    "repair": ("library:repair", "check the library, and save what can be saved of it"),
    "skipped": (
        "library:skipped",
        "list the files that could not be read, or only in part, and why",
    ),
    "team": ("team:team", "give people roles in a library on a server, and check the server"),
    "models": ("models:models", "list, show, download and choose models"),
    "evaluate": ("evaluate:evaluate", "measure a model on a manifest of sounds"),
    "train": ("train:train", "train models"),
    "experiment": ("train:experiment", "repeat a table of the paper"),
    "licences": ("licences:licences", "list the third-party work included, and its licences"),
    "completion": ("completion:completion", "print a script for completion in your shell"),
}
EXAMPLES = """
examples:
  soundsift index ~/Sounds
  soundsift search "heavy wooden door creaking"
  soundsift search 'door OR gate -wood dur:<2s sr:>=96k'
  soundsift similar door.wav --start 1.5 --end 3
  soundsift tag write ~/Sounds/New --rename --creator ABC --source Lib --dry-run

exit codes:
  0    success; single files that could not be used are listed
  1    failure: one sentence on standard error says why
  2    wrong usage
  130  stopped by Ctrl-C; what is done so far is kept
"""


class _Program(Lazy):
    """All commands, with examples below."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        formatter.write(EXAMPLES)


def _tell_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        print(version("soundsift"))
        ctx.exit()


@click.command(
    cls=_Program,
    table={name: (f"app.cli.{place}", said) for name, (place, said) in COMMANDS.items()},
    invoke_without_command=True,
    context_settings=HELP,
    help="Find sounds by what they sound like.  Without a command the window opens.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="print the version",
)
@with_options(*COMMON)
@click.pass_context
def soundsift(ctx: click.Context) -> int:
    """Open the window where no command is named."""
    if ctx.invoked_subcommand is not None:
        return 0
    from app.cli.window import window

    return int(ctx.invoke(window))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 for success, 1 for a problem, 2 for wrong usage, 130 if stopped."""
    with guarded():
        return _guarded(list(sys.argv[1:] if arguments is None else arguments))


def _guarded(given: list[str]) -> int:
    try:
        if COMPLETE in os.environ:
            from app.cli.completion import complete

            return complete(soundsift, os.environ[COMPLETE])
        return _run(given)
    except click.UsageError as error:
        tell(f"error: {sentence(error)}")
        return WRONG_USAGE
    except (Cancelled, KeyboardInterrupt):
        tell("stopped: what is done so far is kept")
        return STOPPED
    except SoundsiftError as error:
        tell(f"error: {error}")
        return 1
    except BrokenPipeError:  # the reader of our output has gone, like `| head`
        _drop_output()
        return 1
    except OSError as error:  # the outermost net, below those who know what they were doing
        if error.errno is None:  # not of the system, but of a library
            return _tell_defect(error)
        _drop_output()
        what = f"{error.filename}: " if error.filename else ""
        tell(f"error: {what}{error.strerror or error}")
        return 1
    except Exception as error:
        return _tell_defect(error)


def _run(given: list[str]) -> int:
    """Return the exit code of a command; most have none but 0."""
    try:
        with soundsift.make_context("soundsift", given) as context:
            code = soundsift.invoke(context)
    except click.exceptions.Exit as end:
        code = end.exit_code
    sys.stdout.flush()
    return code or 0


def _tell_defect(error: Exception) -> int:
    from engine.log import log_defect, logger, start_log

    start_log()  # if it was met before the command ran
    log = log_defect(logger("app.cli"), error)
    tell(
        f"error: Soundsift failed unexpectedly ({type(error).__name__}: {error}): please send us "
        f"{log}"
    )
    return 1


def _drop_output() -> None:
    """Let what is not written yet go nowhere, so that nothing tries to write it in the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
