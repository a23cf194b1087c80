"""Sounds that tests share, and libraries of sounds that are what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.index.mapping import adopt_model
from engine.progress import Control
from engine.search import Searcher
from engine.search.labels.taxonomy import SENTENCE
from engine.store import FileFacts, Library, StoredWindow

RATE = 48000
Heard = Sequence[str | Sequence[str]]


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    """Return three stereo seconds in which every sample says where it is."""
    path = tmp_path_factory.mktemp("ramp") / "ramp.wav"
    left = np.linspace(-0.9, 0.9, 3 * RATE)
    soundfile.write(path, np.stack([left, -left], 1), RATE, subtype="PCM_24")
    return path


@pytest.fixture
def hearing(library: Library, model_folder: Path) -> Callable[[dict[str, Heard]], Searcher]:
    """Return a function that fills the library: by path the word that each window is like.

    Their vectors are those of texts.
    """

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
