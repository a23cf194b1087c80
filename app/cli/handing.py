"""``soundsift transfer``: copies of sounds for a project, converted and named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.arguments import (
    FILE,
    POSITIVE,
    TEXT,
    Command,
    everywhere,
    flag,
    option,
    several,
    with_options,
)
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from app.cli.report import counted
from engine.errors import InputError
from engine.plain_text import one_line

if TYPE_CHECKING:
    from engine.handover.transfer import Transferred
    from engine.session import Session

_PATTERN = "{name}[ {start}–{end}][ {how}]"
_FORM = "original, wav, bwf, flac or aiff, with rate and depth if you like: wav48/24 (original)"
_MAKING = (
    click.option("--as", "form", help=_FORM, metavar="FORMAT", default="original"),
    option(
        "--name",
        "pattern of names, such as {catid}_{fxname}_{number}; / makes folders",
        "PATTERN",
        default=_PATTERN,
    ),
    option("--project", "what {project} in names stands for", "NAME", default=""),
    option("--channels", "channels to keep, counted from 1, such as 1,2 (all)", "N,N", default=""),
    option("--speed", "faster or slower, with the pitch, as tape does (1)", "X", type=float),
    option("--gain", "louder or softer, in decibels (0)", "DB", type=float),
)


@click.command(cls=Command)
@several("text", "TEXT", TEXT, help="a search: its strong matches are copied")
@option("--collection", "copy a collection", "NAME")
@option("--to", "the folder to copy into", "FOLDER", type=FILE, required=True)
@with_options(*_MAKING)
@option("-n", "most sounds (all)", "N", type=POSITIVE)
@flag("--unmarked", "do not mark the sounds as used")
@everywhere
def transfer(
    invocation: Invocation,
    text: tuple[str, ...],
    collection: str | None,
    to: Path,
    form: str,
    name: str,
    project: str,
    channels: str,
    speed: float | None,
    gain: float | None,
    n: int | None,
    unmarked: bool,
) -> None:
    """Copy sounds into a folder."""
    from engine.handover.forms import parse_form
    from engine.handover.naming import check_pattern
    from engine.handover.order import Rendering
    from engine.handover.transfer import Transfer
    from engine.handover.transfer import transfer as run
    from engine.handover.used import note_handed, project_of

    if bool(text) == (collection is not None):
        raise click.UsageError(
            "Say what to copy: a search, or --collection NAME.", click.get_current_context()
        )
    check_pattern(name)
    rendering = Rendering(speed=1.0 if speed is None else speed, gain_db=gain or 0.0)
    folder = to.expanduser().absolute()
    wanted = Transfer(folder, parse_form(form), name, rendering, _channels(channels), project)
    with invocation.session_to_search() as session, progress_bar() as control:
        ids = _chosen(session, " ".join(text), collection, n)
        copied: list[int] = []
        try:
            done = run(session.library, ids, wanted, control, copied.append)
        finally:  # what was copied before it was stopped is used as well
            if not unmarked:
                note_handed(session.library, copied, str(folder), project_of(folder, project))
    invocation.answer(done.to_dict(), _report(done, folder))


def _channels(said: str) -> tuple[int, ...] | None:
    """Return channels counted from 0, None for all.

    :raises InputError: they are no numbers from 1 on.
    """
    if not said:
        return None
    numbers = [part.strip() for part in said.split(",")]
    if not all(number.isdecimal() and int(number) for number in numbers):
        raise InputError(f"{said} are no channels: write their numbers from 1 on, such as 1,2")
    return tuple(int(number) - 1 for number in numbers)


def _chosen(session: Session, text: str, collection: str | None, most: int | None) -> list[int]:
    """Return the ids of a collection, or of what a search finds.

    :raises InputError: there is no such collection, or nothing is found.
    """
    from engine.search.export import sounds_of
    from engine.search.grammar import parse
    from engine.store.collections import collections

    if collection is not None:
        known = collections(session.library)
        if collection not in known:
            named = ", ".join(known) or "none yet"
            raise InputError(f"there is no collection {collection}: there are {named}")
        ids = sounds_of(session.library, parse(f'coll:"{collection}"'))[:most]
        if not ids:
            raise InputError(f"the collection {collection} is empty: add sounds to it first")
        return ids
    answer = session.search(text, most or max(1, session.library.statistics().sounds))
    ids = [match.sound.id for match in answer.matches[: answer.strong]]
    if not ids:
        raise InputError(f"nothing here is a strong match for {text}: try other words")
    return ids


def _report(done: Transferred, folder: Path) -> str:
    lines = [one_line(f"{Path(path).name}: {why}") for path, why in done.failed]
    one = len(done.files) == 1
    said = f"{counted(len(done.files), 'sound')} {'is' if one else 'are'} in {folder}"
    if done.already:
        said += f", {done.already} of them were there already"
    if done.failed:
        said += f"; {len(done.failed)} could not be copied"
    return "\n".join([*lines, one_line(said)])
