"""The bank that a library is transported to: its own words, or else the model's texts.

The library's words are what its sounds are called: names, descriptions in headers, accepted tags,
folders.  Each sound is then claimed by the texts that name it, and what is near everything is
taken out of every search (docs/retrieval.md).  Where names tell nothing of what is heard, or are
too few, the bank is the model's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.index.mapping import has_grown, is_large, mapped_sample, rate, solve
from engine.log import logger
from engine.metadata.captions import captions_of
from engine.models.spec import own_ranking, read_spec
from engine.progress import Control
from engine.store import Library
from engine.store.listing import named_sounds
from engine.store.tags import accepted_tags

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.bank import Bank
    from engine.models.match_model import TextEncoder

_log = logger(__name__)
FEWEST_TEXTS = 50
_MOST_TEXTS = 1000
_MOST_SOUNDS = 100_000  # whose names are read
_TELLING = 0.6  # how often a sound must be nearer to its own name than to another; chance is 0.5
_CHANGED = 0.1  # share of other texts that asks for a new solution


@dataclass(frozen=True)
class OwnWords:
    """Distinct captions of a library, and which of them each sound has, by its id."""

    texts: tuple[str, ...]
    of_sound: Mapping[int, tuple[int, ...]]


def refresh_bank(library: Library, model_folder: Path, control: Control) -> None:
    """Make the bank's potentials fit this library, if sounds or words changed enough.

    :raises Cancelled: the user asked to stop; the library keeps the bank that it had.
    """
    ranking = read_spec(model_folder).ranking
    words = own_words(library) if ranking.own_blend and ranking.familiar else OwnWords((), {})
    grown = has_grown(library)
    if not grown and not _are_other(words.texts, _stored_texts(library)):
        return
    has_own, enough = bool(library.setting("own_vectors")), len(words.texts) >= FEWEST_TEXTS
    small = not is_large(library)
    if small and not enough and not has_own:
        return  # the model's own potentials serve
    from engine.models.bank import Bank
    from engine.models.match_model import load_model, load_text_encoder

    settings = {
        "own_texts": "\n".join(words.texts).encode(),
        "own_vectors": b"",
        "solved_windows": str(library.statistics().windows).encode(),
    }
    if enough:
        text_encoder = load_text_encoder(model_folder)
        found = _own_bank(library, text_encoder, words, control)
        if found is not None:
            rate(library, found[0], settings | found[1], control)
            return
        model = text_encoder.model
    else:
        model = load_model(model_folder, ("audio",))
    bank = Bank.of(model)
    if not small:
        bank, solved = solve(library, model, bank, control)
        settings |= solved
    else:
        settings["bank_potentials"] = bank.potentials.numpy().astype(np.float32).tobytes()
    rate(library, bank, settings, control)


def own_words(library: Library) -> OwnWords:
    """Return what sounds are called: the commonest captions, and a spread of the rest."""
    sounds = named_sounds(library, _MOST_SOUNDS)
    tags = accepted_tags(library)
    called = {
        sound: captions_of(Path(path), description, tags.get(sound, ()))
        for sound, path, description in sounds
    }
    counts = Counter(text for texts in called.values() for text in texts)
    order = sorted(counts, key=lambda text: (-counts[text], text))
    common, rest = order[: _MOST_TEXTS // 2], sorted(order[_MOST_TEXTS // 2 :])
    step = max(1, -(-len(rest) // (_MOST_TEXTS - len(common) or 1)))
    texts = tuple(sorted([*common, *rest[::step]]))
    place = {text: number for number, text in enumerate(texts)}
    known = {
        sound: tuple(place[text] for text in own if text in place) for sound, own in called.items()
    }
    return OwnWords(texts, {sound: own for sound, own in known.items() if own})


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
    bank, settings = solve(library, model, bank, control)
    usual = model.spec.ranking.blend * Bank.of(model)(u).mean() / ranking.blend
    g = bank.potentials + bank(u).mean() - usual
    settings |= {
        "bank_potentials": g.numpy().astype(np.float32).tobytes(),
        "own_vectors": vectors.numpy().tobytes(),
    }
    return replace(bank, potentials=g), settings


def telling_of(cost: Tensor, own: Sequence[Sequence[int]]) -> float:
    """Return how often a window is nearer to its own caption than to another; 0.5 is chance.

    :param cost: (windows, texts).
    :param own: the texts of each window, perhaps none.
    :return: the mean over windows that have a text, 0 if none has.
    """
    shares = []
    for row, texts in zip(cost, own, strict=True):
        if texts:
            index = row[list(texts)].min()
            others = (row > index).sum() + 0.5 * ((row == index).sum() - 1)
            shares.append(float(others) / max(1, len(row) - 1))
    return float(np.mean(shares)) if shares else 0.0


def _stored_texts(library: Library) -> tuple[str, ...]:
    stored = library.setting("own_texts") or b""
    return tuple(stored.decode().split("\n")) if stored else ()


def _are_other(texts: Sequence[str], before: Sequence[str]) -> bool:
    """Return whether more than a tenth of the texts came or went."""
    changed = set(texts) ^ set(before)
    return len(changed) > _CHANGED * max(len(texts), len(before))
