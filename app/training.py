"""``soundsift train``: the trainer's commands, with a bar, and results for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from app import report
from app.progress_bar import progress_bar
from engine.errors import SoundsiftError
from engine.paths import data_folder
from engine.progress import Cancelled
from trainer.cli import main

_QUIET = ("loss", "way")  # of a run; they stand in its log


def train(arguments: Sequence[str]) -> int:
    """Run one of the trainer's commands; return its exit code."""
    given = list(arguments)
    if "--from-library" in given and "--general" not in given and "-h" not in given:
        from app.demo import make_general_set

        try:
            with progress_bar() as control:
                given += ["--general", str(make_general_set(data_folder() / "general", control))]
        except Cancelled:
            print("stopped: what was done is kept", file=sys.stderr)
            return 1
        except SoundsiftError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    as_json = "--json" in given

    def show(event: dict[str, Any]) -> None:
        if event["event"] in _QUIET:
            return
        if event["event"] == "personal" and not as_json:
            print(report.personal(event))
        elif event["event"] == "table":
            print(event["markdown"])
        else:
            print(json.dumps(event, ensure_ascii=False, indent=1 if as_json else None))

    return main(given, progress_bar, show)
