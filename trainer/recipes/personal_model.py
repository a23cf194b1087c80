"""A personal model as a folder: its ranking moved with it, and its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.errors import InputError
from engine.models.bank import Bank
from engine.models.drafts import draft_of
from engine.models.familiar import Familiar
from engine.models.folder import write_model
from engine.models.match_model import MatchModel, TextEncoder, load_model, load_tokenizer
from engine.models.spec import Ranking
from engine.transport import bank_potentials, library_potential, mahalanobis_cost
from trainer.data.library_pairs import CaptionedFeatures
from trainer.recipes.personal import Outcome

_QUERIES, _WINDOWS = 500, 4000  # for moving the match strength's zero


def write_personal(
    folder: Path, base_folder: Path, model: MatchModel, outcome: Outcome, pairs: CaptionedFeatures
) -> None:
    """Write a personal model as a folder of its own, whole or not at all.

    :raises InputError: there is such a folder already, or it cannot be written.
    """
    if folder.exists():
        raise InputError(f"{folder} already exists: choose another --name")
    base = load_model(base_folder)
    spec = replace(
        base.spec,
        name=folder.name,
        base=base.spec.id,
        ranking=_moved_ranking(base, model, base_folder, pairs),
        provenance=f"Trained on a library of {outcome.sounds} sounds, from {base.spec.name}.",
    )
    model.spec = spec
    with draft_of(folder) as draft:
        write_model(draft, model, base_folder / "tokenizer.json", pairs.features)
        card = _card(spec.name, base.spec.name, outcome)
        (draft / "README.md").write_text(card, encoding="utf-8")


@torch.inference_mode()
def _moved_ranking(
    base: MatchModel, model: MatchModel, base_folder: Path, pairs: CaptionedFeatures
) -> Ranking:
    """Return the base's ranking with the strength's zero where it was, among this library.

    The zero moves as the median evidence of reference texts for the library's best sounds
    moves, and for sounds that of their nearest neighbours.
    """
    tokenizer = load_tokenizer(base_folder)
    step = max(1, len(pairs.features) // _WINDOWS)
    windows = pairs.features[::step]
    texts = model.spec.bank[:: max(1, len(model.spec.bank) // _QUERIES)]
    medians = []
    for m in (base, model):
        ranking, u = m.spec.ranking, m.map_features(windows)
        text_encoder = TextEncoder(m, tokenizer)
        bank = m.bank_vectors if m is base else text_encoder(m.spec.bank)
        m.bank_vectors.copy_(bank)
        to_bank = mahalanobis_cost(u, bank) / ranking.cost_scale
        g = bank_potentials(to_bank, ranking.epsilon, tolerance=1e-3, max_iterations=100).g
        f = library_potential(to_bank, g, ranking.epsilon)
        familiar, queries = Familiar.of(m, Bank(bank, g, ranking)), text_encoder(texts)
        score = ranking.strength_blend * f - mahalanobis_cost(queries, u) / ranking.cost_scale
        by_text = score.amax(1) - familiar(queries)
        among = ranking.strength_blend * f - mahalanobis_cost(u[:_QUERIES], u) / ranking.cost_scale
        others = among.masked_fill(torch.eye(*among.shape, dtype=torch.bool), -torch.inf)
        by_sound = others.amax(1) - familiar(u[:_QUERIES])
        medians.append((float(by_text.median()), float(by_sound.median())))
    (text_0, sound_0), (text_1, sound_1) = medians
    old = base.spec.ranking
    return replace(
        old,
        query_potential=old.query_potential - (text_1 - text_0),
        audio_query_potential=old.audio_query_potential - (sound_1 - sound_0),
    )


def comparison(outcome: Outcome) -> Sequence[tuple[str, str, str]]:
    """Return rows of (figure, before, after)."""
    named = {
        "held-out names, found first (R@1)": "r1",
        "held-out names, among the first ten (R@10)": "r10",
        "held-out names, mAP@10": "map10",
        "reference sounds, matched as before": "agreement",
        "sounds of the general set, zero-shot (R@1)": "general",
    }
    rows = []
    for name, key in named.items():
        before, after = getattr(outcome.before, key), getattr(outcome.after, key)
        if before is not None:
            rows.append((name, f"{before:.3f}", f"{after:.3f}"))
    return rows


def _card(name: str, base: str, outcome: Outcome) -> str:
    table = "\n".join(f"| {a} | {b} | {c} |" for a, b, c in comparison(outcome))
    return (
        f"# Model card: {name}\n\nTrained by `soundsift train --from-library` on {outcome.sounds} "
        f"sounds of a library, from the model `{base}`. Its weights stand {outcome.way:.0%} of the "
        f"way to what was trained, a share that {outcome.chosen_on} held-out sounds chose. The "
        f"figures are of {outcome.held_out} more, which had no part in training or choosing.\n\n"
        f"| figure | {base} | {name} |\n|---|---|---|\n{table}\n"
    )
