"""From scores to probabilities: how often a label with a given score is right.

Two numbers say how sure one can be: the label's share among all labels, which knows its rivals,
and its match strength, which knows whether anything here fits at all.  Logistic regression joins
them with the length of what was heard, for a click says less than a bark.  The constants are
fitted on the validation split by ``python -m benchmarks.tagging.calibration``, which also measures
how true they are (docs/decisions/0013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.tags.taxonomy import Taxonomy

SHORTEST_S, LONGEST_S = 0.2, 10.0
MOST_LOG_ODDS = 15.0  # of a match strength


@dataclass(frozen=True)
class Calibration:
    """Log-odds = zero + share · logit(P) + strength · (log-odds of the match) + length · log(s).

    ``temperature`` is τ of the shares P, in units of the cost.
    """

    temperature: float
    share: float
    strength: float
    length: float
    zero: float

    def shares(self, score: Floats) -> Floats:
        """Return P (n, labels) of scores (n, labels): a softmax at τ; ``score`` is overwritten."""
        score /= np.float32(self.temperature)
        score -= score.max(axis=1, keepdims=True)
        np.exp(score, out=score)
        score /= score.sum(axis=1, keepdims=True)
        return score

    def probabilities(self, shares: Floats, fits: Floats, lengths_s: Floats) -> Floats:
        """Return the probabilities that labels are right; all arguments are of like shape."""
        features = calibration_features(shares, fits, lengths_s)
        weights = (self.share, self.strength, self.length)
        odds = self.zero + sum(w * f for w, f in zip(weights, features, strict=True))
        found: Floats = (1.0 / (1.0 + np.exp(-odds))).astype(np.float32)
        return found


def calibration_features(
    shares: Floats, fits: Floats, lengths_s: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the logit of shares, bounded log-odds of matches, and log lengths."""
    bounded = np.clip(shares.astype(np.float64), 1e-6, 1 - 1e-6)
    logit = np.log(bounded / (1 - bounded))
    fits = np.clip(fits, -MOST_LOG_ODDS, MOST_LOG_ODDS)
    lengths = np.log(np.clip(lengths_s, SHORTEST_S, LONGEST_S)) + np.zeros_like(logit)
    return logit, fits, lengths


PLAIN = Calibration(0.1, 0.89, 0.048, 0.041, -0.10)
SEVERAL = Calibration(0.16, 1.04, 0.0, 0.024, 1.69)
FILED = Calibration(0.2, 1.02, 0.0, 0.028, 1.89)


def calibration_of(taxonomy: Taxonomy, has_examples: bool = False) -> Calibration:
    """Return the constants for lists of names, or for labels of several texts each.

    The latter have others if the model has examples of them (:mod:`engine.tags.filing`).
    """
    texts = sum(len(label.texts) for label in taxonomy.labels)
    if texts <= 1.5 * len(taxonomy.labels):
        return PLAIN
    return FILED if has_examples else SEVERAL
