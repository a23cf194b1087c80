"""``soundsift train``: the trainer's commands, with a bar, and results for people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from app import report
from app.progress_bar import progress_bar
from app.terminal import as_json
from engine.plain_text import one_line
from trainer.cli import main

_QUIET = ("loss", "way", "chosen", "stopped", "resumed", "fed")  # of a run; they stand in its log


def train(arguments: Sequence[str]) -> int:
    """Run one of the trainer's commands; return its exit code."""
    given = list(arguments)
    whole = "--json" in given

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

    return main(given, progress_bar, show)
