"""What is a model's memory of training captions worth, and how much of that is what it has heard?

Run with ``python -m benchmarks.caption_memory [--model default|default-mn04|FOLDER]``; it needs the
project's data folder.  First R@1 and R@5 on esc50_dev among the 50 names of ESC-50 and on
kitchen20_dev, R@1 and mAP@10 of valid's labels, with and without the memory: none of these sounds
is in it.  Then the queries of ``benchmarks.intentions``, by sound alone, by distance, in a library
that does hold the sounds that are remembered: with no memory, with one of the other half of the
recordings (every sound is ranked by a memory that lacks its recording; half of what a memory would
know is then missing, too), and with all of it.
"""

from __future__ import annotations

import argparse
import copy
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.intentions.relevance import BEST, Figures, figures_of, read_intentions
from benchmarks.intentions.sounds import SPLITS, read_sounds
from benchmarks.report import report, result_name
from benchmarks.second_view import SETS, figures, heard_by
from engine.models.catalog import find_model
from engine.models.match_model import (
    AudioEncoder,
    MatchModel,
    TextEncoder,
    load_audio_encoder,
    load_model,
    load_tokenizer,
)
from engine.progress import Control
from engine.search.wording import wordings
from engine.torch_setup import set_threads
from engine.transport import mahalanobis_cost
from trainer.data.manifest import TRAIN, LabelledClip, datasets_folder, labelled_clips
from trainer.data.texts import read_wordings
from trainer.recipes.memory import with_memory


def without_memory(model: MatchModel) -> MatchModel:
    """Return a copy of a model that remembers nothing."""
    made = copy.deepcopy(model)
    made.forget()
    return made


def halves(clips: list[LabelledClip]) -> list[bool]:
    """Return which half each clip belongs to; those of one recording belong together."""
    groups = sorted({clip.group for clip in clips})
    first = set(random.Random(0).sample(groups, len(groups) // 2))
    return [clip.group in first for clip in clips]


class Queries:
    """The queries of ``benchmarks.intentions`` over their library, by sound alone."""

    def __init__(self, model: MatchModel, encoder: TextEncoder, listener: AudioEncoder) -> None:
        data = datasets_folder()
        self.clips = [clip for split in SPLITS for clip in labelled_clips(data, split)]
        self.remembered = {clip.path for clip in labelled_clips(data, TRAIN)}
        self.features = heard_by(listener, self.clips)
        self.model, self.encoder = model, encoder
        sounds = {sound.source: sound for sound in read_sounds(data)}
        self.sounds = [sounds[clip.path] for clip in self.clips]
        self.asked = read_intentions()

    def costs(self, model: MatchModel) -> Tensor:
        """Return costs (queries, clips)."""
        encoder = TextEncoder(model, self.encoder.tokenizer)
        texts = encoder.between([wordings(intention.query) for intention in self.asked])
        return mahalanobis_cost(texts, model.map_features(self.features))

    def remembering(self, rows: list[bool]) -> MatchModel:
        """Return the model with a memory of those clips of the training splits."""
        labels = [
            clip.label if known and clip.path in self.remembered else ""
            for clip, known in zip(self.clips, rows, strict=True)
        ]
        known = (labels, self.features, read_wordings(), Control())
        return with_memory(self.model, self.encoder, *known)

    def row(self, cost: Tensor) -> dict[str, float]:
        """Return the figures of costs (queries, clips)."""
        found: dict[str, list[Figures]] = {"choose": [], "report": []}
        for intention, costs in zip(self.asked, cost, strict=True):
            best = costs.topk(BEST, largest=False).indices.tolist()
            ranked = [self.sounds[place].path for place in best]
            grades = intention.grades(self.sounds)
            found[intention.part].append(figures_of(ranked, grades))
        return {
            f"{name}, {part}": float(np.mean([getattr(one, field) for one in every]))
            for part, every in found.items()
            for name, field in (("P@10", "precision"), ("first right", "first"))
        }

    def rows(self) -> list[dict[str, object]]:
        """Return the figures of no memory, of the other half, and of all."""
        half = halves(self.clips)
        parts = [self.costs(self.remembering([h != own for h in half])) for own in (True, False)]
        other = torch.where(torch.tensor(half), *parts)
        all_of_it = self.costs(self.remembering([True] * len(half)))
        ways = {"none": self.costs(self.model), "the other half": other, "all": all_of_it}
        return [{"memory": name, **self.row(cost)} for name, cost in ways.items()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="default")
    folder: Path = find_model(parser.parse_args().model)
    set_threads()
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    listener = load_audio_encoder(folder)
    bare = without_memory(model)
    heard = {name: heard_by(listener, labelled_clips(datasets_folder(), name)) for name in SETS}
    rows = [
        {"memory": name, **figures(one, TextEncoder(one, tokenizer), heard)}
        for name, one in (("none", bare), ("all", model))
    ]
    name = f"model {folder.name}"
    kept = result_name("caption_memory", folder.name)
    report(kept, f"sets that no memory holds, {name}", rows)
    queries = Queries(bare, TextEncoder(bare, tokenizer), listener)
    title = f"queries over sounds that are remembered, by sound alone, {name}"
    report(result_name("caption_memory_queries", folder.name), title, queries.rows())


if __name__ == "__main__":
    main()
