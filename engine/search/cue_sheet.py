"""Solve a cue sheet on a library: read the lines, compare every line with every sound, assign."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InputError, reason
from engine.paths import refuse_no_file, spelled_out
from engine.search.cues import CueRules, Pairs, assign
from engine.search.grammar import Query
from engine.search.rank import evidence_of, least_evidence, strengths_of, words_bonus
from engine.search.searcher import Searcher
from engine.store import Library, SoundRow
from engine.store.keywords import find_words
from engine.store.places import sound_at
from engine.store.words import search_words

_TEXT_COLUMNS = ("cue", "text", "description", "sound", "caption")
_LOCK_COLUMNS = ("locked", "lock", "path")
_SPARE = 100  # windows a cue is offered beyond what all cues together could take
_MOST_OFFERED = 4000
_NAMED = 100  # sounds that hold most of a cue's words, which are offered beside the nearest


@dataclass(frozen=True)
class Cue:
    """A line of a cue sheet (counted from 1): what is wanted, and perhaps a file to keep."""

    line: int
    text: str
    locked: str | None = None


@dataclass(frozen=True)
class Assigned:
    """A clip for a cue: the moment in seconds, its gain and strength."""

    sound: SoundRow
    score: float
    strength: float
    start_s: float
    end_s: float


@dataclass(frozen=True)
class CueAnswer:
    """A cue with its clips, best first; none if nothing here sounds like it."""

    cue: Cue
    assigned: tuple[Assigned, ...]


def read_cue_sheet(path: Path) -> list[Cue]:
    """Return the cues of a CSV file.

    The column ``cue`` (or ``text``, ``description``, …) holds what is wanted, ``locked`` a file
    that stays.  A file without such a header is read line by line.

    :raises InputError: it cannot be read, or holds no cue.
    """
    refuse_no_file(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {reason(error)}") from None
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    wanted = next((names.index(name) for name in _TEXT_COLUMNS if name in names), None)
    lock = next((names.index(name) for name in _LOCK_COLUMNS if name in names), None)
    first = 0 if wanted is None else 1
    cues = []
    for line, row in enumerate(rows[first:], start=first + 1):
        said = ", ".join(filter(None, row)).strip() if wanted is None else _cell(row, wanted)
        if said:
            kept = _cell(row, lock) if lock is not None and wanted is not None else ""
            cues.append(Cue(line, said, kept or None))
    if not cues:
        raise InputError(f"{path} contains no cues: write one description per line")
    return cues


def solve_cues(
    library: Library, searcher: Searcher, cues: Sequence[Cue], rules: CueRules
) -> list[CueAnswer]:
    """Return for every cue its clips; each clip once, empty where nothing is strong enough.

    The gain of a clip is what its sound and the words of its name, header and tags are worth, as
    in a search, above the model's divider.

    :raises InputError: a cue says no word, or a locked file is not in the library.
    """
    for cue in cues:
        if not search_words(cue.text):
            raise InputError(f"line {cue.line} contains no word: {cue.text}")
    locked = {row: [_locked(library, searcher, cue)] for row, cue in enumerate(cues) if cue.locked}
    pairs, strengths = _pairs(library, searcher, cues, rules)
    chosen = assign(len(cues), pairs, rules, locked)
    of_pair = {
        (int(cue), int(window)): (float(gain), float(strength))
        for cue, window, gain, strength in zip(
            pairs.cues, pairs.windows, pairs.gains, strengths, strict=True
        )
    }
    windows = searcher.index.windows
    sounds = library.sounds({int(windows.sound_ids[w]) for row in chosen for w in row})
    answers = []
    for row, cue in enumerate(cues):
        assigned = []
        for window in chosen[row]:
            gain, strength = of_pair.get((row, window), (0.0, 0.0))
            sound = sounds[int(windows.sound_ids[window])]
            times = float(windows.starts_s[window]), float(windows.ends_s[window])
            assigned.append(Assigned(sound, gain, strength, *times))
        answers.append(CueAnswer(cue, tuple(assigned)))
    return answers


def cues_to_dict(answers: Sequence[CueAnswer]) -> dict[str, Any]:
    """Return solved cues as the cue JSON of the command line."""
    return {
        "cues": [
            {
                "line": answer.cue.line,
                "text": answer.cue.text,
                "assigned": [
                    {
                        "path": clip.sound.path,
                        "score": clip.score,
                        "strength": clip.strength,
                        "start_s": clip.start_s,
                        "end_s": clip.end_s,
                    }
                    for clip in answer.assigned
                ],
                "unmatched": not answer.assigned,
            }
            for answer in answers
        ]
    }


def keywords(cue: Cue) -> tuple[tuple[str, ...], ...]:
    """Return the words of a cue that are looked for, as a search would."""
    words = search_words(cue.text).split()
    return Query(cue.text, tuple((word,) for word in words)).keywords


def _cell(row: Sequence[str], column: int) -> str:
    return row[column].strip() if column < len(row) else ""


def _locked(library: Library, searcher: Searcher, cue: Cue) -> tuple[int, int]:
    """Return (window, sound) that a cue keeps: the first window of its file."""
    assert cue.locked is not None
    sound = sound_at(library, spelled_out(Path(cue.locked)))
    windows = searcher.index.rows_of(np.array([-1 if sound is None else sound]))
    if sound is None or not len(windows):
        raise InputError(f"line {cue.line} is locked to {cue.locked}, which is not in the library")
    return int(windows[0]), sound


def _pairs(
    library: Library, searcher: Searcher, cues: Sequence[Cue], rules: CueRules
) -> tuple[Pairs, np.ndarray]:
    """Return every cue's best windows with gains, and their strengths."""
    index, ranking = searcher.index, searcher.ranking
    windows = index.windows
    asked = searcher.text_queries([cue.text for cue in cues])
    demand = len(cues) * rules.alternates
    offered = min(demand + _SPARE, _MOST_OFFERED)
    floor = least_evidence(ranking)
    rows, gains, strengths = [], [], []
    best = index.best_each(asked.vectors, offered)
    for place, (cue, own) in enumerate(zip(cues, best, strict=True)):
        hits = find_words(library, keywords(cue))
        named = hits.sound_ids[hits.fullest(_NAMED)]
        own = np.union1d(own, index.rows_of(named))
        own = own[windows.present[own]]
        query = asked.only(place)
        cost = index.costs(query.vectors, own)
        zero = query.potential(is_name=len(hits.complete) > 0)
        evidence = evidence_of(cost, windows.potentials[own], ranking, zero)
        evidence = evidence + words_bonus(hits.weights_of(windows.sound_ids[own]), hits.whole)
        rows.append(own)
        gains.append(np.where(evidence > floor, evidence - floor, -np.inf))
        strengths.append(strengths_of(evidence, ranking))
    lengths = [len(own) for own in rows]
    flat = np.concatenate(rows)
    numbers = np.repeat(np.arange(len(cues)), lengths)
    pairs = Pairs(numbers, flat, windows.sound_ids[flat], np.concatenate(gains))
    return pairs, np.concatenate(strengths)
