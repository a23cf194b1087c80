"""From scores to probabilities: how often a label with a given score is right.

Two numbers say how sure one can be: the label's share among all labels, which knows its rivals,
and its match strength, which knows whether anything here fits at all.  Logistic regression joins
them with the length of what was heard, for a click says less than a bark.  The constants are
fitted on the validation split by ``python -m benchmarks.tagging.calibration``, which also measures
how true they are (docs/decisions/0013).

Of a list of one's own, many sounds may have no label that is right; how many, a folder tells itself
(:meth:`Calibration.having_one`, docs/decisions/0045).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import Doubles, Floats
from engine.search.labels.taxonomy import Taxonomy

SHORTEST_S, LONGEST_S = 0.2, 10.0
MOST_LOG_ODDS = 15.0  # of a match strength
TOGETHER = 5  # labels of a sound, of which one is right if any is
_SURE = 1e-6  # as far as probabilities go
_USUAL = 10.0  # sounds for which what is usual counts, beside those of a folder
_STEPS, _NEAR = 500, 1e-6


@dataclass(frozen=True)
class Calibration:
    """Log-odds = zero + share · logit(P) + strength · (log-odds of the match) + length · log(s).

    ``temperature`` is τ of the shares P, in units of the cost.  ``usual`` is the share of sounds
    that had a right one among their likeliest where it was fitted; 0: every sound has one.
    """

    temperature: float
    share: float
    strength: float
    length: float
    zero: float
    usual: float = 0.0

    def among(self, likely: Floats, having: float) -> Floats:
        """Return probabilities (n, labels) as they are in a folder; ``likely`` are those before.

        What a sound's likeliest labels have together is the probability that it has one in the
        list at all.  If fewer sounds of the folder have one than is usual, that is less likely for
        each, and what its labels share out is less.

        :param having: the share of the folder's sounds that have one, from :meth:`having_one`.
        """
        if having == self.usual:
            return likely
        shift = _odds(having) / _odds(self.usual)
        before = together(likely)
        after = shift * _odds(before)
        found = likely * (after / (1 + after) / before)[:, None]
        bounded: Floats = np.minimum(found, 1.0).astype(np.float32)
        return bounded

    def having_one(self, folder: Doubles) -> float:
        """Return the share of a folder's sounds that have a label in the list.

        ``folder`` (sounds,) is what the labels of each have together, from :func:`together`.  The
        share and what follows for each settle in turns, as in M. Saerens, P. Latinne and C.
        Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities* (Neural
        Computation 14, 2002).
        """
        if not self.usual or not len(folder):
            return self.usual
        odds, now = _odds(folder) / _odds(self.usual), self.usual
        for _ in range(_STEPS):
            here = odds * _odds(now)
            right = float((here / (1 + here)).sum())
            before, now = now, (right + _USUAL * self.usual) / (len(folder) + _USUAL)
            if abs(now - before) < _NEAR:
                break
        return now

    def shares(self, score: Floats) -> Floats:
        """Return P (n, labels) of scores (n, labels): a softmax at τ; ``score`` is overwritten."""
        score /= np.float32(self.temperature)
        score -= score.max(axis=1, keepdims=True)
        np.exp(score, out=score)
        score /= score.sum(axis=1, keepdims=True)
        return score

    def probabilities(self, shares: Floats, fits: Floats, lengths_s: Floats) -> Floats:
        """Return the probabilities (n, labels) that labels are right.

        Of two labels of a sound, that with the smaller share is never the likelier: what the first
        of them come to is put into the order of shares (V. Chernozhukov, I. Fernández-Val and A.
        Galichon, *Improving point and interval estimators of monotone functions by rearrangement*,
        Biometrika 96, 2009), and those after them have that of the one before at most.

        :param shares: (n, labels), as are ``fits``.
        :param lengths_s: (n, 1).
        """
        features = calibration_features(shares, fits, lengths_s)
        weights = (self.share, self.strength, self.length)
        odds = self.zero + sum(w * f for w, f in zip(weights, features, strict=True))
        likely: Floats = (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)
        order = np.argsort(-shares, axis=1)
        likely = np.take_along_axis(likely, order, 1)
        likely[:, :TOGETHER] = -np.sort(-likely[:, :TOGETHER], axis=1)
        found = np.empty_like(likely)
        np.put_along_axis(found, order, np.minimum.accumulate(likely, axis=1), 1)
        return found


def together(likely: Floats) -> Doubles:
    """Return the probability (n,) that any of a sound's likeliest labels (n, labels) is right."""
    best = -np.sort(-likely.astype(np.float64), axis=1)[:, :TOGETHER]
    found: Doubles = np.clip(best.sum(1), _SURE, 1 - _SURE)
    return found


def _odds(probability: Any) -> Any:
    return probability / (1 - probability)


def calibration_features(
    shares: Floats, fits: Floats, lengths_s: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the logit of shares, bounded log-odds of matches, and log lengths."""
    bounded = np.clip(shares.astype(np.float64), 1e-6, 1 - 1e-6)
    logit = np.log(bounded / (1 - bounded))
    fits = np.clip(fits, -MOST_LOG_ODDS, MOST_LOG_ODDS)
    lengths = np.log(np.clip(lengths_s, SHORTEST_S, LONGEST_S)) + np.zeros_like(logit)
    return logit, fits, lengths


PLAIN = Calibration(0.14, 0.702, 0.228, -0.084, -0.73, 0.46)
SEVERAL = Calibration(0.14, 0.827, 0.195, -0.069, -0.53, 0.46)
WORDED = Calibration(0.18, 0.891, 0.034, -0.03, 1.48)
FILED = Calibration(0.24, 0.934, 0.0, 0.022, 1.82)


def calibration_of(taxonomy: Taxonomy, has_examples: bool = False) -> Calibration:
    """Return the constants for lists of names, for labels of several texts each, or for UCS.

    The latter has others if the model has examples of it (:mod:`engine.search.labels.filing`).
    """
    if taxonomy.is_ucs:
        return FILED if has_examples else WORDED
    texts = sum(len(label.texts) for label in taxonomy.labels)
    return PLAIN if texts <= 1.5 * len(taxonomy.labels) else SEVERAL
