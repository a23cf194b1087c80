"""The labels of a taxonomy as one model sees them: costs and match strengths of sounds.

A label has several texts; its cost is their soft minimum, C_l = −ε log Σ_t w_t exp(−C_t/ε), so
that one text which fits is enough (docs/decisions/0013).  C_t is the cost of the text less how far
the sound leans to it (:mod:`engine.models.label_reader`).  A label's cost falls where sounds that
were filed under it are like what is heard (:mod:`engine.search.labels.filing`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.arrays import Floats, Halves, Integers
from engine.durable import put_file
from engine.models.label_texts import READING, LabelTexts
from engine.models.spec import Ranking
from engine.paths import labels_folder, make_own_folder
from engine.progress import Control, Progress
from engine.sealed import seal_bytes, unseal_bytes
from engine.search.labels.filing import Filing
from engine.search.labels.taxonomy import Taxonomy
from engine.search.rank import costs_between

if TYPE_CHECKING:
    from engine.search import Searcher
    from engine.search.vector_index import VectorIndex
    from engine.store import Library

SOFT_MINIMUM = 4.0  # ε of the soft minimum over a label's texts, in units of the ranking's ε
_BLOCK = 512  # windows whose costs to all texts are held at once: about what a cache holds
_LEAST_WEIGHT = 1e-6  # of a label that no sound is like
_WORTH_KEEPING = 64  # texts
_MOST_KEPT = 16  # taxonomies by model
_AT_ONCE = 256  # texts between two looks whether to stop
_KEPT = re.compile(r"[0-9a-f]{32}\.vectors(\.\d+\.part)?")


@dataclass(frozen=True)
class LabelVectors:
    """Texts of labels, text by text and label by label.

    ``firsts`` (labels,) is where each label's texts begin, ``log_weights`` (texts,) how much each
    counts, and ``handicaps`` (texts,) the g_q of each as a query, in units of the cost;
    ``softness`` is the ε of the soft minimum, in units of the ranking's; ``filing`` holds examples.
    """

    taxonomy: Taxonomy
    texts: LabelTexts
    firsts: Integers
    log_weights: Floats
    handicaps: Floats
    ranking: Ranking
    filing: Filing
    softness: float = SOFT_MINIMUM

    @classmethod
    def of(
        cls,
        taxonomy: Taxonomy,
        searcher: Searcher,
        control: Control | None = None,
    ) -> LabelVectors:
        """Embed the texts of all labels, or take what was kept of them; with the model's examples.

        :raises Cancelled: the user asked to stop.
        """
        texts = [text for label in taxonomy.labels for text in label.texts]
        counts = np.array([len(label.texts) for label in taxonomy.labels])
        weights = np.array([w for label in taxonomy.labels for w in label.weights], np.float32)
        read = _read(texts, searcher, control or Control())
        return cls(
            taxonomy,
            read,
            np.cumsum(counts) - counts,
            np.log(np.maximum(weights, _LEAST_WEIGHT)),
            searcher.query_potentials(read.vectors),
            searcher.ranking,
            Filing.of_model(taxonomy, searcher.spec, searcher.model_folder),
        )

    def taught(self, index: VectorIndex, library: Library) -> LabelVectors:
        """Return these labels with the examples that a library has now, too."""
        return replace(self, filing=self.filing.with_own(self.taxonomy, index, library))

    def compare(
        self, heard: Floats | Halves, potentials: Floats
    ) -> Iterator[tuple[slice, Floats, Floats]]:
        """Yield for some windows at a time their places, label costs and strengths (n, labels).

        :param heard: (windows, rank) mapped vectors.
        :param potentials: (windows,) their potentials.
        :return: costs in the ranking's units; strengths as log-odds, not yet bounded, which hold
            each text by itself, without leans and examples.
        """
        epsilon = np.float32(self.softness * self.ranking.epsilon)
        blend = np.float32(self.ranking.strength_blend)
        for start in range(0, len(heard), _BLOCK):
            part = slice(start, min(len(heard), start + _BLOCK))
            own = np.asarray(heard[part], np.float32)
            cost = costs_between(own, self.texts.vectors, self.ranking.cost_scale)
            fits = np.maximum.reduceat(self.handicaps - cost, self.firsts, axis=1)
            fits += blend * potentials[part, None]
            fits /= np.float32(self.ranking.epsilon)
            cost -= self.texts.leans(own)
            cost /= -epsilon
            cost += self.log_weights
            most = cost.max(axis=1, keepdims=True)
            np.exp(np.subtract(cost, most, out=cost), out=cost)
            shares = np.add.reduceat(cost, self.firsts, axis=1)
            labels: Floats = -epsilon * (np.log(np.maximum(shares, 1e-30)) + most)
            if self.filing:
                labels -= self.filing.bonus(own)
            yield part, labels, fits


def _read(texts: list[str], searcher: Searcher, control: Control) -> LabelTexts:
    """Read the texts of labels; what many of them came to is kept on disk.

    It is kept by model and precision: a command gives the same whatever was open before it.
    """
    if len(texts) < _WORTH_KEEPING:
        return searcher.text_side.read_labels(texts)
    precision = searcher.text_side.precision
    of = "\n".join([searcher.spec.id, precision, str(READING), *texts])
    digest = hashlib.blake2b(of.encode(), digest_size=16).hexdigest()
    path, shape = labels_folder() / f"{digest}.vectors", (len(texts), 2 * searcher.spec.rank + 1)
    with suppress(OSError, ValueError):
        kept = np.frombuffer(unseal_bytes(path.read_bytes(), of), np.float32)
        path.touch()
        return LabelTexts.of_table(kept.reshape(shape))
    parts = []
    for start in range(0, len(texts), _AT_ONCE):
        control.report(Progress("reading labels", start, len(texts)))
        parts.append(searcher.text_side.read_labels(texts[start : start + _AT_ONCE]))
    read = LabelTexts.joined(parts)
    if searcher.text_side.precision != precision:  # it became another one meanwhile
        return read
    with suppress(OSError):  # it can be made again
        make_own_folder(path.parent)
        put_file(path, seal_bytes(read.table().tobytes(), of))
        _forget_old(path.parent)
    return read


def _forget_old(folder: Path) -> None:
    """Remove what was not used for longest, and leftovers of writers that were killed."""
    found = [file for file in folder.iterdir() if _KEPT.fullmatch(file.name)]
    found.sort(key=lambda file: (file.suffix == ".vectors", file.stat().st_mtime_ns))
    for file in found[: max(0, len(found) - _MOST_KEPT)]:
        file.unlink(missing_ok=True)
