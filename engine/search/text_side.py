"""The text side of a model: loaded when it is first asked for, once for all who share it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.arrays import Floats
from engine.search.wording import wordings
from engine.torch_setup import cores, using_threads

if TYPE_CHECKING:
    from engine.models.label_reader import LabelReader
    from engine.models.label_texts import LabelTexts
    from engine.models.match_model import TextEncoder

_FEW = 8  # texts


class TextSide:
    """A model's text encoder and what reads labels by it.

    Several threads may ask for them, and searchers that are copies of one another share them.
    """

    def __init__(self, model_folder: Path) -> None:
        self._folder = model_folder
        self._lock = threading.RLock()
        self._encoder: TextEncoder | None = None
        self._labels: LabelReader | None = None
        self._is_tried = False

    @property
    def is_loaded(self) -> bool:
        """Return whether the encoder is there already."""
        return self._encoder is not None

    @property
    def precision(self) -> str:
        """Return what texts are read in from now on, as torch names it."""
        encoder = self._encoder
        return "float32" if encoder is None else str(encoder.precision).removeprefix("torch.")

    @property
    def encoder(self) -> TextEncoder:
        """Return the text encoder.

        :raises ModelError: the folder is no model, or its files do not fit.
        """
        from engine.models.match_model import load_text_encoder

        with self._lock:
            if self._encoder is None:
                self._encoder = load_text_encoder(self._folder)
            return self._encoder

    def speed_up(self) -> None:
        """Read texts in the precision in which this processor is fastest, from now on."""
        from engine.models.precision import in_best_precision

        with self._lock, using_threads(1):
            if not self._is_tried:
                self._encoder, self._labels = in_best_precision(self.encoder), None
            self._is_tried = True

    def ask(self, descriptions: Sequence[str]) -> tuple[Floats, Floats]:
        """Return mapped vectors (n, rank) of descriptions, and the log-odds (n,) of being audible.

        Each vector is half what was typed and half a sentence (:mod:`engine.search.wording`).
        """
        with using_threads(_threads(2 * len(descriptions))):
            vectors, audible = self.encoder.asked([*map(wordings, descriptions)])
        return vectors.numpy(), audible.numpy()

    def read_labels(self, texts: Sequence[str]) -> LabelTexts:
        """Return texts as labels: rivals of each other, not captions that stand alone."""
        from engine.models.label_reader import LabelReader

        with self._lock:
            labels = self._labels = self._labels or LabelReader(self.encoder)
        with using_threads(_threads(len(texts))):
            return labels(list(texts))


def _threads(texts: int) -> int:
    return 1 if texts <= _FEW else cores()
