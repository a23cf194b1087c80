"""The bank that a library is transported to: its own words, or else the model's texts.

Each sound is claimed by the texts that name it, and what is near everything is taken out of every
search (docs/retrieval.md).  Where names tell nothing of what is heard, or are too few, the bank is
the model's; its potentials are solved for the library once that is large enough.

Settings of a library: ``bank_potentials`` (float32), ``solved_windows`` (how many windows they
were solved or tried for; 0: they are the model's), ``own_texts`` (one a line, what the library's
own words were then), ``own_vectors`` (float16, those words as mapped vectors; empty where the bank
is the model's) and ``own_names`` (digest of what the words were read from).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.index.own_words import OwnWords, are_other, own_words, telling_of
from engine.log import logger
from engine.models.spec import own_ranking, read_spec
from engine.progress import Control, Progress
from engine.store import Library
from engine.store.listing import names_digest
from engine.store.windows import sample_windows

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.bank import Bank
    from engine.models.match_model import MatchModel, TextEncoder

_log = logger(__name__)
FEWEST_TEXTS = 50
FEWEST_TO_SOLVE = 1000  # windows; a smaller library keeps the model's own potentials
_SAMPLE = 5000
_GROWTH = 0.1  # share of new or lost windows that asks for a new solution
_TELLING = 0.6  # how often a sound must be nearer to its own name than to another; chance is 0.5


def fitting_bank(
    library: Library, model_folder: Path, control: Control, model: MatchModel | None = None
) -> tuple[Bank, dict[str, bytes]]:
    """Return the bank that fits a library under a model, and the settings that keep it.

    :param model: the model, if a side of it is loaded already.
    :raises Cancelled: the user asked to stop.
    """
    from engine.models.bank import Bank
    from engine.models.match_model import load_model, load_text_encoder

    words, digest = _words_for(library, model_folder)
    windows = library.statistics().windows
    settings = {
        "own_texts": "\n".join(words.texts).encode(),
        "own_names": digest,
        "own_vectors": b"",
        "solved_windows": str(windows if _suffice(words) else 0).encode(),
    }
    if _suffice(words) and windows:
        text_encoder = load_text_encoder(model_folder)
        found = _own_bank(library, text_encoder, words, control)
        if found is not None:
            return found[0], settings | found[1]
        model = text_encoder.model
    model = model or load_model(model_folder, ())
    bank = Bank.of(model)
    if windows >= FEWEST_TO_SOLVE:
        bank, solved = _solve(library, model, bank, control)
        return bank, settings | solved
    return bank, settings | {"bank_potentials": _bytes_of(bank.potentials)}


def asks_for_new_bank(library: Library, model_folder: Path) -> bool:
    """Return whether sounds or words changed so much that another bank would fit better.

    What a library of unchanged names costs is one digest of them.
    """
    grown = _has_grown(library)
    if not grown and _digest(library, model_folder) == (library.setting("own_names") or b""):
        return False
    words, digest = _words_for(library, model_folder)
    large = library.statistics().windows >= FEWEST_TO_SOLVE
    if large or _suffice(words) or library.setting("own_vectors"):
        stored = (library.setting("own_texts") or b"").decode()
        if grown or are_other(words.texts, stored.split("\n") if stored else ()):
            return True
    library.set_settings({"own_names": digest})  # these need not be read again
    return False


def _digest(library: Library, model_folder: Path) -> bytes:
    """Return the digest of what own words would be read from; empty if the model wants none."""
    ranking = read_spec(model_folder).ranking
    return names_digest(library) if ranking.own_blend and ranking.familiar else b""


def _words_for(library: Library, model_folder: Path) -> tuple[OwnWords, bytes]:
    digest = _digest(library, model_folder)  # before the words: what changes meanwhile is seen
    return own_words(library) if digest else OwnWords((), {}), digest


def _suffice(words: OwnWords) -> bool:
    return len(words.texts) >= FEWEST_TEXTS


def _own_bank(
    library: Library, text_encoder: TextEncoder, words: OwnWords, control: Control
) -> tuple[Bank, dict[str, bytes]] | None:
    """Return a library's own words as a bank, and the settings to keep; None if they tell nothing.

    λ f of windows has the mean that it has under the model's bank, so that λ f − C stays where it
    was and strength means what it was calibrated to mean.
    """
    from engine.models.bank import Bank

    model = text_encoder.model
    sounds, u = mapped_sample(library, model)
    vectors = text_encoder(words.texts).half()
    ranking = own_ranking(model.spec)
    bank = Bank(vectors.float(), vectors.new_zeros(len(vectors)).float(), ranking)
    telling = telling_of(bank.cost(u), [words.of_sound.get(sound, ()) for sound in sounds])
    _log.info("names tell %.2f of what is heard (chance is 0.5)", telling)
    if telling < _TELLING:
        return None
    bank, settings = _solve(library, model, bank, control)
    usual = model.spec.ranking.blend * Bank.of(model)(u).mean() / ranking.blend
    g = bank.potentials + bank(u).mean() - usual
    settings |= {"bank_potentials": _bytes_of(g), "own_vectors": vectors.numpy().tobytes()}
    return replace(bank, potentials=g), settings


def _solve(
    library: Library, model: MatchModel, bank: Bank, control: Control
) -> tuple[Bank, dict[str, bytes]]:
    """Return a bank with potentials solved for this library's windows, and the settings to keep."""
    import torch

    from engine.transport import bank_potentials

    control.report(Progress("solving potentials", 0))
    u = mapped_sample(library, model)[1]
    epsilon = bank.ranking.epsilon
    with torch.inference_mode():
        found = bank_potentials(bank.cost(u), epsilon, tolerance=1e-3, max_iterations=100)
    windows = str(library.statistics().windows).encode()
    settings = {"bank_potentials": _bytes_of(found.g), "solved_windows": windows}
    return replace(bank, potentials=found.g), settings


def mapped_sample(library: Library, model: MatchModel) -> tuple[list[int], Tensor]:
    """Return sound ids (n,) and mapped vectors (n, rank), as stored, of a sample of windows."""
    import torch

    rows = sample_windows(library, _SAMPLE)
    stored = np.frombuffer(b"".join(features for _, features in rows), np.float16)
    features = stored.reshape(-1, model.spec.features).astype(np.float32)
    with torch.inference_mode():
        u = model.map_features(torch.from_numpy(features)).half().float()
    return [sound for sound, _ in rows], u


def _has_grown(library: Library) -> bool:
    """Return whether the library grew or shrank enough to solve potentials anew."""
    solved = int(library.setting("solved_windows") or b"0")
    return abs(library.statistics().windows - solved) > _GROWTH * solved


def _bytes_of(potentials: Tensor) -> bytes:
    return potentials.numpy().astype(np.float32).tobytes()
