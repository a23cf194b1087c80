"""Search one library: its vectors in memory, the model's halves loaded when first needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.audio.decode import stream
from engine.audio.windows import windows
from engine.errors import AudioError, InputError, LibraryError
from engine.models.spec import read_spec
from engine.paths import spelled_out
from engine.search.rank import Ranked, costs, rank
from engine.store import Library, SoundRow
from engine.store.names import match_names
from engine.store.vectors import Floats, load_vectors

if TYPE_CHECKING:
    from engine.models.match_model import Captioner, Listener

_KEYWORD_LIMIT = 10000


@dataclass(frozen=True)
class Match:
    """One result: the sound, its best moment in seconds, score, strength in [0, 1]."""

    sound: SoundRow
    score: float
    strength: float
    start_s: float
    end_s: float
    keyword_match: bool


@dataclass(frozen=True)
class Answer:
    """The best results: first the ``strong`` ones above the divider, then the weak ones.

    Either part is ordered by score.
    """

    query: str
    model: str
    matches: tuple[Match, ...]
    strong: int
    took_ms: float


class Searcher:
    """Answers queries on a library as it was when this was made.

    :raises LibraryError: nothing is indexed, or another model made the library's vectors.
    """

    def __init__(self, library: Library, model_folder: Path) -> None:
        self._library, self._folder = library, model_folder
        self.spec = read_spec(model_folder)
        _refuse_other_model(library, self.spec.id, self.spec.name)
        self._windows = load_vectors(library, self.spec.rank)
        if not len(self._windows.sound_ids):
            raise LibraryError(
                f"the library {library.path} holds no sounds yet: run `soundsift index FOLDER`"
            )

    def search_text(self, text: str, limit: int = 20) -> Answer:
        """Return the sounds that sound like ``text``.

        :raises InputError: the text is empty.
        """
        began = time.perf_counter()
        if not text.strip():
            raise InputError('the search is empty: describe a sound, like "heavy door creaking"')
        query: Floats = self._captioner([text.strip()]).numpy()
        potential = self.spec.ranking.query_potential
        return self._answer(text, query, potential, limit, began, self._named(text))

    def search_sound(
        self,
        path: Path,
        start_s: float | None = None,
        end_s: float | None = None,
        limit: int = 20,
    ) -> Answer:
        """Return the sounds that are like a file, or like a part of it; not the file itself.

        :raises AudioError: the file cannot be heard.
        :raises InputError: the part lies outside the file.
        """
        began = time.perf_counter()
        query = self._hear(path, start_s, end_s)
        potential = self.spec.ranking.audio_query_potential
        answer = self._answer(path.name, query, potential, limit + 1, began, frozenset())
        own = spelled_out(path)
        kept = [match for match in answer.matches if match.sound.path != own][:limit]
        return self._counted(answer.query, kept, began)

    @cached_property
    def _captioner(self) -> Captioner:
        from engine.models.match_model import load_captioner

        return load_captioner(self._folder)

    @cached_property
    def _listener(self) -> Listener:
        from engine.models.match_model import load_listener

        return load_listener(self._folder)

    def warm_up(self) -> None:
        """Load the text side, so that the first search is as fast as the next."""
        self._captioner(["warm"])

    def _named(self, text: str) -> frozenset[int]:
        hits = match_names(self._library, text, _KEYWORD_LIMIT)
        return frozenset(hit.sound_id for hit in hits)

    def _hear(self, path: Path, start_s: float | None, end_s: float | None) -> Floats:
        rate = self.spec.front_end.rate_hz
        samples = np.concatenate([*stream(path, rate), np.zeros(0, np.float32)])
        first, last = _part(len(samples), rate, start_s, end_s, path)
        cut = windows([samples[first:last]], rate, self.spec.window_s, self.spec.hop_s)
        log_mels = [self._listener.log_mel(window.samples) for window in cut]
        if not log_mels:
            raise AudioError(f"{path.name} holds no samples")
        features = self._listener.features(log_mels)
        vectors: Floats = self._listener.model.map_features(features).numpy()
        return vectors

    def _answer(
        self,
        shown: str,
        queries: Floats,
        query_potential: float,
        limit: int,
        began: float,
        named: frozenset[int],
    ) -> Answer:
        ranking = self.spec.ranking
        cost = costs(queries, self._windows, ranking.cost_scale)
        ranked = rank(cost, self._windows, ranking, query_potential, limit)
        return self._counted(shown, self._matches(ranked, named), began)

    def _matches(self, ranked: Ranked, named: frozenset[int]) -> list[Match]:
        ids = [int(i) for i in self._windows.sound_ids[ranked.windows]]
        sounds = self._library.sounds(ids)
        return [
            Match(
                sound=sounds[sound_id],
                score=float(score),
                strength=float(strength),
                start_s=float(self._windows.starts_s[window]),
                end_s=float(self._windows.ends_s[window]),
                keyword_match=sound_id in named,
            )
            for sound_id, window, score, strength in zip(
                ids, ranked.windows, ranked.scores, ranked.strengths, strict=True
            )
            if sound_id in sounds
        ]

    def _counted(self, shown: str, matches: Sequence[Match], began: float) -> Answer:
        divider = self.spec.ranking.divider
        strong = [match for match in matches if match.strength >= divider]
        weak = [match for match in matches if match.strength < divider]
        took_ms = 1000 * (time.perf_counter() - began)
        return Answer(shown, self.spec.name, (*strong, *weak), len(strong), took_ms)


def search_names(library: Library, text: str, limit: int = 20) -> Answer:
    """Return the sounds whose names hold every word of ``text``; no model is loaded.

    :raises InputError: the text holds no word.
    """
    began = time.perf_counter()
    if not any(character.isalnum() for character in text):
        raise InputError("the search holds no word: type a word of the file's name")
    hits = match_names(library, text, limit)
    sounds = library.sounds([hit.sound_id for hit in hits])
    matches = tuple(
        Match(sounds[h.sound_id], h.score, 1.0, 0.0, sounds[h.sound_id].duration_s, True)
        for h in hits
    )
    return Answer(text, "names", matches, len(matches), 1000 * (time.perf_counter() - began))


def to_dict(answer: Answer) -> dict[str, Any]:
    """Return an answer as the search JSON of the command line."""
    results = [
        {
            "rank": number,
            "path": match.sound.path,
            "score": match.score,
            "strength": match.strength,
            "start_s": match.start_s,
            "end_s": match.end_s,
            "keyword_match": match.keyword_match,
            "duration_s": match.sound.duration_s,
            "tags": [],
        }
        for number, match in enumerate(answer.matches, start=1)
    ]
    return {
        "query": answer.query,
        "model": answer.model,
        "results": results,
        "strong": answer.strong,
        "took_ms": answer.took_ms,
    }


def _part(
    samples: int, rate_hz: int, start_s: float | None, end_s: float | None, path: Path
) -> tuple[int, int]:
    first = round((start_s or 0.0) * rate_hz)
    last = samples if end_s is None else round(end_s * rate_hz)
    if not 0 <= first < min(last, samples):
        raise InputError(
            f"the part from {start_s or 0:g} s to {last / rate_hz:g} s does not lie in "
            f"{path.name}, which is {samples / rate_hz:g} s long"
        )
    return first, min(last, samples)


def _refuse_other_model(library: Library, model_id: str, name: str) -> None:
    stored = library.setting("model_id")
    if stored is not None and stored.decode() != model_id:
        raise LibraryError(
            f"the library {library.path} was indexed with another version of {name}: "
            "run `soundsift index` on its folders to bring it up to date"
        )
