"""Search one library: its vectors in memory, the model's halves loaded when first needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Booleans, Floats, Integers
from engine.errors import InputError, LibraryError
from engine.log import logger
from engine.models.spec import ModelSpec, library_ranking, read_spec
from engine.paths import spelled_out
from engine.progress import Control
from engine.search.answer import Answer, Match, Reading, count_strong
from engine.search.grammar import Query, parse
from engine.search.names import list_sounds
from engine.search.query_sound import QuerySound, embed_query
from engine.search.rank import UNHEARD, Ranked, least_strength, rank, strengths_of, words_bonus
from engine.search.slips import respell
from engine.search.text_queries import TextQueries, doubts_of
from engine.search.text_side import TextSide
from engine.search.vector_index import VectorIndex
from engine.search.vocabulary import Vocabulary
from engine.spare_memory import give_back
from engine.store import Library
from engine.store.adopted import adopted_model
from engine.store.conditions import Condition, sounds_where
from engine.store.keywords import KeywordHits, find_words
from engine.store.places import sound_at
from engine.store.tags import sounds_with_tags
from engine.store.vectors import load_vectors
from engine.torch_setup import using_threads

if TYPE_CHECKING:
    from engine.models.familiar import Familiar
    from engine.models.match_model import AudioEncoder
    from engine.search.sound_names import Likeness, SoundNames

_log = logger(__name__)
_CANDIDATES = 40  # windows that are ranked at least
_MOST_NAMED = 2000  # sounds that hold words of the query, which are ranked beside the nearest
_TEXT_SHARE = 0.5  # of a text that is added to a sound, or subtracted (docs/decisions/0009)


class Searcher:
    """Answers queries on a library as it was when this was made or last refreshed.

    ``index`` finds windows near to vectors; ``sound_names()`` says what sounds are like;
    ``model_folder`` is the model's, ``text_side`` reads texts.

    :raises LibraryError: nothing is indexed, or another model made the library's vectors.
    """

    def __init__(self, library: Library, model_folder: Path) -> None:
        self._library, self.model_folder = library, model_folder
        self.spec = read_spec(model_folder)
        _refuse_other_model(library, self.spec.id, self.spec.name)
        _refuse_empty(library)
        self._beside = ThreadPoolExecutor(1, "words")
        self.text_side = TextSide(model_folder)
        self._familiar: Familiar | None = None
        alike = bool(self.spec.ranking.familiar)  # else another's tower, to which all may be
        self._names: SoundNames | None = None
        self._naming = threading.Lock()
        self._vocabulary = Vocabulary(lambda: self.text_side.encoder, alike)
        self.refresh()

    def refresh(self) -> None:
        """See what was indexed since."""
        vectors = load_vectors(self._library, self.spec.rank)
        self.ranking = library_ranking(self.spec, self._library.setting)
        self.index = VectorIndex(vectors, self.ranking)
        self._familiar = None  # potentials may have been solved anew

    def close(self) -> None:
        """End the thread that looks words up; nothing can be searched any more."""
        self._beside.shutdown(wait=False)

    def search_text(self, text: str | Query, limit: int = 20) -> Answer:
        """Return the sounds that ``text`` describes, in the grammar of :mod:`.grammar`.

        Sounds count by what they sound like and by the words of names, headers and tags.

        :raises InputError: the text makes no sense as a query.
        """
        began = time.perf_counter()
        query = parse(text) if isinstance(text, str) else text
        if not query.groups:
            return list_sounds(self._library, query, limit, began, self.spec.name)
        looked_up = self._beside.submit(_look_up, self._library, query, self._vocabulary)
        asked = self.text_queries(query.descriptions)
        fitting = _fitting(self._library, query.conditions)
        respelt, named = looked_up.result()
        if respelt is not None:
            asked = asked.beside(self.text_queries(respelt.descriptions))
        potential = asked.potential(is_name=len(named.complete) > 0)
        found = self._found(asked.vectors, potential, limit, fitting, named)
        answer = _answer(self.spec, query.text, *found, began)
        _log.debug("a text was searched in %.1f ms", 1000 * (time.perf_counter() - began))
        return answer if respelt is None else replace(answer, also=respelt.text)

    def search_sounds(
        self, sounds: Sequence[QuerySound], limit: int = 20, plus: str = "", minus: str = ""
    ) -> Answer:
        """Return the sounds that are like all of ``sounds``, which are not among them.

        Several sounds count by their barycentre in the mapped space; ``plus`` and ``minus`` are
        texts that move it towards what they describe, or away.  Conditions of the grammar may
        stand in ``plus``.

        :raises AudioError: a file cannot be heard.
        :raises InputError: there is no sound, or a part lies outside its file.
        """
        began = time.perf_counter()
        if not sounds:
            raise InputError("similar to which sound? Name a file")
        vectors = [self._vectors_of(sound) for sound in sounds]
        more = parse(plus) if plus.strip() else None
        queries = vectors[0]
        if len(vectors) > 1 or (more and more.groups) or minus.strip():
            queries = np.mean([part.mean(0) for part in vectors], axis=0, keepdims=True)
            queries = queries + _TEXT_SHARE * self._direction(more.descriptions if more else [])
            queries = queries - _TEXT_SHARE * self._direction([minus] if minus.strip() else [])
        queries = queries.astype(np.float32)
        potential = float(self.query_potentials(queries, sound=True).min())
        own = {spelled_out(sound.path) for sound in sounds if sound.path is not None}
        fitting = _fitting(self._library, more.conditions if more else ())
        found, reading = self._found(queries, potential, limit + len(own), fitting, None)
        kept = [match for match in found if match.sound.path not in own][:limit]
        signed = [("+", plus), ("-", minus)]
        shown = [sound.name for sound in sounds] + [f"{s} {t}" for s, t in signed if t.strip()]
        return _answer(self.spec, " ".join(shown), kept, reading, began)

    def warm_up(self) -> None:
        """Load the text side and the vectors, so that all searches are as fast as they can be."""
        self.text_side.speed_up()
        self.index.best(self.text_queries(["warm"]).vectors, 1, None)
        give_back()

    def text_queries(self, descriptions: Sequence[str]) -> TextQueries:
        """Return what descriptions ask for, and what their match strengths start from."""
        vectors, audible = self.text_side.ask(descriptions)
        doubts = doubts_of(audible) * np.float32(self.ranking.epsilon)
        return TextQueries(vectors, self.query_potentials(vectors), doubts)

    def query_potentials(self, queries: Floats, sound: bool = False) -> Floats:
        """Return g_q (m,) of queries (m, rank): what is calibrated, less how familiar each is."""
        import torch

        ranking = self.ranking
        zero = ranking.audio_query_potential if sound else ranking.query_potential
        with using_threads(1):
            return zero - np.asarray(self.familiar(torch.from_numpy(queries)), np.float32)

    @property
    def has_names(self) -> bool:
        """Return whether the names that describe sounds were read."""
        return self._names is not None

    def sound_names(self, control: Control | None = None) -> SoundNames:
        """Return the names that describe sounds, which take seconds to read for the first time.

        Searches may go on meanwhile.

        :raises Cancelled: the user asked to stop.
        """
        from engine.search.labels.label_vectors import LabelVectors
        from engine.search.labels.taxonomy import ucs
        from engine.search.sound_names import SoundNames

        with self._naming:
            if self._names is None:
                now = copy(self)  # which nobody refreshes meanwhile
                self._names = SoundNames(LabelVectors.of(ucs(), now, control))
            return self._names

    def likenesses(self, sound_id: int) -> tuple[Likeness, ...]:
        """Return the names that describe a sound, best first; empty if it was not heard."""
        return self.sound_names().likenesses(self.index, sound_id)

    @property
    def familiar(self) -> Familiar:
        """Return the sounds in general that the model was made with."""
        from engine.models.bank import Bank
        from engine.models.familiar import Familiar
        from engine.models.match_model import load_model

        if self._familiar is None:
            text = self.text_side
            model = text.encoder.model if text.is_loaded else load_model(self.model_folder, ())
            self._familiar = Familiar.of(model, Bank.stored(model, self._library.setting))
        return self._familiar

    @cached_property
    def _audio_encoder(self) -> AudioEncoder:
        from engine.models.match_model import load_audio_encoder

        return load_audio_encoder(self.model_folder)

    def _direction(self, texts: Sequence[str]) -> Floats:
        """Return where texts lie, seen from the middle of the bank: shape (1, rank)."""
        if not texts:
            return np.zeros((1, self.spec.rank), np.float32)
        middle = self.text_side.encoder.model.bank_vectors.mean(0, keepdim=True).numpy()
        direction: Floats = self.text_queries(texts).vectors.mean(0, keepdims=True) - middle
        return direction

    def _vectors_of(self, sound: QuerySound) -> Floats:
        """Return mapped vectors (windows, rank): the library's own of a whole known file."""
        if sound.path is not None and sound.is_whole:
            known = sound_at(self._library, spelled_out(sound.path))
            rows = self.index.rows_of(np.array([-1 if known is None else known]))
            if len(rows):
                own: Floats = np.asarray(self.index.windows.vectors[rows]).astype(np.float32)
                return own
        return embed_query(self._audio_encoder, sound)

    def _found(
        self,
        queries: Floats,
        query_potential: float,
        limit: int,
        fitting: Integers | None,
        named: KeywordHits | None,
    ) -> tuple[list[Match], Reading]:
        windows, ranking = self.index.windows, self.ranking
        among = None if fitting is None else _is_of(windows.sound_ids, fitting)
        rows = self._candidates(queries, limit, among)
        bonus = None
        if named is not None and len(named.sound_ids):
            rows = np.union1d(rows, self._rows_named(named, among))
            bonus = words_bonus(named.weights_of(windows.sound_ids[rows]), named.whole)
        cost = self.index.costs(queries, rows)
        ids = windows.sound_ids[rows]
        ranked = rank(cost, windows.potentials[rows], ids, ranking, query_potential, limit, bonus)
        matches = self._matches(rows, ranked, named)
        if named is not None:
            matches += self._unheard(named, fitting, ranked.zero)
            matches.sort(key=lambda match: -match.score)
        return matches[:limit], Reading(queries, ranked.zero, named)

    def _candidates(self, queries: Floats, limit: int, among: Booleans | None) -> Integers:
        """Return windows that include the best of at least ``limit`` sounds, if there are."""
        windows = self.index.windows
        count, last = max(_CANDIDATES, 2 * limit), -1
        while True:
            rows = self.index.best(queries, count, among)
            enough = len(np.unique(windows.sound_ids[rows])) >= limit
            if enough or len(rows) in (last, len(windows.sound_ids)):
                return rows
            count, last = 8 * count, len(rows)

    def _rows_named(self, named: KeywordHits, among: Booleans | None) -> Integers:
        rows = self.index.rows_of(named.sound_ids[named.fullest(_MOST_NAMED)])
        may = self.index.windows.present[rows]
        return rows[may if among is None else may & among[rows]]

    def _matches(self, rows: Integers, ranked: Ranked, named: KeywordHits | None) -> list[Match]:
        windows = self.index.windows
        chosen = rows[ranked.places]
        ids = [int(i) for i in windows.sound_ids[chosen]]
        sounds, tags = sounds_with_tags(self._library, ids)
        words, complete = _words_of(named, np.array(ids, np.int64))
        return [
            Match(
                sound=sounds[sound_id],
                score=float(score),
                strength=float(strength),
                start_s=float(windows.starts_s[window]),
                end_s=float(windows.ends_s[window]),
                keyword_match=complete[place],
                tags=tuple(tags.get(sound_id, ())),
                words=words[place],
                words_share=float(share),
            )
            for place, (sound_id, window, score, strength, share) in enumerate(
                zip(ids, chosen, ranked.scores, ranked.strengths, ranked.words_shares, strict=True)
            )
            if sound_id in sounds
        ]

    def _unheard(self, named: KeywordHits, fitting: Integers | None, zero: float) -> list[Match]:
        """Return sounds that hold words of the query and wait to be listened to.

        For their likeness, of which nothing is known, they are given that of sounds in general.
        """
        order = named.fullest(_MOST_NAMED)
        places = order[~self.index.has_windows(named.sound_ids[order])]
        if fitting is not None:
            places = places[np.isin(named.sound_ids[places], fitting)]
        if not len(places):
            return []
        ids = named.sound_ids[places].tolist()
        words, complete = _words_of(named, named.sound_ids[places])
        sounds, tags = sounds_with_tags(self._library, ids)
        evidence = UNHEARD + words_bonus(named.weights[places], named.whole)
        return [
            Match(
                sound=sounds[sound_id],
                score=float(worth) - zero,
                strength=float(strength),
                start_s=0.0,
                end_s=sounds[sound_id].duration_s,
                keyword_match=complete[place],
                tags=tuple(tags.get(sound_id, ())),
                words=words[place],
                words_share=1.0,
            )
            for place, (sound_id, worth, strength) in enumerate(
                zip(ids, evidence, strengths_of(evidence, self.ranking), strict=True)
            )
            if not (sounds[sound_id].missing or sounds[sound_id].offline)
        ]


def _look_up(
    library: Library, query: Query, vocabulary: Vocabulary
) -> tuple[Query | None, KeywordHits]:
    """Return the query with words mended, if there are any, and the words of either."""
    respelt = respell(library, query, vocabulary.knows, vocabulary.are_one)
    return respelt.query, find_words(library, respelt.groups)


def _answer(
    spec: ModelSpec, shown: str, matches: Sequence[Match], reading: Reading, began: float
) -> Answer:
    strong = count_strong(matches, least_strength(spec.ranking))
    took_ms = 1000 * (time.perf_counter() - began)
    return Answer(shown, spec.name, tuple(matches), strong, took_ms, reading)


def _fitting(library: Library, conditions: Sequence[Condition]) -> Integers | None:
    """Return the ids of the sounds that fulfil the conditions; None: all may be found."""
    return sounds_where(library, conditions) if conditions else None


def _words_of(
    named: KeywordHits | None, sound_ids: Integers
) -> tuple[list[tuple[str, ...]], list[bool]]:
    """Return the words that sounds hold, and whether they are all."""
    if named is None:
        return [()] * len(sound_ids), [False] * len(sound_ids)
    return named.held_by(sound_ids), named.are_complete(sound_ids).tolist()


def _is_of(sound_ids: Integers, wanted: Integers) -> Booleans:
    """Return which windows are of wanted sounds: a table look-up, not a search."""
    highest = max(int(sound_ids.max(initial=0)), int(wanted.max(initial=0)))
    table = np.zeros(highest + 1, bool)
    table[wanted] = True
    found: Booleans = table[sound_ids]
    return found


def _refuse_empty(library: Library) -> None:
    if not library.has_sounds():
        raise LibraryError(
            f"the library {library.name} holds no sounds yet: index a folder of sounds first"
        )


def _refuse_other_model(library: Library, model_id: str, name: str) -> None:
    known = adopted_model(library)
    if known is not None and known.id and known.id != model_id:
        raise LibraryError(
            f"the library {library.name} was indexed with another version of {name}: "
            "run `soundsift index` on its folders to bring it up to date"
        )
