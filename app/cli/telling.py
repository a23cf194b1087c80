"""Commands that tell what a sound is, and what a library sounds like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.arguments import FILE, Command, everywhere, option
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from app.cli.report import clock, counted
from engine.plain_text import one_line

if TYPE_CHECKING:
    from engine.search.description import Description
    from engine.search.telling import Outline


@click.command(cls=Command)
@click.argument("path", type=FILE, metavar="PATH", help="a sound of the library")
@everywhere
def describe(invocation: Invocation, path: Path) -> None:
    """Tell what is known of a sound."""
    from engine.search.telling import describe_sound

    with invocation.session_to_search() as session, progress_bar() as control:
        found = describe_sound(session, path, control)
    invocation.answer(found.to_dict(), _described(found))


@click.command("map", cls=Command)
@option(
    "--level", "how fine: 0 (10 regions at most) to 3 (640)", type=click.IntRange(0, 3), default=1
)
@everywhere
def show_map(invocation: Invocation, level: int) -> None:
    """Bring the map of the library up to date, and tell what its regions sound like."""
    from engine.search.library_map.making import update_map
    from engine.search.telling import outline

    with invocation.session() as session, progress_bar() as control:
        update_map(session.library, session.model_folder, control)
        found = outline(session, level)
    invocation.answer(found.to_dict(), _outlined(found))


def _described(found: Description) -> str:
    sound = found.sound
    depth = f", {sound.bits} bit" if sound.bits else ""
    loud = f", {sound.lufs:.1f} LUFS" if sound.lufs is not None else ""
    lines = [
        sound.path,
        f"{clock(sound.duration_s)}, {sound.rate_hz} Hz{depth}, {_channels(found)}, "
        f"{sound.format}{loud}",
    ]
    tags = ", ".join(row.label for row in found.tags if row.state == "accepted")
    told = (
        ("category", sound.category or ""),
        ("description", sound.description or ""),
        ("tags", tags),
        ("collections", ", ".join(found.collections)),
    )
    lines += [f"{name}: {text}" for name, text in told if text]
    if found.likenesses:
        lines.append("sounds like:")
        lines += [f"  {like.share:4.0%}  {like.text}" for like in found.likenesses]
    if len(found.parts) > 1:
        lines.append("in time:")
        lines += [
            f"  {clock(part.start_s)}–{clock(part.end_s)}  {part.like.text}" for part in found.parts
        ]
    return "\n".join(map(one_line, lines))


def _channels(found: Description) -> str:
    count = found.sound.channels
    return found.layout or {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _outlined(found: Outline) -> str:
    if not found.regions:
        have = "has" if found.sounds == 1 else "have"
        on_map = f"{counted(found.sounds, 'sound')} {have} a place on the map"
        return f"{on_map}, too few for regions with names"
    lines = [f"{counted(found.sounds, 'sound')}, in regions from large to small:"]
    for told in found.regions:
        indent = "  " * (told.region.level + 1)
        examples = ", ".join(Path(sound.path).name for sound in told.examples)
        lines.append(one_line(f"{indent}{told.region.name} ({told.region.sounds}): {examples}"))
    return "\n".join(lines)
