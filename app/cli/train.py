"""``soundsift train``: the trainer's commands, with a bar, and results for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from app.cli import report
from app.cli.arguments import asked_of
from app.cli.progress_bar import progress_bar
from app.cli.terminal import as_json
from engine.plain_text import one_line
from trainer.cli.program import make_program

_QUIET = ("loss", "way", "chosen", "stopped", "resumed", "fed")  # of a run; they stand in its log


def _before(context: click.Context) -> dict[str, Any]:
    """Return what was asked for before the command."""
    invocation = asked_of(context)
    return {
        "library": invocation.library and invocation.file("copy it into one to train on it"),
        "json": invocation.as_json,
        "verbose": invocation.verbose,
    }


def shower(whole: bool) -> Callable[[dict[str, Any]], None]:
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


train = make_program(progress_bar, lambda options: shower(bool(options.json)), _before)
experiment = train.commands["experiment"]
