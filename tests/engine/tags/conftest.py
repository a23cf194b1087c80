"""Libraries whose sounds are what a test says: their vectors are those of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.index.mapping import adopt_model
from engine.progress import Control
from engine.search import Searcher
from engine.store import FileFacts, Library, StoredWindow
from engine.tags.taxonomy import SENTENCE

Heard = Sequence[str | Sequence[str]]


@pytest.fixture
def hearing(library: Library, model_folder: Path) -> Callable[[dict[str, Heard]], Searcher]:
    """Return a function that fills the library: by path the word that each window sounds like."""

    def fill(sounds: dict[str, Heard]) -> Searcher:
        from engine.models.match_model import load_text_encoder

        adopt_model(library, model_folder, Control())
        text_encoder = load_text_encoder(model_folder)
        heard = []
        for path, words in sounds.items():
            vectors = text_encoder([SENTENCE.format(label=word) for word in words]).numpy()
            windows = [
                StoredWindow(5.0 * n, 5.0 * n + 10, b"", vector.astype(np.float16).tobytes(), 0.0)
                for n, vector in enumerate(vectors)
            ]
            length = windows[-1].end_s
            facts = FileFacts(path, 1, 1, path, length, 32000, 1, 16, "wav")
            heard.append((facts, windows))
        library.put_sounds(heard)
        return Searcher(library, model_folder)

    return fill
