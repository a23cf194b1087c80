"""The library that the window shows, with its model: functions that run in jobs."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.audio.peaks import make_thumbnail
from engine.errors import AudioError, LibraryError
from engine.index.drives import note_drives
from engine.models.spec import read_spec
from engine.progress import Control
from engine.search.grammar import Query, parse
from engine.session import model_of
from engine.store import Library, SoundRow, Statistics
from engine.store.collections import collections
from engine.store.interest import note_interest
from engine.store.listing import Facets, Order, details_of, facets, ordered_sounds
from engine.store.tags import accepted_tags, rejected_tags
from engine.store.thumbnails import put_thumbnails, thumbnails
from engine.store.vectors import Integers
from engine.tags.review import Review

if TYPE_CHECKING:
    from engine.search import Answer, QuerySound, Searcher
    from engine.search.cue_sheet import Cue, CueAnswer
    from engine.search.explain import Bank, Likeness, Moment

LIMIT = 500  # results of one search
_AT_ONCE = 8  # thumbnails made between two commits
_SIMILAR = 8
_LIKENESSES, _OFFERED = 60, 6  # looked at, and offered as tags
_LEAST_SHARE = 0.01
_TAG_WORDS = 3  # the bank holds whole explanations, too, which are no tags


@dataclass(frozen=True)
class Asked:
    """What is searched for: text in the grammar, or sounds with more and less of something."""

    text: str = ""
    sounds: tuple[QuerySound, ...] = ()
    minus: str = ""
    order: Order = "added"
    descending: bool = True

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is asked: then everything is listed."""
        return not (self.text.strip() or self.sounds)


@dataclass(frozen=True)
class Found:
    """What was found: the ids of rows, and the answer to a search (None: a mere list)."""

    asked: Asked
    ids: Integers
    answer: Answer | None = None
    words_only: bool = False


@dataclass(frozen=True)
class RowFacts:
    """What rows show beside the match: sounds, tags and thumbnails by id."""

    sounds: Mapping[int, SoundRow]
    tags: Mapping[int, Sequence[str]]
    thumbnails: Mapping[int, bytes]


@dataclass(frozen=True)
class Overview:
    """What stands in the sources and in the status bar."""

    statistics: Statistics
    facets: Facets
    collections: Mapping[str, int]
    away: Sequence[str]
    model: str


@dataclass(frozen=True)
class SoundDetails:
    """What the inspector shows of one sound."""

    sound: SoundRow
    tags: Sequence[str]
    fields: Mapping[str, str]
    moments: tuple[Moment, ...] = ()
    likenesses: tuple[Likeness, ...] = ()
    similar: Answer | None = field(default=None, compare=False)


class Workspace:
    """An open library; every method may take long and belongs into a job.

    :raises LibraryError: it cannot be opened; ModelError: its model is not there.
    """

    def __init__(self, path: Path) -> None:
        self.library = Library(path)
        self.model_folder = model_of(self.library)
        self._searcher: Searcher | None = None
        self._bank: Bank | None = None
        self._one_at_a_time = threading.Lock()
        self.review = Review(self.library)
        self._settle()

    def _settle(self) -> None:
        """Put in order what a killed run of tagging left behind."""
        from engine.tags.run import settle

        settle(self.library)

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    @property
    def model_name(self) -> str:
        """Return the name of the model."""
        return read_spec(self.model_folder).name

    @property
    def is_warm(self) -> bool:
        """Return whether a search by sound would answer at once."""
        return self._searcher is not None

    def warm_up(self) -> bool:
        """Load the model and the vectors; return whether there is anything to search."""
        if not self.library.has_sounds():
            return False
        from engine.search import Searcher
        from engine.search.explain import Bank

        with self._one_at_a_time:
            if self._searcher is None:
                searcher = Searcher(self.library, self.model_folder)
                searcher.warm_up()
                self._bank = Bank(self.library, self.model_folder)
                self._searcher = searcher
        return True

    def refresh(self) -> None:
        """See what was indexed since; forget the model if it is another one now."""
        folder = model_of(self.library)
        with self._one_at_a_time:
            if folder != self.model_folder:
                self.model_folder, self._searcher, self._bank = folder, None, None
            elif self._searcher is not None:
                self._searcher.refresh()

    def search(self, asked: Asked, control: Control) -> Found:
        """Return what is asked for: a list, or an answer by words alone until the model is warm.

        :raises InputError: the text makes no sense; AudioError: a sound cannot be heard.
        """
        if asked.sounds:
            with self.searching() as searcher:
                _refuse_cancelled(control)
                answer = searcher.search_sounds(asked.sounds, LIMIT, asked.text, asked.minus)
            return _found(asked, answer)
        query = Query("") if asked.is_empty else parse(asked.text)
        if not query.groups:
            ids = ordered_sounds(self.library, query.conditions, asked.order, asked.descending)
            return Found(asked, ids)
        with suppress(LibraryError):  # only a hint for the next index run
            note_interest(self.library, query.folders)
        if self._searcher is None:
            from engine.search import search_names

            return _found(asked, search_names(self.library, query, LIMIT), words_only=True)
        with self._one_at_a_time:
            _refuse_cancelled(control)
            return _found(asked, self._needed().search_text(query, LIMIT))

    def rows(self, ids: Collection[int]) -> RowFacts:
        """Return what rows show."""
        sounds = self.library.sounds(ids)
        return RowFacts(sounds, accepted_tags(self.library, ids), thumbnails(self.library, ids))

    def make_thumbnails(self, sounds: Sequence[SoundRow], control: Control) -> dict[int, bytes]:
        """Return thumbnails, made where there are none; what cannot be read has an empty one."""
        made = thumbnails(self.library, [sound.id for sound in sounds])
        undrawn = [sound for sound in sounds if sound.id not in made and not sound.offline]
        for start in range(0, len(undrawn), _AT_ONCE):
            part: dict[int, bytes] = {}
            for sound in undrawn[start : start + _AT_ONCE]:
                if control.cancel():
                    break
                try:
                    part[sound.id] = make_thumbnail(Path(sound.path))
                except AudioError:
                    made[sound.id] = b""
            put_thumbnails(self.library, part)
            made |= part
            if control.cancel():
                break
        return made

    def overview(self) -> Overview:
        """Count everything."""
        away = note_drives(self.library)
        return Overview(
            self.library.statistics(),
            facets(self.library),
            collections(self.library),
            away,
            self.model_name,
        )

    def details(
        self, sound_id: int, answer: Answer | None, control: Control
    ) -> SoundDetails | None:
        """Return what is known of a sound, and with a warm model why it matched."""
        sound = self.library.sounds([sound_id]).get(sound_id)
        if sound is None:
            return None
        tags = accepted_tags(self.library, [sound_id]).get(sound_id, [])
        fields = json.loads(details_of(self.library, sound_id) or "{}")
        if self._searcher is None:
            return SoundDetails(sound, tags, fields)
        from engine.search import QuerySound
        from engine.search.explain import explain

        with self._one_at_a_time:
            searcher = self._needed()
            _refuse_cancelled(control)
            moments = explain(searcher, answer, sound_id) if answer is not None else ()
            assert self._bank is not None  # it comes with the searcher
            likenesses = self._bank.likenesses(searcher.nearest, sound_id, _LIKENESSES)
            similar = None
            if len(searcher.nearest.rows_of(np.array([sound_id]))):
                similar = searcher.search_sounds([QuerySound(Path(sound.path))], _SIMILAR)
        known = {tag.lower() for tag in (*tags, *rejected_tags(self.library, sound_id))}
        offered = [
            likeness
            for likeness in likenesses
            if likeness.text.lower() not in known
            and len(likeness.text.split()) <= _TAG_WORDS
            and likeness.share >= _LEAST_SHARE
        ]
        return SoundDetails(sound, tags, fields, moments, tuple(offered[:_OFFERED]), similar)

    def solve_cues(self, cues: Sequence[Cue], alternates: int) -> list[CueAnswer]:
        """Return clips for the lines of a cue sheet; see :mod:`engine.search.cue_sheet`."""
        from engine.search.cue_sheet import solve_cues
        from engine.search.cues import CueRules

        with self.searching() as searcher:
            return solve_cues(self.library, searcher, cues, CueRules(alternates))

    @contextmanager
    def searching(self) -> Iterator[Searcher]:
        """Give the searcher to this thread alone.

        :raises LibraryError: nothing was listened to yet.
        """
        self.warm_up()
        with self._one_at_a_time:
            yield self._needed()

    def _needed(self) -> Searcher:
        if self._searcher is None:
            raise LibraryError("there is nothing to search yet: add a folder of sounds first")
        return self._searcher


def _found(asked: Asked, answer: Answer, words_only: bool = False) -> Found:
    ids = np.array([match.sound.id for match in answer.matches], np.int64)
    return Found(asked, ids, answer, words_only)


def _refuse_cancelled(control: Control) -> None:
    from engine.progress import Cancelled

    if control.cancel():
        raise Cancelled
