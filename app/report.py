"""Answers as people read them in a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.index.build import IndexReport
    from engine.search import Answer, Match
    from engine.search.cue_sheet import CueAnswer
    from engine.search.duplicates import Group

_BAR_CELLS = 8
_NAME_CELLS = 60  # longer names break the column rather than being cut


def answer(found: Answer) -> str:
    """Return results as lines, weak ones under a divider."""
    if not found.matches:
        return f"nothing here fits: {found.query}"
    lines = []
    if not found.strong:
        lines.append("nothing here sounds quite like that; the nearest are:")
    width = min(_NAME_CELLS, max(len(_shown_name(match)) for match in found.matches))
    for number, match in enumerate(found.matches, start=1):
        if number == found.strong + 1 and found.strong:
            lines.append("    ── weaker matches " + "─" * 40)
        lines.append(_result(number, match, width))
    lines.append(f"{found.took_ms:.0f} ms, model {found.model}")
    return "\n".join(lines)


def cues(answers: Sequence[CueAnswer]) -> str:
    """Return every cue with its clips under it."""
    lines = []
    for answer in answers:
        lines.append(f"{answer.cue.line:3d}  {answer.cue.text}")
        for clip in answer.assigned:
            path = Path(clip.sound.path)
            moment = f" at {clock(clip.start_s)}" if clip.start_s else ""
            lines.append(f"     {_bar(clip.strength)} {path.name}{moment}  {_short(path.parent)}")
        if not answer.assigned:
            lines.append("     nothing here sounds like that")
    empty = sum(not answer.assigned for answer in answers)
    lines.append(f"{len(answers) - empty} of {len(answers)} cues have a clip")
    return "\n".join(lines)


def duplicates(groups: Sequence[Group]) -> str:
    """Return groups of equal or like sounds."""
    if not groups:
        return "no two files hold the same sound"
    lines = []
    for group in groups:
        lines.append("the same file:" if group.exact else "the same sound, or nearly:")
        lines += [f"    {sound.path}" for sound in group.sounds]
    return "\n".join(lines)


def _shown_name(match: Match) -> str:
    """Return the file's name, a star if it holds the words, and the moment that matched."""
    whole = match.start_s == 0 and match.end_s >= match.sound.duration_s - 0.05
    named = " *" if match.keyword_match else ""
    moment = "" if whole else f" at {clock(match.start_s)}"
    return f"{Path(match.sound.path).name}{named}{moment}"


def _result(number: int, match: Match, width: int) -> str:
    name, length = _shown_name(match), clock(match.sound.duration_s)
    folder = _short(Path(match.sound.path).parent)
    return f"{number:3d} {_bar(match.strength)} {name:<{width}}  {length:>7}  {folder}"


def _bar(strength: float) -> str:
    cells = round(strength * _BAR_CELLS)
    return "█" * cells + "·" * (_BAR_CELLS - cells)


def clock(seconds: float) -> str:
    """Return a duration as people write it: ``3.2 s``, ``4:05`` or ``1:02:30``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _short(folder: Path) -> str:
    home = Path.home()
    if folder.is_relative_to(home):
        return f"~{os.sep}{folder.relative_to(home)}"
    return str(folder)


def indexed(done: IndexReport, model: str) -> str:
    """Return what an index run did."""
    parts = [
        f"{done.heard} heard" if done.heard else "",
        f"{done.unchanged} unchanged" if done.unchanged else "",
        f"{done.moved} moved" if done.moved else "",
        f"{done.back} back" if done.back else "",
        f"{done.missing} missing" if done.missing else "",
        f"{done.skipped} skipped (see `soundsift skipped`)" if done.skipped else "",
    ]
    told = ", ".join(filter(None, parts)) or "no sounds there"
    speed = ""
    if done.audio_s:
        per_second = done.audio_s / max(done.took_s, 1e-6)
        speed = f"; {done.audio_s:.0f} s of audio, {per_second:.0f} s a second"
    return f"{told} in {clock(done.took_s)} with model {model}{speed}"


def skipped(rows: Sequence[dict[str, str]]) -> str:
    """Return skipped files with their reasons."""
    if not rows:
        return "no file was skipped"
    return "\n".join(f"{row['path']}\n    {row['reason']}" for row in rows)


def models(rows: Sequence[dict[str, Any]]) -> str:
    """Return the models, the one for new libraries marked."""
    lines = []
    for row in rows:
        mark = "*" if row["used_for_new_libraries"] else " "
        state = (
            row["id"] if row["installed"] else f"not installed: soundsift models get {row['name']}"
        )
        lines.append(f"{mark} {row['name']:<16} {row['audio_tower'] or '':<18} {state}")
    lines.append("* is used for new libraries")
    return "\n".join(lines)


def table(document: dict[str, Any]) -> str:
    """Return names and values in two columns."""
    width = max(len(name) for name in document)
    return "\n".join(f"{name:<{width}}  {_plain(value)}" for name, value in document.items())


def figures(document: dict[str, Any], indent: str = "") -> str:
    """Return nested figures, one branch a line."""
    lines = []
    for name, value in document.items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            lines += [f"{indent}{name}", figures(value, indent + "  ")]
        elif isinstance(value, dict):
            inner = "  ".join(f"{key} {_plain(figure)}" for key, figure in value.items())
            lines.append(f"{indent}{name:<15} {inner}")
        else:
            lines.append(f"{indent}{name:<15} {_plain(value)}")
    return "\n".join(lines)


def personal(event: dict[str, Any]) -> str:
    """Return what training on a library came to: before and after, and what to do."""
    rows = [
        ("held-out sounds, found first", "r1"),
        ("held-out sounds, among ten", "r10"),
        ("held-out sounds, mAP@10", "map10"),
        ("sounds of everything", "general"),
    ]
    lines = [
        f"{event['sounds']} sounds to learn from, {event['held_out']} held out",
        f"{'':<32}{event['base']:>14}{'trained':>14}",
    ]
    for name, key in rows:
        before, after = event["before"][key], event["after"][key]
        if before is not None:
            lines.append(f"{name:<32}{before:>14.3f}{after:>14.3f}")
    if event["model"] is None:
        lines.append(f"No new model was made: {event['kept']}. The library stays as it is.")
        return "\n".join(lines)
    name = Path(event["model"]).name
    lines.append(f"The new model is {name}. To use it, and to go back:")
    lines += [f"  soundsift models use {used}" for used in (name, event["base"])]
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
