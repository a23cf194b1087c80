"""Suggest tags from the sound itself, the other sounds of its folder, and its words.

Every window is compared with every label.  From the costs C, the folder's potentials g
(:func:`folder_potentials`) and the evidence E of words in [0, 1] follows each label's share
P(l | window) ∝ exp((μ g_l − C_l + γ E_l)/τ), and from share and match strength the probability that
the label is right (:mod:`engine.search.labels.calibration`), given how many sounds of the folder
seem to have one in the list at all.  Labels below a lowest probability are not suggested, so a
sound may get none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats, Halves, Integers
from engine.metadata.captions import caption_of_name
from engine.progress import Control, Progress
from engine.search.labels.calibration import TOGETHER, Calibration, calibration_of, together
from engine.search.labels.label_vectors import LabelVectors
from engine.search.labels.taxonomy import Label, Taxonomy
from engine.store import Library, SoundRow
from engine.store.header_words import keywords_of
from engine.tags.evidence import WordEvidence

if TYPE_CHECKING:
    from engine.search import Searcher

WORDS = 1.3  # γ: what all words of a name are worth, in units of the cost
_OF_FOLDER = 0.25  # of that for words of a folder, where those of the sound say nothing
_IN_HEADER = 1.5  # evidence of a category that the file itself names
_AT_ONCE = 5_000  # sounds between two looks at the control
_SAMPLE = 10_000  # windows of a folder that its potentials are solved on
_ASKED = 2_000  # sounds of a folder that tell how many have a label in the list
_FOLDER_SHARE = 0.25  # of the mass; the rest is that of sounds in general
_RELAXATION = 0.25  # ρ of the folder's labels, in units of ε
_FOLDER_WEIGHT = 0.25  # of the folder's potentials in the score
_LONGEST = 200  # characters of a description that count


@dataclass(frozen=True)
class Rules:
    """How to suggest: at most ``most`` labels per sound, each at least ``least`` probable.

    ``folder``: look at all sounds together; ``words``: names and headers count, too.
    """

    least: float = 0.3
    most: int = 5
    folder: bool = True
    words: bool = True


@dataclass(frozen=True)
class Suggestion:
    """A label for a part of a sound in seconds, and the probability in [0, 1] that it is right."""

    label: Label
    probability: float
    start_s: float
    end_s: float


Suggestions = dict[int, list[Suggestion]]


class Tagger:
    """Suggests the labels of one taxonomy for the sounds of one library, as they are now.

    Examples are those that are accepted when it is asked.  Once it is made it needs the searcher no
    more.  ``model_id`` and ``model_name`` tell which model says it.
    """

    def __init__(
        self,
        library: Library,
        searcher: Searcher,
        taxonomy: Taxonomy,
        control: Control | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.model_id, self.model_name = searcher.spec.id, searcher.spec.name
        self._library, self._index = library, searcher.index
        self._epsilon = searcher.spec.ranking.epsilon
        self._general = searcher.familiar
        self._vectors = LabelVectors.of(taxonomy, searcher, control)
        self._words = WordEvidence(taxonomy)

    def suggest(self, ids: Integers, rules: Rules, control: Control) -> Suggestions:
        """Return the suggestions for some sounds, likeliest first; none for those not heard.

        A sound longer than a window can get a label more than once, for parts of it.

        :raises Cancelled: the user asked to stop.
        """
        rows = self._index.rows_of(ids)
        windows = self._index.windows
        rows = rows[windows.present[rows]]
        vectors = self._vectors.taught(self._index, self._library)
        g = self._folder_potentials(vectors, rows) if rules.folder else None
        of_window = windows.sound_ids[rows]
        heard = np.unique(of_window)
        calibration = calibration_of(self.taxonomy, bool(self._vectors.filing))  # the model's
        having = calibration.usual
        if rules.folder and having:
            asked = heard[:: max(1, len(heard) // _ASKED)]
            chosen = rows[np.isin(of_window, asked)]
            having = self._having_one(vectors, chosen, asked, g, rules, calibration)
        found: Suggestions = {}
        for start in range(0, len(heard), _AT_ONCE):
            control.report(Progress("suggesting tags", start, len(heard)))
            some = heard[start : start + _AT_ONCE]
            chosen = rows[(of_window >= some[0]) & (of_window <= some[-1])]
            words = self._evidence(some) if rules.words else None
            most = min(rules.most, len(self.taxonomy.labels))
            judged = self._judged(vectors, chosen, some, words, g, most, calibration, having)
            found |= self._suggested(chosen, judged, rules)
        return found

    def _having_one(
        self,
        vectors: LabelVectors,
        rows: Integers,
        sounds: Integers,
        g: Floats | None,
        rules: Rules,
        calibration: Calibration,
    ) -> float:
        """Return the share of ``sounds`` that have a label in the list at all."""
        words = self._evidence(sounds) if rules.words else None
        most, usual = min(TOGETHER, len(self.taxonomy.labels)), calibration.usual
        found = np.zeros(len(sounds))
        judged = self._judged(vectors, rows, sounds, words, g, most, calibration, usual)
        for part, _, likely in judged:
            place = np.searchsorted(sounds, self._index.windows.sound_ids[rows[part]])
            np.maximum.at(found, place, together(likely))
        return calibration.having_one(found)

    def _judged(
        self,
        vectors: LabelVectors,
        rows: Integers,
        sounds: Integers,
        words: Floats | None,
        g: Floats | None,
        most: int,
        calibration: Calibration,
        having: float,
    ) -> Iterator[tuple[slice, Integers, Floats]]:
        """Yield for some of ``rows``, windows of ``sounds``, their places, and ``most`` labels.

        These are the likeliest (n, most), in no order, with their probabilities (n, most).

        :param having: the share of the folder's sounds that have a label in the list.
        """
        windows = self._index.windows
        place = np.searchsorted(sounds, windows.sound_ids[rows])
        lengths = windows.ends_s[rows] - windows.starts_s[rows]
        heard, potentials = windows.vectors[rows], windows.potentials[rows]
        for part, cost, fits in vectors.compare(heard, potentials):
            score = -cost if g is None else np.float32(_FOLDER_WEIGHT) * g - cost
            if words is not None:
                score += np.float32(WORDS) * words[place[part]]
            shares = calibration.shares(score)
            count = min(max(most, TOGETHER), shares.shape[1])
            best = np.argpartition(-shares, count - 1, axis=1)[:, :count]
            likely = calibration.probabilities(
                np.take_along_axis(shares, best, 1),
                np.take_along_axis(fits, best, 1),
                lengths[part, None],
            )
            likely = calibration.among(likely, having)
            if count > most:
                first = np.argpartition(-likely, most - 1, axis=1)[:, :most]
                best = np.take_along_axis(best, first, 1)
                likely = np.take_along_axis(likely, first, 1)
            yield part, best, likely

    def _suggested(
        self, rows: Integers, judged: Iterator[tuple[slice, Integers, Floats]], rules: Rules
    ) -> Suggestions:
        """Return the suggestions for sounds whose windows are ``rows``."""
        kept: list[tuple[Integers, Integers, Floats]] = []
        for part, best, likely in judged:
            window, column = np.nonzero(likely >= rules.least)
            kept.append((rows[part][window], best[window, column], likely[window, column]))
        if not kept:
            return {}
        joined, labels, likely = (np.concatenate(values) for values in zip(*kept, strict=True))
        return self._joined(joined, labels, likely, rules.most)

    def _joined(self, rows: Integers, labels: Integers, likely: Floats, most: int) -> Suggestions:
        """Join windows that touch and have a label in common; keep the likeliest labels."""
        windows = self._index.windows
        sounds, starts, ends = (
            windows.sound_ids[rows],
            windows.starts_s[rows],
            windows.ends_s[rows],
        )
        order = np.lexsort((starts, labels, sounds))
        sounds, starts, ends = sounds[order], starts[order], ends[order]
        labels, likely = labels[order], likely[order]
        if not len(order):
            return {}
        same = (sounds[1:] == sounds[:-1]) & (labels[1:] == labels[:-1])
        first = np.flatnonzero(np.concatenate([[True], ~(same & (starts[1:] <= ends[:-1]))]))
        joined = zip(
            sounds[first].tolist(),
            labels[first].tolist(),
            np.maximum.reduceat(likely, first).tolist(),
            starts[first].tolist(),
            np.maximum.reduceat(ends, first).tolist(),
            strict=True,
        )
        found: Suggestions = {}
        for sound, label, probability, start, end in joined:
            suggestion = Suggestion(self.taxonomy.labels[label], probability, start, end)
            found.setdefault(sound, []).append(suggestion)
        return {sound: _likeliest(listed, most) for sound, listed in found.items()}

    def _evidence(self, sounds: Integers) -> Floats:
        """Return what words say: (sounds, labels)."""
        ids = sounds.tolist()
        rows, keywords = self._library.sounds(ids), keywords_of(self._library, ids)
        evidence = self._shares([words_of(rows.get(i), keywords.get(i, "")) for i in ids])
        silent = np.flatnonzero(~evidence.any(axis=1))
        folders = [folder_of(rows.get(ids[row])) for row in silent.tolist()]
        evidence[silent] = np.float32(_OF_FOLDER) * self._shares(folders)
        if self.taxonomy.is_ucs:
            column = {label.id: number for number, label in enumerate(self.taxonomy.labels)}
            for row, sound_id in enumerate(ids):
                category = rows[sound_id].category if sound_id in rows else None
                if category in column:
                    evidence[row, column[category]] = _IN_HEADER
        return evidence

    def _shares(self, captions: Sequence[str]) -> Floats:
        """Return what captions say: (captions, labels)."""
        unique = list(dict.fromkeys(captions))
        place = {caption: row for row, caption in enumerate(unique)}
        return self._words.shares(unique)[[place[caption] for caption in captions]]

    def _folder_potentials(self, vectors: LabelVectors, rows: Integers) -> Floats | None:
        windows = self._index.windows
        sample = rows[:: max(1, len(rows) // _SAMPLE)]
        if not len(sample):
            return None
        own = _label_costs(vectors, windows.vectors[sample], windows.potentials[sample])
        general = self._general
        others = _label_costs(vectors, general.vectors.numpy(), general.potentials.numpy())
        return folder_potentials(own, others, self._epsilon)


def folder_potentials(own: Floats, general: Floats, epsilon: float) -> Floats:
    """Return the potentials g (labels,) of a folder's labels.

    The folder is transported to the labels together with sounds in general, which have three
    quarters of the mass, under a relaxed label marginal (:mod:`engine.transport.relaxed`).  A
    label that swallows everything loses; doors in a folder of doors are a part of a world in
    which there are other sounds, and stay doors.

    :param own: (windows, labels) costs of the folder's windows.
    :param general: (exemplars, labels) costs of sounds in general; may be empty.
    """
    import torch

    from engine.transport import relaxed_potentials

    share = _FOLDER_SHARE if len(general) else 1.0
    mass = [torch.full((len(own),), share / len(own))]
    mass += [torch.full((len(general),), (1 - share) / max(1, len(general)))]
    cost = torch.from_numpy(np.concatenate([own, general]))
    g: Floats = relaxed_potentials(
        cost, epsilon, _RELAXATION * epsilon, torch.cat(mass), tolerance=1e-3
    ).numpy()
    return g


def _label_costs(vectors: LabelVectors, heard: Floats | Halves, potentials: Floats) -> Floats:
    parts = [cost for _, cost, _ in vectors.compare(heard, potentials)]
    return np.concatenate(parts) if parts else np.zeros((0, len(vectors.firsts)), np.float32)


def words_of(sound: SoundRow | None, keywords: str = "") -> str:
    """Return the words that a sound itself is described with: name, description, keywords."""
    if sound is None:
        return ""
    description = (sound.description or "")[:_LONGEST]
    return " ".join(filter(None, (caption_of_name(Path(sound.path)), description, keywords)))


def folder_of(sound: SoundRow | None) -> str:
    """Return what the name of a sound's folder says."""
    return "" if sound is None else caption_of_name(Path(sound.path).parent) or ""


def _likeliest(listed: Sequence[Suggestion], most: int) -> list[Suggestion]:
    """Return the parts of the ``most`` likeliest labels, likeliest first, then in time."""
    best: dict[str, float] = {}
    for suggestion in listed:
        known = best.get(suggestion.label.id, 0.0)
        best[suggestion.label.id] = max(known, suggestion.probability)
    kept = set(sorted(best, key=lambda label: -best[label])[:most])
    chosen = [suggestion for suggestion in listed if suggestion.label.id in kept]
    return sorted(chosen, key=lambda s: (-best[s.label.id], s.label.id, s.start_s))
