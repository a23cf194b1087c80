"""What accepted tags write into a file and its name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from engine.metadata.fx_names import draft_fx_name, fx_name, tells_nothing
from engine.metadata.read import (
    category_in,
    is_described,
    keywords_in,
    names_itself,
    read_header,
    said_in,
)
from engine.metadata.renaming import Rename, plan_renames
from engine.metadata.ucs_names import (
    UcsCategory,
    category_of_sound,
    category_of_tag,
    plain_name,
)
from engine.metadata.write import SoundTags
from engine.store import Header, Library, SoundRow
from engine.store.listing import header_fields
from engine.store.tags import PERSON, TagRow


def tags_to_write(
    library: Library, ids: Collection[int], rows: Iterable[TagRow]
) -> dict[str, SoundTags]:
    """Return what to write into the files of present sounds that have accepted tags, by path.

    The category is the accepted UCS category, a person's before a model's; a model's never takes
    the place of one that the file names.  Other accepted tags become keywords, beside those that
    the file has and nobody rejected.  A file without a description gets one of its name and its
    tags, for programs that show nothing else.

    :param rows: the tags of the sounds, in any state.
    """
    sounds = _present(library, ids)
    return {
        sounds[sound_id].path: _tags_of(sounds[sound_id], own)
        for sound_id, own in _by_sound(rows).items()
        if sound_id in sounds and any(row.state == "accepted" for row in own)
    }


def marks_to_write(library: Library, ids: Collection[int]) -> dict[str, SoundTags]:
    """Return the stars and notes to write into the files of present sounds, by path."""
    return {
        sound.path: SoundTags(stars=sound.marks.stars or None, note=sound.marks.note or None)
        for sound in _present(library, ids).values()
        if sound.marks.stars or sound.marks.note
    }


def renames_of(
    library: Library,
    ids: Collection[int],
    rows: Iterable[TagRow],
    pattern: str,
    fields: Mapping[str, str],
) -> list[Rename]:
    """Return how files would be renamed: present sounds, each by its accepted UCS category.

    :param rows: the tags of the sounds.
    :param fields: ``creator``, ``source`` and ``user``, the same for all files.
    :raises InputError: the pattern makes no sense.
    """
    sounds = _present(library, ids)
    tags, said = _by_sound(rows), header_fields(library, sounds)
    files = []
    for sound_id, sound in sorted(sounds.items(), key=lambda item: item[1].path):
        own = tags.get(sound_id, ())
        category = category_of(own) or category_of_sound((), sound.category)
        written = said_in(Header(fields=said.get(sound_id, {})))["fxname"]
        named = draft_fx_name(Path(sound.path), written, words_of(own), sound.description, category)
        catid = category.id if category else ""
        files.append((sound.path, {**fields, "catid": catid, "fxname": named}))
    return plan_renames(files, pattern)


def words_of(rows: Iterable[TagRow]) -> list[str]:
    """Return the accepted tags that are no UCS categories, a person's first, then the likeliest."""
    accepted = [row for row in rows if row.state == "accepted" and not category_of_tag(row.label)]
    accepted.sort(key=lambda row: (row.said_by != PERSON, -(row.probability or 0.0)))
    return [row.label for row in accepted]


def category_of(rows: Iterable[TagRow]) -> UcsCategory | None:
    """Return the category among accepted tags: a person's first, then the likeliest."""
    found = [row for row in rows if row.state == "accepted" and category_of_tag(row.label)]
    found.sort(key=lambda row: (row.said_by != PERSON, -(row.probability or 0.0)))
    return category_of_tag(found[0].label) if found else None


def _tags_of(sound: SoundRow, rows: Sequence[TagRow]) -> SoundTags:
    category = category_of(rows)
    path = Path(sound.path)
    words = [
        row.label for row in rows if row.state == "accepted" and category_of_tag(row.label) is None
    ]
    refused = {row.label.lower() for row in rows if row.state in ("rejected", "edited")}
    header = read_header(path)
    notes: tuple[str, ...] = ()
    if category is not None and not _may_be_filed(header, category, rows):
        known = category_in(header)[1] or "a category"
        notes = (
            f"it already names {known}, not {category.id}: accept {category.id} yourself to "
            "change it",
        )
        category = None
    keywords: dict[str, str] = {}
    for word in (*keywords_in(header), *words):
        if word.lower() not in refused:
            keywords.setdefault(word.lower(), word)
    description = None
    if not is_described(header):
        told = ", ".join(([plain_name(category)] if category else []) + words)
        name = fx_name(path)
        description = told if tells_nothing(name) else f"{name}: {told}"
    name = draft_fx_name(path, "", words_of(rows), header.description, category)
    there = {word.lower() for word in keywords_in(header)}
    return SoundTags(
        description,
        category,
        name if category is not None and not names_itself(header) else None,
        tuple(keywords.values()) if words else (),
        tuple(row.label for row in rows if row.label.lower() in refused & there),
        notes,
    )


def _may_be_filed(header: Header, category: UcsCategory, rows: Iterable[TagRow]) -> bool:
    """Return whether a category may be written: another one in the file yields to a person's."""
    is_named, known = category_in(header)
    said = {row.said_by for row in rows if category_of_tag(row.label) == category}
    return not is_named or known == category.id or PERSON in said


def _present(library: Library, ids: Collection[int]) -> dict[int, SoundRow]:
    sounds = library.sounds(ids)
    return {i: s for i, s in sounds.items() if not (s.missing or s.is_away)}


def _by_sound(rows: Iterable[TagRow]) -> dict[int, list[TagRow]]:
    found: dict[int, list[TagRow]] = {}
    for row in rows:
        found.setdefault(row.sound_id, []).append(row)
    return found
