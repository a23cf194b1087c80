"""Write descriptions, categories, FXNames and keywords into sound files, and nothing else.

A file is replaced as a whole or not at all, libsndfile and FFmpeg hear in it what they heard
before, and every change can be taken back (:mod:`.journal`).  Fields that were there stay, readable
or not: ours are added beside them, in the version and the encoding that the file has.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import AudioError, InputError
from engine.metadata.containers import Container, Part, WordPart
from engine.metadata.decoded import decodings_of
from engine.metadata.formats import WRITABLE, open_container
from engine.metadata.journal import Journal
from engine.metadata.read import is_beginning, read_header, said_in
from engine.metadata.seen import Seen
from engine.metadata.texts import Text, clean, shown, words_of
from engine.metadata.ucs_names import UcsCategory, categories

_CATEGORY = ("CATID", "CATEGORY", "SUBCATEGORY")
_KEYWORDS, _GENRE = "KEYWORDS", "GENRE"
_MARKS = ("RATING", "RATING_100", "RATING_255", "NOTES")
_IN_255 = (0, 1, 64, 128, 196, 255)  # stars as Windows and most players write them into POPM


@dataclass(frozen=True)
class Replaced:
    """A text that takes the place of one that a person was shown; an empty one takes it away.

    ``field`` is description, fxname or category (a CatID).  ``again`` makes the new text of an old
    one with its line breaks, where that can be done; ``old`` and ``new`` are as they are shown.
    """

    field: str
    old: str
    new: str
    again: Callable[[str], str] | None = None

    def of(self, held: str) -> str:
        """Return what becomes of a text that a file holds."""
        made = self.again(held) if self.again is not None else self.new
        return made if shown(made) == self.new else self.new


@dataclass(frozen=True)
class SoundTags:
    """What to write; what is None or empty stays as it is in the file.

    A description and an FXName go where there is none, keywords beside those that are there; a
    category, stars (1 to 5) and a note take the place of others.  ``dropped`` are keywords that a
    person took back, ``replaced`` texts that a person changed, ``notes`` sentences on what is not
    written, and why.
    """

    description: str | None = None
    category: UcsCategory | None = None
    fx_name: str | None = None
    keywords: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stars: int | None = None
    note: str | None = None
    replaced: tuple[Replaced, ...] = ()

    def named(self) -> dict[str, str]:
        """Return the fields by their names in iXML's USER."""
        found = {
            "DESCRIPTION": self.description,
            "CATID": self.category.id if self.category else None,
            "CATEGORY": self.category.category if self.category else None,
            "SUBCATEGORY": self.category.subcategory if self.category else None,
            "FXNAME": self.fx_name,
            _KEYWORDS: ", ".join(self.keywords),
            "NOTES": self.note,
        }
        if self.stars:
            found["RATING"] = str(self.stars)
            found["RATING_100"] = str(20 * self.stars)
            found["RATING_255"] = str(_IN_255[self.stars])
        return {name: clean(text) for name, text in found.items() if text}


@dataclass(frozen=True)
class Result:
    """Whether a file was changed, or held its tags already, and what of it had to stay: and why."""

    changed: bool
    kept: tuple[str, ...] = ()


def write_tags(path: Path, tags: SoundTags, journal: Journal, keep_time: bool = False) -> Result:
    """Write ``tags`` into a file.

    :param keep_time: leave its modification time as it was.
    :raises InputError: there is nothing to write, or this file cannot hold it.
    :raises AudioError: the file is damaged, cannot be written, would be heard differently by
        libsndfile or FFmpeg, or says something else now than what is replaced; it stays as it was.
    """
    if not (tags.named() or tags.dropped or tags.replaced):
        if tags.notes:
            return Result(False, tags.notes)
        raise InputError("there is nothing to write: give a description, a category or keywords")
    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"{path.name} is of a format into which tags cannot be written")
    try:
        if path.is_symlink():
            raise InputError(f"{path.name} is a link: write into the file that it points to")
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path.name} is not a file that can be written into")
        if not os.access(path, os.W_OK):
            raise AudioError(f"{path.name} cannot be written: it is read-only")
        _refuse_other(path, tags)
        change = _changed(path, tags)
        if change.makes_none:
            _refuse_hidden(path, tags, path)
            if change.told:
                raise AudioError(f"{path.name}: {change.told[0]}; nothing was written")
            return Result(False, tuple(dict.fromkeys(tags.notes)))
        told = _write(path, tags, journal, keep_time)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise AudioError(f"{path.name} is no longer there: nothing was written") from None
        raise AudioError(
            f"{path.name} cannot be written: {error.strerror or error}; it is unchanged"
        ) from None
    return Result(True, tuple(dict.fromkeys((*told, *tags.notes))))


@dataclass(frozen=True)
class _Changed:
    """A file's header with the tags in it, and what of it has to stay, and why."""

    container: Container
    makes_none: bool
    told: tuple[str, ...]


def _changed(path: Path, tags: SoundTags) -> _Changed:
    container = open_container(path)
    before = [part.data() for part in container.parts]
    told = tuple(note for part in container.parts for note in _change(part, tags))
    return _Changed(container, [part.data() for part in container.parts] == before, told)


def _write(path: Path, tags: SoundTags, journal: Journal, keep_time: bool) -> tuple[str, ...]:
    """Read and replace a file that nobody else changes meanwhile; return what has to stay."""
    seen = Seen.now(path)
    try:
        _refuse_other(path, tags)
        change = _changed(path, tags)  # once more: the digest comes before anything that counts
        _replace(seen, change.container, journal, keep_time, tags)
    except Exception:  # a file that changes while it is read breaks anything: tell the cause
        seen.refuse_changed()
        raise
    return change.told


def _replace(
    seen: Seen, container: Container, journal: Journal, keep_time: bool, tags: SoundTags
) -> None:
    """Let the changed container take the place of the file, if it is heard as before."""
    path = seen.path
    seen.refuse_changed()
    heard = decodings_of(path)
    seen.refuse_changed()
    if heard.libsndfile is None and heard.ffmpeg is None:
        raise AudioError(f"{path.name} cannot be decoded: its header is damaged; it is unchanged")

    def write(out: BinaryIO) -> None:
        places = (True,) if container.only_before else (False, True)
        for before_audio in places if container.may_choose else (False,):
            out.seek(0)
            out.truncate()
            seen.refuse_changed()
            container.write(out, before_audio)
            out.flush()
            _refuse_lost(path, container, Path(str(out.name)))
            _refuse_hidden(path, tags, Path(str(out.name)))
            if heard.is_kept_by(decodings_of(Path(str(out.name)))):
                return
        raise AudioError(f"{path.name} would sound different in other programs: it is unchanged")

    journal.replace(path, write, keep_time, seen)


def _refuse_lost(path: Path, container: Container, made: Path) -> None:
    """Read the new file's header back.

    :raises AudioError: what was put into it is not found there.
    """
    wanted = [part.data() for part in container.parts]
    try:
        found = [part.data() for part in open_container(made).parts]
    except (AudioError, InputError, ValueError):
        found = []
    if found != wanted:
        raise AudioError(
            f"{path.name} cannot hold the tags where other programs look for them: it is unchanged"
        )


def _refuse_other(path: Path, tags: SoundTags) -> None:
    """Compare what a file says with what a person was shown, and wants replaced.

    :raises AudioError: it says something else by now.
    """
    if not tags.replaced:
        return
    said = said_in(read_header(path))
    for change in tags.replaced:
        if said[change.field] != change.old:
            raise AudioError(
                f"{path.name} has another {_named(change.field)} by now: look at it again; it is "
                "unchanged"
            )


def _refuse_hidden(path: Path, tags: SoundTags, made: Path) -> None:
    """Read what was replaced as a library will.

    :raises InputError: another field of the file, into which we do not write, hides it.
    """
    said = said_in(read_header(made, path.stem)) if tags.replaced else {}
    for change in tags.replaced:
        found = said[change.field]
        if found != change.new and (change.new or found == change.old):
            raise InputError(
                f"the {_named(change.field)} of {path.name} stands where Soundsift does not write: "
                "the file is unchanged"
            )


def _named(field: str) -> str:
    return {"fxname": "FXName"}.get(field, field)


def _change(part: Part, tags: SoundTags) -> Iterator[str]:
    """Put what is wanted into one part of a header; yield what has to stay, and why."""
    wanted = tags.named()
    if tags.category is not None:
        wanted[_GENRE] = tags.category.category
    replaced = {change.field.upper(): change for change in tags.replaced}
    unfiled = tags.category is None and "CATEGORY" in replaced
    for field, key in part.slots:
        if field == _KEYWORDS and isinstance(part, WordPart):
            yield from _change_words(part, key, tags)
        elif field in ("DESCRIPTION", "FXNAME") and field in replaced:
            yield from _replace_text(part, field, key, replaced[field])
        elif unfiled and field in (*_CATEGORY, _GENRE):
            yield from _take_away(part, field, key)
        elif field in wanted:
            yield from _fill(part, field, key, wanted[field])


def _fill(part: Part, field: str, key: str, text: str) -> Iterator[str]:
    held = part.get(key)
    if held is None:
        part.put(key, text)
    elif held.text is None:
        yield _unreadable(field)
    elif shown(held.text) != shown(text) and (
        field in _CATEGORY or field in _MARKS or _is_ours(field, held)
    ):
        part.put(key, text)


def _replace_text(part: Part, field: str, key: str, change: Replaced) -> Iterator[str]:
    """Replace a text where it stands, cut or whole; another text is not what its user was shown."""
    held = part.get(key)
    if held is None:
        if change.new:
            part.put(key, change.new)
    elif held.text is None:
        yield _unreadable(field)
    elif is_beginning(shown(held.text), change.old):
        part.put(key, change.of(held.text))
    elif shown(held.text) != change.new:
        yield f"a second {_named(field.lower())} of it says something else, and is left as it is"


def _take_away(part: Part, field: str, key: str) -> Iterator[str]:
    held = part.get(key)
    if held is None or (field == _GENRE and not _is_ours(field, held)):
        return
    if held.text is None:
        yield _unreadable(field)
    else:
        part.put(key, "")


def _is_ours(field: str, held: Text) -> bool:
    """Return whether a genre names a UCS category: any other was chosen by somebody."""
    return field == _GENRE and (held.text or "").casefold() in _names_of_categories()


def _names_of_categories() -> frozenset[str]:
    return frozenset(known.category.casefold() for known in categories().values())


def _change_words(part: WordPart, key: str, tags: SoundTags) -> Iterator[str]:
    if not tags.keywords and not tags.dropped:
        return
    held = part.get(key)
    if held is not None and held.text is None:
        yield _unreadable(_KEYWORDS)
        return
    there = _folded(held.text or "") if held is not None else set()
    dropped = {word.casefold() for word in tags.dropped}
    if there & dropped:
        part.drop(key, tags.dropped)
        there -= dropped  # one may come back in other letters: Wet, wet
    missing = []
    for word in map(clean, tags.keywords):
        if not _folded(word) <= there:
            missing.append(word)
            there |= _folded(word)
    if missing and not part.add(key, missing):
        yield (
            "its keywords are in an encoding that cannot hold the new ones, and are left as "
            "they are"
        )


def _folded(text: str) -> set[str]:
    """Return the words of a list, without regard to case."""
    return {word.casefold() for word in words_of(text)}


def _unreadable(field: str) -> str:
    names = {"FXNAME": "FXName", "CATID": "CatID"}
    name = names.get(field, field.partition("_")[0].lower())
    return f"its {name} cannot be read, and is left as it is"
