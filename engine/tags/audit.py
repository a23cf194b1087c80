"""Names against sounds: which files sound like the name of another file.

The sounds are transported to the names, each name with as much mass as it has files
(:mod:`engine.transport.sinkhorn`): the share that a sound sends to its own name says whether it
is named correctly, given all the others.  Two files whose names would fit better the other way
round are proposed as a swap (docs/decisions/0013).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.arrays import Floats, Integers
from engine.errors import InputError
from engine.metadata.captions import caption_of_name
from engine.progress import Control, Progress
from engine.search.labels.taxonomy import SENTENCE
from engine.search.rank import costs_between
from engine.store import Library

if TYPE_CHECKING:
    from engine.search import Searcher

LIKELY = 0.5  # strength from which a name is reported
# Log-odds = zero + gain · (cost that the swap saves) + doubt · −log(share of the own name);
# fitted on the validation split by ``python -m benchmarks.tagging.audit``.
GAIN, DOUBT, ZERO = 4.53, 0.28, -5.74
_MOST_DOUBT = 20.0
_AT_ONCE = 5_000  # sounds that are compared with each other; neighbours by path in large folders
_FEWEST = 4


@dataclass(frozen=True)
class Doubt:
    """A file that sounds unlike its name; the probability in [0, 1] that the name is wrong.

    ``sounds_like`` is the name in the folder that fits best; ``swap_with`` the file whose name
    it would take, and that would take its own.
    """

    path: str
    name: str
    strength: float
    sounds_like: str
    swap_with: str | None


@dataclass(frozen=True)
class Audit:
    """The doubts about a folder, strongest first; ``unnamed`` files have names that say nothing."""

    sounds: int
    unnamed: int
    doubts: tuple[Doubt, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as JSON has it."""
        return asdict(self)


def audit(library: Library, searcher: Searcher, ids: Integers, control: Control) -> Audit:
    """Compare the names of sounds with what they sound like.

    :raises InputError: too few of them have names that say anything.
    :raises Cancelled: the user asked to stop.
    """
    sounds = library.sounds(ids.tolist())
    heard = ids[searcher.index.has_windows(ids)]
    heard = np.array(sorted(heard.tolist(), key=lambda i: sounds[i].path), np.int64)
    captions = {int(i): caption_of_name(Path(sounds[int(i)].path)) for i in heard}
    named = np.array([i for i in heard.tolist() if captions[i] is not None], np.int64)
    if len({captions[i] for i in named.tolist()}) < 2 or len(named) < _FEWEST:
        raise InputError(
            f"only {len(named)} of {len(ids)} sounds have names that describe them: there is "
            "nothing to compare"
        )
    names = [captions[i] or "" for i in named.tolist()]
    texts = sorted(set(names))
    place = {text: row for row, text in enumerate(texts)}
    vectors = searcher.text_side.read_labels(
        [SENTENCE.format(label=text) for text in texts]
    ).vectors
    doubts: list[Doubt] = []
    for start in range(0, len(named), _AT_ONCE):
        control.report(Progress("comparing names", start, len(named)))
        part, called = named[start : start + _AT_ONCE], names[start : start + _AT_ONCE]
        there = sorted(set(called))
        cost = _costs_of(searcher, part, vectors[[place[text] for text in there]])
        found = doubts_of(cost, called, there, searcher.spec.ranking.epsilon)
        paths = [sounds[i].path for i in part.tolist()]
        doubts += [
            Doubt(
                paths[row],
                called[row],
                strength,
                like,
                None if partner is None else paths[partner],
            )
            for row, strength, like, partner in found
        ]
    doubts.sort(key=lambda doubt: -doubt.strength)
    return Audit(len(named), len(ids) - len(named), tuple(doubts))


def doubts_of(
    cost: Floats, names: Sequence[str], texts: Sequence[str], epsilon: float
) -> list[tuple[int, float, str, int | None]]:
    """Return (sound, strength, better name, partner of a swap) of each doubtful sound.

    :param cost: (sounds, texts).
    :param names: what each sound is called; one of ``texts``.
    """
    features, own, partner, alternatives = audit_features(cost, names, texts, epsilon)
    odds = ZERO + GAIN * features[:, 0] + DOUBT * features[:, 1]
    strengths = 1.0 / (1.0 + np.exp(-odds))
    found = []
    for row in np.flatnonzero(strengths >= LIKELY).tolist():
        other = int(partner[row])
        swapped = other >= 0 and strengths[other] >= LIKELY
        like = texts[own[other]] if swapped else texts[alternatives[row]]
        found.append((row, float(strengths[row]), like, other if swapped else None))
    return found


def audit_features(
    cost: Floats, names: Sequence[str], texts: Sequence[str], epsilon: float
) -> tuple[Floats, Integers, Integers, Integers]:
    """Return what speaks against names.

    :return: for each sound what its swap saves and −log of its own name's share, (sounds, 2);
        which text it is called by; with whom it would swap (−1: nobody); the best other text.
    """
    import torch

    from engine.transport import sinkhorn

    place = {text: column for column, text in enumerate(texts)}
    own = np.array([place[name] for name in names])
    everyone = np.arange(len(own))
    mass = np.bincount(own, minlength=len(texts)) / len(own)
    plan = sinkhorn(
        torch.from_numpy(cost), epsilon, b=torch.from_numpy(mass.astype(np.float32)), tolerance=1e-4
    ).log_plan.numpy()
    shares = plan + np.log(len(own))
    doubt = np.clip(-shares[everyone, own], 0, _MOST_DOUBT)
    shares[everyone, own] = -np.inf
    gains, partner = _swaps(cost, own)
    return np.stack([gains, doubt], 1), own, partner, shares.argmax(1)


def _swaps(cost: Floats, own: Integers) -> tuple[Floats, Integers]:
    """Pair sounds greedily by what exchanging their names saves; return gains and partners."""
    count = len(own)
    mine = cost[np.arange(count), own]
    gains, partners = np.zeros(count, np.float32), np.full(count, -1, np.int64)
    wanted = []
    for start in range(0, count, 512):
        rows = np.arange(start, min(count, start + 512))
        saved = mine[rows, None] + mine - cost[rows][:, own] - cost[:, own[rows]].T
        saved[own[rows, None] == own] = 0
        best = np.argpartition(-saved, min(8, count - 1), axis=1)[:, :8]
        values = np.take_along_axis(saved, best, 1)
        wanted += [
            (value, int(row), int(other))
            for row, others, held in zip(rows, best, values, strict=True)
            for other, value in zip(others, held.tolist(), strict=True)
            if value > 0
        ]
    for value, row, other in sorted(wanted, reverse=True):
        if partners[row] < 0 and partners[other] < 0:
            gains[row] = gains[other] = value
            partners[row], partners[other] = other, row
    return gains, partners


def _costs_of(searcher: Searcher, sounds: Integers, texts: Floats) -> Floats:
    """Return the costs (sounds, texts) of sounds, each by its nearest window."""
    windows = searcher.index.windows
    rows = searcher.index.rows_of(sounds)
    heard = np.asarray(windows.vectors[rows], np.float32)
    cost = costs_between(heard, texts, searcher.spec.ranking.cost_scale)
    of_window = windows.sound_ids[rows]
    firsts = np.flatnonzero(np.concatenate([[True], of_window[1:] != of_window[:-1]]))
    nearest: Floats = np.minimum.reduceat(cost, firsts, axis=0)
    return nearest
