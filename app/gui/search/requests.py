"""What is asked for and what is found, and the facts of its rows: functions that run in jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Integers
from engine.audio.peaks import has_tones, make_thumbnail
from engine.errors import AudioError, LibraryError
from engine.progress import Control
from engine.search.grammar import Query, parse
from engine.session import Session
from engine.store import Library, SoundRow
from engine.store.conditions import Among
from engine.store.interest import note_interest
from engine.store.listing import Order, ordered_sounds
from engine.store.tags import sounds_with_tags
from engine.store.thumbnails import thumbnails

if TYPE_CHECKING:
    from engine.search import Answer, QuerySound

LIMIT = 500  # results of a search at first
_AT_ONCE = 8  # thumbnails made between two commits


@dataclass(frozen=True)
class SearchRequest:
    """What is searched for: text in the grammar, or sounds with more and less of something.

    ``among``: only some sounds are listed, by their ids.
    """

    text: str = ""
    sounds: tuple[QuerySound, ...] = ()
    minus: str = ""
    order: Order = "added"
    descending: bool = True
    among: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is asked: then everything is listed."""
        return not (self.text.strip() or self.sounds or self.among)


@dataclass(frozen=True)
class Found:
    """What was found: the ids of rows, and the answer to a search (None: a mere list).

    At most ``limit`` results were asked for; ``goes_on`` tells that there may be more.
    """

    asked: SearchRequest
    ids: Integers
    answer: Answer | None = None
    words_only: bool = False
    folders: tuple[str, ...] = ()  # that were searched in
    limit: int = LIMIT

    @property
    def goes_on(self) -> bool:
        """Return whether a higher limit may find more."""
        return self.answer is not None and len(self.ids) >= self.limit


@dataclass(frozen=True)
class RowFacts:
    """What rows show beside the match: sounds, tags and thumbnails by id."""

    sounds: Mapping[int, SoundRow]
    tags: Mapping[int, Sequence[str]]
    thumbnails: Mapping[int, bytes]


def find(session: Session, asked: SearchRequest, control: Control, limit: int = LIMIT) -> Found:
    """Return what is asked for: a list, or an answer by words alone until the model is warm.

    :raises InputError: the text makes no sense; AudioError: a sound cannot be heard.
    """
    if asked.sounds:
        with session.searching(control) as searcher:
            answer = searcher.search_sounds(asked.sounds, limit, asked.text, asked.minus)
        return _found(asked, answer, limit)
    query = parse(asked.text) if asked.text.strip() else Query("")
    if asked.among:
        query = replace(query, conditions=(*query.conditions, Among(asked.among)))
    if not query.groups:
        conditions = query.conditions
        ids = ordered_sounds(session.library, conditions, asked.order, asked.descending)
        return Found(asked, ids)
    if not session.is_warm:
        from engine.search import search_names

        found = _found(asked, search_names(session.library, query, limit), limit)
        return replace(found, words_only=True, folders=tuple(query.folders))
    with session.searching(control) as searcher:
        found = _found(asked, searcher.search_text(query, limit), limit)
    return replace(found, folders=tuple(query.folders))


def facts_of(session: Session, ids: Collection[int]) -> RowFacts:
    """Return what rows show."""
    library = session.library
    return RowFacts(*sounds_with_tags(library, ids), _drawn(library, ids))


def make_thumbnails(
    session: Session,
    sounds: Sequence[SoundRow],
    keep: Callable[[dict[int, bytes]], None],
    control: Control,
) -> dict[int, bytes]:
    """Return thumbnails, made where there are none; what cannot be read has an empty one.

    :param keep: is given those that were made, a few at a time, so that they are made only once.
    """
    made = _drawn(session.library, [sound.id for sound in sounds])
    undrawn = [sound for sound in sounds if sound.id not in made and not sound.is_away]
    for start in range(0, len(undrawn), _AT_ONCE):
        part: dict[int, bytes] = {}
        for sound in undrawn[start : start + _AT_ONCE]:
            if control.cancel():
                break
            try:
                part[sound.id] = make_thumbnail(Path(sound.path))
            except AudioError:
                made[sound.id] = b""
        keep(part)
        made |= part
        if control.cancel():
            break
    return made


def remember_interest(session: Session, folders: Sequence[str]) -> None:
    """Note which folders are searched in; those are listened to first."""
    with suppress(LibraryError):  # only a hint for the next index run
        note_interest(session.library, folders)


def _drawn(library: Library, ids: Collection[int]) -> dict[int, bytes]:
    """Return thumbnails as they are drawn today; those of earlier versions are made anew."""
    return {i: data for i, data in thumbnails(library, ids).items() if has_tones(data)}


def _found(asked: SearchRequest, answer: Answer, limit: int) -> Found:
    ids = np.array([match.sound.id for match in answer.matches], np.int64)
    return Found(asked, ids, answer, limit=limit)
