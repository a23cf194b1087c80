"""``soundsift train``: the trainer's commands, with a bar, and results for people."""

from __future__ import annotations

import sys
from typing import Any

import click

from app.cli import report
from app.cli.arguments import asked_of
from app.cli.progress_bar import progress_bar
from app.cli.terminal import as_json
from engine.plain_text import one_line
from trainer.cli import main

_QUIET = ("loss", "way", "chosen", "stopped", "resumed", "fed")  # of a run; they stand in its log
_RAW = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_RAW, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def train(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Run one of the trainer's commands; return its exit code."""
    return run(ctx, list(arguments))


@click.command(context_settings=_RAW, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def experiment(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Repeat a table of the paper."""
    return run(ctx, ["experiment", *arguments])


def run(ctx: click.Context, given: list[str]) -> int:
    """Run a command of the trainer."""
    asked = asked_of(ctx)
    given = (["--verbose"] if asked.verbose else []) + given
    return main(given, progress_bar, shower(asked.as_json or "--json" in given))


def shower(whole: bool) -> Any:
    """Return what shows the trainer's events.

    :param whole: the result is one JSON document.
    """

    def show(event: dict[str, Any]) -> None:
        if event["event"] in _QUIET:
            return
        if event["event"] == "warning":  # stdout may be promised one document
            print(one_line(f"warning: {event['text']}"), file=sys.stderr)
        elif event["event"] == "personal" and not whole:
            print(report.personal(event))
        elif event["event"] == "table":
            print(event["markdown"])
        else:
            print(as_json(event, 1 if whole else None))

    return show
