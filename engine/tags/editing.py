"""Texts of sounds edited by a person: read, planned, written into the files, and back.

Files are written as everything else that writes into them does it: by a run with its journal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.metadata import edits as editing
from engine.metadata.edits import Edit, ReplaceText
from engine.metadata.formats import WRITABLE
from engine.metadata.fx_names import draft_fx_name
from engine.metadata.read import header_of, read_header, said_in, unreadable_in
from engine.metadata.texts import words_of
from engine.metadata.ucs_names import categories, category_of_sound, category_of_tag
from engine.metadata.write import Replaced, SoundTags
from engine.progress import Control, Progress
from engine.store import Library, SoundRow
from engine.store.listing import files_of, header_fields
from engine.store.tags import PERSON, TagRow, put_tags, tag_rows
from engine.tags.review import TagChange
from engine.tags.run import TagRun, Written
from engine.tags.writing import words_of as words_of_tags


@dataclass(frozen=True)
class Held:
    """What the file of a sound says in each field, and why it cannot be written, if it cannot.

    ``known`` is what templates may use beside the fields.
    """

    sound_id: int
    path: str
    texts: Mapping[str, str]
    known: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True)
class Planned:
    """What edits make of one sound: the fields that change, or why they cannot."""

    held: Held
    new: Mapping[str, str]
    problem: str = ""

    @property
    def changes(self) -> bool:
        """Return whether something will be written."""
        return bool(self.new) and not self.problem

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        changed = {name: {"old": self.held.texts[name], "new": t} for name, t in self.new.items()}
        return {"path": self.held.path, "fields": changed, "problem": self.problem or None}


def read_texts(library: Library, ids: Collection[int], control: Control) -> list[Held]:
    """Return what the files of sounds say now, by path.

    Files that are as the library saw them last are not opened.

    :raises Cancelled: the user asked to stop.
    """
    sounds, seen = library.sounds(ids), files_of(library, ids)
    fields, tags = header_fields(library, ids), _accepted(library, ids)
    found = []
    ordered = sorted(sounds.values(), key=lambda sound: sound.path)
    for number, sound in enumerate(ordered):
        if number % 100 == 0:
            control.report(Progress("reading texts", number, len(ordered)))
        told = fields.get(sound.id)
        found.append(_held(sound, told, seen.get(sound.id), tags.get(sound.id, [])))
    return found


def plan_edits(held: Sequence[Held], edits: Sequence[Edit]) -> list[Planned]:
    """Return what edits would do; nothing is touched.

    :raises InputError: an edit makes no sense for any file.
    """
    for edit in edits:
        editing.check(edit)
    return [_planned(one, edits) for one in held]


def write_edits(
    library: Library,
    plan: Sequence[Planned],
    edits: Sequence[Edit],
    control: Control,
    keep_time: bool = False,
) -> tuple[Written, str]:
    """Write what was planned; return what was done, and why no copy of the library could be kept.

    It is one run, and one step of what users did (:mod:`engine.tags.undoing`).  A category that was
    accepted as a tag gives way, too.

    :raises Cancelled: the user asked to stop; what was written is known, and can be undone.
    """
    wanted = {one.held.path: _tags(one, edits) for one in plan if one.changes}
    done: list[str] = []
    with TagRun.begin(library, "edit", len(wanted)) as run:
        try:
            written = run.write(wanted, control, keep_time, done.append)
        finally:
            filed = {path: one for one in plan if (path := one.held.path) in set(done)}
            _refile(library, [one for one in filed.values() if "category" in one.new], run)
    return written, run.remark


def _held(
    sound: SoundRow,
    told: Mapping[str, str] | None,
    seen: tuple[int, int] | None,
    rows: Sequence[TagRow],
) -> Held:
    path, header, problem = Path(sound.path), None, ""
    if sound.not_mounted:
        problem = f"its root {sound.not_mounted} is not mounted on this computer"
    elif sound.offline:
        problem = "its drive is not connected"
    elif sound.missing:
        problem = "its file is missing"
    else:
        try:
            state = path.lstat()
            problem = _why_not(path, state)
            if told is None or (state.st_size, state.st_mtime_ns) != seen:
                header = read_header(path)
        except FileNotFoundError:
            problem = "it is no longer there"
        except OSError as error:
            problem = f"it cannot be read: {error.strerror}"
    header = header if header is not None else header_of(told or {}, path.stem)
    texts, tags = said_in(header), words_of_tags(rows)
    category = category_of_sound([row.label for row in rows], header.category)
    named = draft_fx_name(path, texts["fxname"], tags, header.description, category)
    known = {
        "name": path.stem,
        "folder": path.parent.name,
        "tags": ", ".join(tags),
        "fxname": named,
    }
    return Held(sound.id, sound.path, texts, known, unreadable_in(header), problem)


def _why_not(path: Path, state: os.stat_result) -> str:
    """Return why a file cannot be written into; empty if nothing is known against it."""
    if stat.S_ISLNK(state.st_mode):
        return "it is a link: edit the file that it points to"
    if not stat.S_ISREG(state.st_mode):
        return "it is no file"
    if path.suffix.lower() not in WRITABLE:
        return f"Soundsift cannot write into {path.suffix[1:].upper() or 'such'} files"
    if state.st_nlink > 1:
        return f"it has {state.st_nlink} hard links, which writing would separate"
    if not os.access(path, os.W_OK):
        return "it is read-only"
    return "" if os.access(path.parent, os.W_OK) else "its folder is read-only"


def _planned(held: Held, edits: Sequence[Edit]) -> Planned:
    try:
        new = editing.changes(edits, held.texts, held.known)
    except InputError as error:
        return Planned(held, {}, str(error))
    problem = held.problem if new else ""
    for name in held.unreadable & set(new):
        problem = problem or f"its {name} cannot be read, and is left as it is"
    return Planned(held, new, problem)


def _tags(one: Planned, edits: Sequence[Edit]) -> SoundTags:
    """Return what to write for one sound."""
    old, new = one.held.texts, one.new
    before = words_of(old["keywords"])
    after = words_of(new.get("keywords", old["keywords"]))
    return SoundTags(
        category=categories().get(new.get("category", "").lower()),
        keywords=tuple(word for word in after if word not in before),
        dropped=tuple(word for word in before if word not in after),
        replaced=tuple(
            Replaced(name, old[name], text, _again(name, edits))
            for name, text in new.items()
            if name != "keywords"
        ),
    )


def _again(name: str, edits: Sequence[Edit]) -> Callable[[str], str] | None:
    """Return what the edits of a field do to its text as the file has it, with its line breaks."""
    own = [edit for edit in edits if edit.field == name]
    replacing = [edit for edit in own if isinstance(edit, ReplaceText)]
    if len(replacing) < len(own):
        return None
    return lambda text: reduce(lambda now, edit: edit.within(now), replacing, text)


def _accepted(library: Library, ids: Collection[int]) -> dict[int, list[TagRow]]:
    found: dict[int, list[TagRow]] = {}
    for row in tag_rows(library, ids, "accepted"):
        found.setdefault(row.sound_id, []).append(row)
    return found


def _refile(library: Library, filed: Sequence[Planned], run: TagRun) -> None:
    """Let categories that were accepted as tags be those that were written."""
    accepted = _accepted(library, [one.held.sound_id for one in filed])
    after: list[TagRow] = []
    for one in filed:
        sound_id, category = one.held.sound_id, one.new["category"]
        rows = [row for row in accepted.get(sound_id, ()) if category_of_tag(row.label)]
        others = [row for row in rows if row.label != category]
        after += [replace(row, state="edited", said_by=PERSON) for row in others]
        if others and category and len(others) == len(rows):
            after.append(TagRow(sound_id, category, "accepted", PERSON))
    if after:
        labels = {(row.sound_id, row.label) for row in after}
        known = tag_rows(library, {row.sound_id for row in after})
        before = [row for row in known if (row.sound_id, row.label) in labels]
        run.note(TagChange(tuple(before), tuple(after)))
        put_tags(library, after)
