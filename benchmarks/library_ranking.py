"""Does ranking with the library's own words gain, or does the protocol give the answer away?

Run with ``python -m benchmarks.library_ranking [--model NAME] [--split valid]``.  The protocol
`library` leaves a tenth of the texts out of the bank, so that the sounds of that tenth, among
which is the one looked for, are claimed by no text.  Beside it stand a bonus for those sounds
without any transport, and rankings among those sounds alone, where nothing is given away.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from engine.transport import mahalanobis_cost
from trainer.data.manifest import datasets_folder, labelled_clips
from trainer.evaluation.metrics import recall_and_map
from trainer.evaluation.protocols import embed_sounds
from trainer.evaluation.rankings import fold_of, library_scores
from trainer.experiments.measure import of_labels

_BONUSES = (0.02, 0.05, 0.1)


def costs(model: str, split: str) -> tuple[Tensor, Tensor, float]:
    """Return costs (texts, clips), which belong together, and the model's ε."""
    folder = find_model(model)
    audio_encoder, text_encoder = load_audio_encoder(folder), load_text_encoder(folder)
    clips = labelled_clips(datasets_folder(), split)
    heard = embed_sounds(audio_encoder, [clip.path for clip in clips], Control())
    names = sorted({clip.merged for clip in clips})
    ranking = audio_encoder.model.spec.ranking
    cost = (
        mahalanobis_cost(text_encoder(names), audio_encoder.model.metric(heard.means()))
        / ranking.cost_scale
    )
    return cost, of_labels([clip.merged for clip in clips], names).T, ranking.epsilon


def rows_of(cost: Tensor, relevant: Tensor, epsilon: float) -> list[dict[str, object]]:
    """Return R@1, R@10 and mAP@10 of each way to rank."""
    own, asked = torch.arange(len(cost)), relevant.nonzero()[:, 0]
    part = fold_of(own)
    inside = part[:, None] == part[relevant.float().argmax(0)]  # the clip's text is left out, too
    ways: dict[str, Tensor] = {"plain": -cost}
    for blend in (0.0, 0.5, 1.0):
        found = library_scores(cost, own, epsilon, blend)
        if blend:
            ways[f"library, lambda {blend:g}"] = found
        ways[f"among the unclaimed, lambda {blend:g}"] = found.masked_fill(~inside, -1e9)
    for bonus in _BONUSES:
        ways[f"distance, {bonus:g} off for the unclaimed"] = bonus * inside - cost
    rows: list[dict[str, object]] = []
    for name, found in ways.items():
        figures = recall_and_map(found[asked], relevant[asked])
        rows.append({"ranking": name, **{key: figures[key] for key in ("r1", "r10", "map")}})
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    parser.add_argument("--split", default="valid")
    options = parser.parse_args()
    title = f"ranking with the library's words, {options.split}, model {options.model}"
    report("library_ranking", title, rows_of(*costs(options.model, options.split)))


if __name__ == "__main__":
    main()
