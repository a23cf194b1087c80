"""Say what a sound sounds like, in names of sounds: those of UCS's categories.

They are read as rivals, with the model's examples (:mod:`engine.search.labels`), so that a sound is
called here as tagging calls it by sound alone (docs/decisions/0047).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Integers
from engine.metadata.ucs_names import categories, plain_name
from engine.search.labels.calibration import calibration_of
from engine.search.labels.label_vectors import LabelVectors
from engine.search.vector_index import VectorIndex

LEAST_SHARE = 0.1  # what is less likely than this does not describe a sound


@dataclass(frozen=True)
class Likeness:
    """The name of a category of UCS, and the share in [0, 1] of a sound that it is likely of.

    That is the probability that it is right, in the mean over the sound's windows.
    """

    text: str
    share: float


class SoundNames:
    """The names by which sounds are described; ``labels`` are the categories of UCS."""

    def __init__(self, labels: LabelVectors) -> None:
        self.names: Sequence[str] = [plain_name(category) for category in categories().values()]
        self._labels = labels
        self._calibration = calibration_of(labels.taxonomy, bool(labels.filing))

    def shares(self, heard: Floats) -> Floats:
        """Return the share (n, names) of each name in windows (n, rank), as mapped vectors."""
        parts = self._labels.compare(heard, np.zeros(len(heard), np.float32))
        return np.concatenate([self._calibration.shares(-cost) for _, cost, _ in parts])

    def likenesses(
        self, index: VectorIndex, sound_id: int, least: float | None = None
    ) -> tuple[Likeness, ...]:
        """Return the names that a sound is most like, best first; empty if it was not heard.

        :param least: share of a name that is given; None: :data:`LEAST_SHARE`.
        """
        rows = _heard(index, sound_id)
        if not len(rows):
            return ()
        least = LEAST_SHARE if least is None else least
        likely = self._likely(index, rows).mean(0)
        best = np.argsort(-likely, kind="stable")[: np.count_nonzero(likely >= least)]
        return tuple(Likeness(self.names[name], float(likely[name])) for name in best)

    def in_time(
        self, index: VectorIndex, sound_id: int
    ) -> tuple[tuple[float, float, Likeness], ...]:
        """Return start and end in seconds of a sound's windows, and what each is most like."""
        rows, windows = _heard(index, sound_id), index.windows
        if not len(rows):
            return ()
        rows = rows[np.argsort(windows.starts_s[rows], kind="stable")]
        likely = self._likely(index, rows)
        best = likely.argmax(1)
        return tuple(
            (float(start), float(end), Likeness(self.names[name], float(share)))
            for start, end, name, share in zip(
                windows.starts_s[rows], windows.ends_s[rows], best, likely.max(1), strict=True
            )
        )

    def _likely(self, index: VectorIndex, rows: Integers) -> Floats:
        """Return how likely each name (windows, names) is right, of windows at ``rows``."""
        windows = index.windows
        lengths = windows.ends_s[rows] - windows.starts_s[rows]
        found = [np.zeros((0, len(self.names)), np.float32)]
        compared = self._labels.compare(windows.vectors[rows], windows.potentials[rows])
        for part, cost, fits in compared:
            shares = self._calibration.shares(-cost)
            found.append(self._calibration.probabilities(shares, fits, lengths[part, None]))
        return np.concatenate(found)


def _heard(index: VectorIndex, sound_id: int) -> Integers:
    """Return the rows of a sound's windows, but of those whose vectors are no numbers."""
    rows = index.rows_of(np.array([sound_id]))
    finite: Integers = rows[np.isfinite(index.windows.vectors[rows]).all(axis=1)]
    return finite
