"""Answers as people read them in a terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import InputError
from engine.plain_text import one_line

if TYPE_CHECKING:
    from engine.index.build import IndexReport
    from engine.search import Answer, Match
    from engine.search.cue_sheet import CueAnswer
    from engine.search.duplicates import Duplicates
    from engine.store import SoundRow
    from engine.store.history import Restored
    from engine.store.repair import RepairReport
    from engine.tags.audit import Audit
    from engine.tags.editing import Planned
    from engine.tags.restoring import Undone
    from engine.tags.run import Written
    from engine.tags.suggest import Suggestion
    from engine.tags.tagging import TagOutcome

_TOLD = (
    *("sounds", "windows", "tags", "decisions", "collections", "collected", "folders"),
    *("marks", "uses", "saved_searches"),
)
SKIPPED = "skipped (see `soundsift skipped`)"
_BAR_CELLS = 8
_MOST_MARKED = 40  # sounds whose marks are listed
_NAME_CELLS = 60  # longer names break the column rather than being cut


def answer(found: Answer) -> str:
    """Return results as lines, weak ones under a divider."""
    if not found.matches:
        return f"nothing matches: {one_line(found.query)}"
    lines = []
    if found.also:
        lines.append(f"also showing results for {one_line(found.also)}")
    if not found.strong:
        lines.append("nothing here sounds quite like that; the nearest are:")
    width = min(_NAME_CELLS, max(len(_shown_name(match)) for match in found.matches))
    for number, match in enumerate(found.matches, start=1):
        if number == found.strong + 1 and found.strong:
            lines.append("    ── weaker matches " + "─" * 40)
        lines.append(_result(number, match, width, is_weighed=found.asked is not None))
    lines.append(f"{found.took_ms:.0f} ms, model {one_line(found.model)}")
    return "\n".join(lines)


def cues(answers: Sequence[CueAnswer]) -> str:
    """Return every cue with its clips under it."""
    lines = []
    for answer in answers:
        lines.append(f"{answer.cue.line:3d}  {one_line(answer.cue.text)}")
        for clip in answer.assigned:
            path = Path(clip.sound.path)
            moment = f" at {clock(clip.start_s)}" if clip.start_s else ""
            lines.append(
                f"     {_bar(clip.strength)} {one_line(path.name)}{moment}  {_short(path.parent)}"
            )
        if not answer.assigned:
            lines.append("     nothing here sounds like that")
    empty = sum(not answer.assigned for answer in answers)
    lines.append(f"{len(answers) - empty} of {len(answers)} cues have a clip")
    return "\n".join(lines)


def duplicates(found: Duplicates) -> str:
    """Return groups of equal or like sounds, and what could not be compared."""
    titles = {
        "same file": "the same file:",
        "same sound": "the same sound:",
        "alike": "sounds alike, but is not the same:",
    }
    lines = []
    if all(group.kind == "alike" for group in found.groups):
        lines.append("no two files hold the same sound")
    for group in found.groups:
        lines.append(titles[group.kind])
        lines += [f"    {one_line(sound.path)}" for sound in group.sounds]
    lines += [
        f"{one_line(path)} could not be read, so it was not compared" for path in found.unread
    ]
    return "\n".join(lines)


def tags(outcome: TagOutcome) -> str:
    """Return every file with its suggestions, and what was done or would be."""
    lines = []
    for sound_id, path in outcome.paths.items():
        shown = ", ".join(_suggestion(found) for found in outcome.suggestions.get(sound_id, ()))
        lines.append(f"{_name(path)}  {shown or '–'}")
    for path, wanted in outcome.to_write.items() if outcome.order.dry_run else ():
        fields = ", ".join(f"{k} {one_line(v)}" for k, v in wanted.named().items())
        lines.append(f"{one_line(path)}\n    would contain {fields}")
    for plan in outcome.renames:
        if plan.problem:
            lines.append(f"{one_line(plan.problem)}: it keeps its name")
        elif plan.new:
            lines.append(f"{_name(plan.old)}\n    → {_name(plan.new)}")
    if outcome.written:
        told = (*outcome.written.refused, *outcome.written.kept)
        lines += [f"{_name(path)}: {one_line(reason)}" for path, reason in told]
    remark = [one_line(outcome.remark)] if outcome.remark else []
    return "\n".join([*lines, _tags_summary(outcome), *remark])


def _suggestion(found: Suggestion) -> str:
    part = f" at {clock(found.start_s)}–{clock(found.end_s)}" if found.start_s else ""
    return f"{one_line(found.label.tag)} {found.probability:.0%}{part}"


def _tags_summary(outcome: TagOutcome) -> str:
    order = outcome.order
    tagged = sum(1 for sound_id in outcome.paths if outcome.suggestions.get(sound_id))
    have = "has" if tagged == 1 else "have"
    parts = [f"{tagged} of {counted(len(outcome.paths), 'sound')} {have} a suggestion"]
    would = "would be " if order.dry_run else ""
    told = outcome.accepted or order.write or order.rename is not None
    if told:
        parts.append(f"{counted(outcome.accepted, 'tag')} {would}accepted")
    if order.write:
        done = len(outcome.written.done) if outcome.written else len(outcome.to_write)
        parts.append(f"{counted(done, 'file')} {would}written")
    if order.rename is not None:
        renamed = sum(1 for plan in outcome.renames if plan.new)
        parts.append(f"{counted(renamed, 'file')} {would}renamed")
    if not told:
        parts.append(
            "nothing was changed: `tag apply` accepts tags, `tag write` writes them, `tag "
            "rename` renames files"
        )
    elif not order.dry_run:
        parts.append("`soundsift tag undo` undoes it")
    return one_line(f"{'; '.join(parts)}; model {outcome.model}, labels {outcome.taxonomy}")


def audit(found: Audit) -> str:
    """Return the files whose names seem wrong, swaps once."""
    lines, told = [], set()
    for doubt in found.doubts:
        if doubt.path in told:
            continue
        name = _name(doubt.path)
        if doubt.swap_with is None:
            lines.append(
                f"{doubt.strength:4.0%}  {name} sounds more like {one_line(doubt.sounds_like)}"
            )
        else:
            told.add(doubt.swap_with)
            lines.append(f"{doubt.strength:4.0%}  {name} and {_name(doubt.swap_with)} swapped?")
    seem = "seems" if len(found.doubts) == 1 else "seem"
    say = "more has a name that says" if found.unnamed == 1 else "more have names that say"
    names = counted(found.sounds, "name")
    said = f"{len(found.doubts)} of {names} {seem} wrong; {found.unnamed} {say} nothing"
    lines.append(said)
    return "\n".join(lines)


def undone(found: Undone, how: str = "restored") -> str:
    """Return what was taken back or done again, and what could not be."""
    lines = [one_line(f"{path}: {reason}") for path, reason in found.refused]
    tags, files = counted(found.tags, "tag"), counted(found.files, "file")
    counts = f"{tags}, {files} and {counted(found.names, 'name')}"
    return "\n".join([*lines, f"{counts} {how}"])


def counted(number: int, thing: str) -> str:
    """Return a number of things: ``1 tag`` or ``2 tags``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def none_written(refused: Sequence[tuple[str, str]]) -> InputError:
    """Return the error of an order by which no file could be written, with the first reason."""
    reason = refused[0][1]
    if len(refused) == 1:
        return InputError(f"the file could not be written: {reason}")
    return InputError(f"none of the {len(refused)} files could be written: {reason}")


def _shown_name(match: Match) -> str:
    """Return the file's name, a star if it holds the words, and the moment that matched."""
    whole = match.start_s == 0 and match.end_s >= match.sound.duration_s - 0.05
    named = " *" if match.keyword_match else ""
    moment = "" if whole else f" at {clock(match.start_s)}"
    return f"{_name(match.sound.path)}{named}{moment}"


def _result(number: int, match: Match, width: int, is_weighed: bool) -> str:
    name, length = _shown_name(match), clock(match.sound.duration_s)
    folder = _short(Path(match.sound.path).parent)
    bar = f"{_bar(match.strength)} " if is_weighed else ""
    return f"{number:3d} {bar}{name:<{width}}  {length:>7}  {folder}"


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


def _name(path: str) -> str:
    """Return the name of a file as one line, whatever it holds."""
    return one_line(Path(path).name)


def _short(folder: Path) -> str:
    home = Path.home()
    if folder.is_relative_to(home):
        return one_line(f"~{os.sep}{folder.relative_to(home)}")
    return one_line(folder)


def indexed(done: IndexReport, model: str) -> str:
    """Return what an index run did."""
    shown = {"heard": "indexed", "back": "found again", "skipped": SKIPPED}
    parts = [f"{count} {shown.get(name, name)}" for name, count in done.summary()]
    told = ", ".join(parts) or "no sounds found"
    speed = ""
    if done.audio_s:
        per_second = done.audio_s / max(done.took_s, 1e-6)
        speed = f"; {done.audio_s:.0f} s of audio, {per_second:.0f} s per second"
    remark = f"\n{done.remark}" if done.remark else ""
    return f"{told} in {clock(done.took_s)} with model {one_line(model)}{speed}{remark}"


def repaired(done: RepairReport, path: Path, dry_run: bool) -> str:
    """Return what was wrong with a library, and what was done about it."""
    lines = [f"problem: {trouble}" for trouble in done.troubles]
    would = "would be " if dry_run else ""
    if done.action == "nothing":
        lines.append(f"{path} is intact: nothing to repair")
    elif done.action == "restored":
        lines.append(f"{path} {would or 'was '}restored from the copy {done.copy}")
    elif done.action == "salvaged":
        lines.append(f"what could be read of {path} {would or 'was '}saved in a new library")
    else:
        lines.append(f"nothing could be read of {path}: a new library {would or 'was '}created")
    if done.action != "nothing":
        for word, rows in (("kept", done.kept), ("lost", done.lost)):
            told = ", ".join(
                f"{rows[name]} {name.replace('_', ' ')}" for name in _TOLD if rows.get(name)
            )
            lines.append(f"{word}: {told or 'nothing'}")
    if done.damaged:
        lines.append(f"the damaged library is kept as {done.damaged}")
    if done.action != "nothing" and not dry_run:
        lines.append("run `soundsift index` on its folders to index again what was lost")
    return "\n".join(lines)


def skipped(rows: Sequence[dict[str, str]], damaged: Sequence[dict[str, str]]) -> str:
    """Return skipped files with their reasons, and then those that were heard in part."""
    lines = [f"{one_line(row['path'])}\n    {one_line(row['reason'])}" for row in rows] or [
        "no files were skipped"
    ]
    if damaged:
        lines.append("these are damaged, and indexed as far as they could be read:")
        lines += [f"{one_line(row['path'])}\n    {one_line(row['reason'])}" for row in damaged]
    return "\n".join(lines)


def models(rows: Sequence[dict[str, Any]]) -> str:
    """Return the models, the one for new libraries marked."""
    lines = []
    for row in rows:
        mark = "*" if row["used_for_new_libraries"] else " "
        state = row["id"] or f"damaged: delete {one_line(str(row['folder']))}"
        if not row["installed"]:
            state = f"not installed: soundsift models get {row['name']}"
        lines.append(f"{mark} {one_line(row['name']):<16} {row['audio_tower'] or '':<18} {state}")
    lines.append("* is used for new libraries")
    return "\n".join(lines)


def shown(text: str) -> str:
    """Return text without what would steer a terminal."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


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
        ("names found first", "r1"),
        ("names found in the top ten", "r10"),
        ("names, mAP@10", "map10"),
        ("reference sounds as before", "agreement"),
        ("your general set", "general"),
    ]
    lines = [
        f"{event['sounds']} sounds to learn from, {event['chosen_on']} to choose by, "
        f"{event['held_out']} to measure by",
        f"{'':<32}{event['base']:>14}{'trained':>14}",
    ]
    for name, key in rows:
        before, after = event["before"][key], event["after"][key]
        if before is not None:
            lines.append(f"{name:<32}{before:>14.3f}{after:>14.3f}")
    if event["model"] is None:
        lines.append(f"No new model was made: {event['kept']}. The library stays as it is.")
        return "\n".join(lines)
    lines += [_gained(event), _known_in_general(event)]
    name = Path(event["model"]).name
    lines.append(f"The new model is {name}. To use it, and to go back:")
    lines += [f"  soundsift models use {used}" for used in (name, event["base"])]
    return "\n".join(lines)


def _gained(event: dict[str, Any]) -> str:
    before, after = (round(event[when]["r1"] * event["names"]) for when in ("before", "after"))
    said = (
        f"Found first: {after} of {event['names']} names, {before} before (measured on "
        f"{event['held_out']} sounds that were not used for training)."
    )
    if event["after"]["map10"] > event["before"]["map10"]:
        return said
    return (
        f"{said} These sounds do not confirm the gain seen on other held-out sounds: compare "
        "before you use it."
    )


def _known_in_general(event: dict[str, Any]) -> str:
    agreement = event["after"]["agreement"]
    if agreement is None:
        return (
            "Sounds in general: not measured, because the base model has no reference "
            "sounds; --general adds your own."
        )
    same = f"{agreement:.0%} of reference sounds are matched as they were"
    return f"Sounds in general: {'worse than' if event['forgets'] else 'as'} before ({same})."


def time_left(seconds: float) -> str:
    """Return how long something still takes, as people say it."""
    if seconds < 20:
        return "a few seconds left"
    if seconds < 45:
        return "less than a minute left"
    if seconds < 90:
        return "about a minute left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} minutes left"
    return f"about {seconds / 3600:.0f} hours left"


def _plain(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else one_line(value)


def marks(sounds: Sequence[SoundRow], changed: bool) -> str:
    """Return every sound with its marks, and how many were changed."""
    from engine.store.records import moment

    lines = []
    for sound in sounds[:_MOST_MARKED]:
        kept = sound.marks
        used = f"used {moment(kept.used_ns)[:10]}" if kept.used_ns is not None else ""
        project = f"for {one_line(kept.project)}" if kept.project else ""
        parts = (kept.colour, " ".join(filter(None, (used, project))), one_line(kept.note))
        stars = "★" * kept.stars + "·" * (5 - kept.stars)
        lines.append(f"{stars}  {_name(sound.path)}  {', '.join(filter(None, parts))}".rstrip())
    if len(sounds) > _MOST_MARKED:
        lines.append(f"… and {len(sounds) - _MOST_MARKED} more")
    if changed:
        lines.append(f"{counted(len(sounds), 'sound')} marked")
    return "\n".join(lines)


def marks_written(written: Written) -> str:
    """Return how many files were written, and why others were not."""
    told = (*written.refused, *written.kept)
    lines = [f"{_name(path)}: {one_line(reason)}" for path, reason in told]
    return "\n".join([*lines, f"{counted(len(written.done), 'file')} written"])


def restored(done: Restored, how: str) -> str:
    """Return what was undone, or done again."""
    said = f"{how}: {_step(done)}"
    one = done.left == 1
    if done.refused:
        left = f"{done.left} {'stays as it is' if one else 'stay as they are'}"
        return "\n".join([*map(one_line, done.refused), f"{said}; {left}"])
    if done.left:
        return f"{said}; {done.left} {'was' if one else 'were'} changed since and kept"
    return said


def not_restored(done: Restored, how: str) -> InputError:
    """Return the error of a step of which nothing could be undone, or done again."""
    said = "passed over" if done.outcome == "passed" else f"not {how}"
    count = f"{len(done.refused)} stay as they are, such as: " if len(done.refused) > 1 else ""
    return InputError(f"{said}: {_step(done)}: {count}{done.refused[0]}")


def _step(done: Restored) -> str:
    step = done.step
    count = f" of {counted(step.count, 'sound')}" if step.count else ""
    return f"{step.kind}{count}{f' ({one_line(step.name)})' if step.name else ''}"


def edited(plan: Sequence[Planned], written: Written, dry_run: bool) -> str:
    """Return what was changed in files, or would be, and why some cannot be written."""
    lines = [f"{_name(one.held.path)}: {one_line(one.problem)}" for one in plan if one.problem]
    changing = [one for one in plan if one.changes]
    if dry_run:
        for one in changing:
            lines.append(_name(one.held.path))
            for field, text in one.new.items():
                old = one_line(one.held.texts[field]) or "–"
                lines.append(f"  {field}: {old} → {one_line(text) or '–'}")
        return "\n".join([*lines, f"{counted(len(changing), 'file')} would be written"])
    told = (*written.refused, *written.kept)
    lines += [f"{_name(path)}: {one_line(reason)}" for path, reason in told]
    done = f"{counted(len(written.done), 'file')} written"
    return "\n".join([*lines, f"{done} (`soundsift tag undo`)" if written.done else done])
