"""Commands that find sounds: by text, by sound, for cues, twice; and tables of what was found."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import report
from app.cli.arguments import (
    FILE,
    POSITIVE,
    TEXT,
    Command,
    everywhere,
    flag,
    option,
    several,
)
from app.cli.invocation import Invocation, as_of
from app.cli.progress_bar import progress_bar
from engine.errors import InputError
from engine.plain_text import one_line

_GRAMMAR = 'words, "exact words", -word, OR, word*, and filters like dur:<2s in:"Boom Library"'
_limit = option("-n", "how many results (20)", "N", type=POSITIVE, default=20)


@click.command(cls=Command)
@several("text", "TEXT", TEXT, required=True, help=_GRAMMAR)
@flag("--names", "search words only, not sounds")
@_limit
@everywhere
def search(invocation: Invocation, text: tuple[str, ...], names: bool, n: int) -> None:
    """Search by text."""
    from engine.search.answer import to_dict
    from engine.search.grammar import parse

    query = parse(" ".join(text))
    with invocation.session_to_search() as session:
        answer = session.search(query, n, names)
        invocation.answer(to_dict(answer) | as_of(session), report.answer(answer))


@click.command(cls=Command)
@several("files", "FILE", required=True, help="sound files")
@option("--start", "start of the part, in seconds", "S", type=float)
@option("--end", "end of the part, in seconds", "S", type=float)
@option("--plus", "but more like this", "TEXT", default="")
@option("--minus", "but less like this", "TEXT", default="")
@_limit
@everywhere
def similar(
    invocation: Invocation,
    files: tuple[Path, ...],
    start: float | None,
    end: float | None,
    plus: str,
    minus: str,
    n: int,
) -> None:
    """Search by sound."""
    from engine.search.answer import to_dict
    from engine.search.query_sound import QuerySound

    if len(files) > 1 and (start is not None or end is not None):
        raise InputError(
            "--start and --end select a part of one file: name one file, or leave them out"
        )
    with invocation.session_to_search() as session:
        sounds = [QuerySound(path, start, end) for path in files]
        answer = session.similar(sounds, n, plus, minus)
        behind = as_of(session)
    invocation.answer(to_dict(answer) | behind, report.answer(answer))


@click.command(cls=Command)
@click.argument("sheet", type=FILE, metavar="SHEET.csv", help="one description per line")
@option("--alternates", "clips for each line (1)", "N", type=POSITIVE, default=1)
@option("--per-file", "most clips from any one file (1)", "N", type=POSITIVE, default=1)
@everywhere
def cues(invocation: Invocation, sheet: Path, alternates: int, per_file: int) -> None:
    """Solve a cue sheet."""
    from engine.search.cue_sheet import cues_to_dict, read_cue_sheet

    wanted = read_cue_sheet(sheet)
    with invocation.session_to_search() as session:
        answers = session.cues(wanted, alternates, per_file)
        behind = as_of(session)
    invocation.answer(cues_to_dict(answers) | behind, report.cues(answers))


@click.command(cls=Command)
@flag("--exact", "only files that are identical byte for byte")
@flag("--alike", "also list sounds that are merely alike, last")
@everywhere
def duplicates(invocation: Invocation, exact: bool, alike: bool) -> None:
    """List files that hold the same sound."""
    from engine.models.spec import read_spec
    from engine.search.duplicates import find_duplicates

    if exact and alike:
        raise click.UsageError(
            "--exact and --alike exclude each other: give one of them.",
            click.get_current_context(),
        )
    with invocation.session() as session, progress_bar() as control:
        rank = read_spec(session.model_folder).rank
        found = find_duplicates(session.library, rank, control, exact, alike)
    rows = [
        {"exact": g.exact, "kind": g.kind, "paths": [sound.path for sound in g.sounds]}
        for g in found.groups
    ]
    invocation.answer({"groups": rows, "unread": list(found.unread)}, report.duplicates(found))


@click.command(cls=Command)
@click.argument("file", type=FILE, metavar="FILE", help="ends in .csv, .json, .txt or .tsv")
@several("text", "TEXT", TEXT, help=f"which ones: {_GRAMMAR}")
@everywhere
def export(invocation: Invocation, file: Path, text: tuple[str, ...]) -> None:
    """Export a table of sounds."""
    with invocation.session() as session, progress_bar() as control:
        count = session.export(file, " ".join(text), control)
    said = one_line(f"{report.counted(count, 'sound')} exported to {file}")
    invocation.answer({"file": str(file), "sounds": count}, said)
