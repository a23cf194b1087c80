r"""What does training on a library gain, what does it forget, and does the guard see that?

``python -m benchmarks.personal forgetting --model FOLDER``: libraries narrow and wide, trained
gently and hard, with rehearsal and without, all the way and part of it: what the guard says beside
what was truly forgotten (zero-shot R@1 on esc50_dev among all 50 names and on kitchen20_dev, R@1 on
valid).

``python -m benchmarks.personal gains --model FOLDER --names NAMES``: the split train2 as a library
under its labels, or some of them wrong, or its files' own names; each loss, three seeds.  Reported
are sounds that neither training nor choosing saw, by true names.

The models that ship have heard train2; the one that is asked about must not have:

    soundsift train spectra runs/alone --split train
    soundsift train match runs/match-alone --spectra runs/alone --splits train --steps 1200 \
       --tower-steps 0
    soundsift train export runs/train-alone --match runs/match-alone --spectra runs/alone

``--heard FILE`` keeps what was heard for the next time.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import report
from engine.metadata.captions import caption_of
from engine.models.catalog import find_model
from engine.models.match_model import (
    MatchModel,
    TextEncoder,
    load_audio_encoder,
    load_model,
    load_tokenizer,
)
from engine.progress import Control
from engine.search.labels.taxonomy import SENTENCE
from engine.torch_setup import set_threads
from engine.transport import mahalanobis_cost
from trainer.data.library_pairs import CaptionedFeatures
from trainer.data.manifest import csv_rows, datasets_folder
from trainer.data.pairs import shuffled
from trainer.data.recordings import recordings_of
from trainer.evaluation.protocols import embed_sounds
from trainer.experiments.names import OTHERS_OF_ESC50
from trainer.loop.config import Rates
from trainer.loop.run import Run
from trainer.recipes.exam import exam_of
from trainer.recipes.personal import PersonalConfig, on_the_way, parts_of, train_personal
from trainer.recipes.rehearsal import Guard, Rehearsal

_SPLITS = ("train2", "valid", "esc50_dev", "kitchen20_dev")
_TRIALS = ((0.0, 1e-3), (0.0, 3e-4), (0.3, 1e-3), (1.0, 1e-3), (1.0, 3e-4))  # rehearsal, rate
_WAYS = (1.0, 0.5, 0.25)
_STEPS = 250  # at rates that forget, fewer than the recipe's are enough
_LIBRARIES = {"footsteps": "Presence Footsteps", "game": "Burgerstation"}  # and their sources
_WRONG = {"right labels": 0.0, "40 % of labels wrong": 0.4}
_NAMES = "file names"


@dataclass(frozen=True)
class Clips:
    """Clips of the data folder: rows of its manifest, and mean features (clips, width)."""

    rows: tuple[dict[str, str], ...]
    features: Tensor

    def where(self, chosen: Callable[[dict[str, str]], bool]) -> Clips:
        """Return the clips that are chosen."""
        kept = [number for number, row in enumerate(self.rows) if chosen(row)]
        return Clips(tuple(self.rows[number] for number in kept), self.features[kept])

    def split(self, name: str) -> Clips:
        """Return the clips of a split."""
        return self.where(lambda row: row["split"] == name)

    def column(self, name: str) -> list[str]:
        """Return every clip's entry in a column."""
        return [row[name] for row in self.rows]

    def library(self, names: Sequence[str]) -> CaptionedFeatures:
        """Return the clips as a library's sounds under ``names``."""
        paths = [Path(path) for path in self.column("path")]
        return CaptionedFeatures(
            self.features,
            torch.arange(len(self.rows)),
            tuple((name,) for name in names),
            tuple(recordings_of(paths, self.features, Control()).tolist()),
        )


class World:
    """What the base model knows outside of any library: R@1 of three sets."""

    def __init__(self, clips: Clips, text_encoder: TextEncoder) -> None:
        self.sets = []
        valid, esc50, kitchen = (clips.split(name) for name in _SPLITS[1:])
        sets = ((esc50, "label_merged", OTHERS_OF_ESC50), (kitchen, "label", ()))
        for clip, column, others in sets:
            own = clip.column(column)
            names = sorted({*own, *others})
            texts = text_encoder.features([SENTENCE.format(label=name) for name in names])
            self.sets.append((clip.features, texts, _same(own, names)))
        own, names = valid.column("label"), sorted(set(valid.column("label")))
        self.valid = (valid.features, text_encoder.features(names), _same(own, names))

    @torch.no_grad()
    def figures(self, model: MatchModel) -> dict[str, float]:
        """Return R@1 of tagging two sets, and of searching the third."""
        found = []
        for features, texts, right in self.sets:
            cost = mahalanobis_cost(model.map_features(features), model.map_text_features(texts))
            found.append(right.gather(1, cost.argmin(1)[:, None]).double().mean())
        features, texts, right = self.valid
        cost = mahalanobis_cost(model.map_text_features(texts), model.map_features(features))
        found.append(right.T.gather(1, cost.argmin(1)[:, None]).double().mean())
        return dict(zip(("esc50_dev", "kitchen20_dev", "valid"), map(float, found), strict=True))


def forgetting(clips: Clips, folder: Path) -> None:
    """Print what the guard says beside what was forgotten."""
    base, tokenizer = load_model(folder), load_tokenizer(folder)
    guard, world = Guard.of(base, tokenizer), World(clips, TextEncoder(base, tokenizer))
    rows = [{"library": "", "rehearsal": "", "rate": "", "way": 0.0, "agreement": 1.0}]
    rows[0] |= world.figures(base)
    for name, source in _LIBRARIES.items():
        own = clips.split("train2").where(lambda row, source=source: row["source"] == source)
        pairs = own.library(own.column("label"))
        for weight, rate in _TRIALS:
            config = PersonalConfig(steps=_STEPS, rehearsal=weight, heads_rate=rate)
            trained = _trained(base, tokenizer, pairs, config)
            for way in _WAYS:
                model = on_the_way(base, trained, way)
                row = {"library": f"{name} ({len(own.rows)})", "rehearsal": weight, "rate": rate}
                row |= {"way": way, "agreement": guard.agreement(TextEncoder(model, tokenizer))}
                rows.append(row | world.figures(model))
                print(rows[-1], flush=True)
    report("personal_forgetting", _agreement_with_truth(rows), rows)


def _agreement_with_truth(rows: list[dict[str, Any]]) -> str:
    lost = [np.mean([rows[0][s] - row[s] for s in _SPLITS[1:]]) for row in rows]
    told = [1 - row["agreement"] for row in rows]
    correlation = np.corrcoef(lost, told)[0, 1]
    return f"the guard's loss and the mean of the true ones correlate by {correlation:.3f}"


def _trained(
    base: MatchModel, tokenizer: Any, pairs: CaptionedFeatures, config: PersonalConfig
) -> dict[str, Tensor]:
    rehearsal = Rehearsal(base, tokenizer, config.rehearsal) if config.rehearsal else None
    settings = config.run_config(len(pairs.captions))
    settings = replace(settings, rates=Rates(config.heads_rate, config.heads_rate / 10, 0.0))
    with tempfile.TemporaryDirectory() as folder:
        model = copy.deepcopy(base).requires_grad_(True)
        run = Run(Path(folder), model, tokenizer, pairs, settings, rehearse=rehearsal)
        run.run()
        return run.averaged_weights()


def gains(clips: Clips, folder: Path, names: str, seeds: int) -> None:
    """Print what training on a library gains whose sounds have such names."""
    base, tokenizer = load_model(folder), load_tokenizer(folder)
    world = World(clips, TextEncoder(base, tokenizer))
    own = clips.split("train2")
    right = own.column("label")
    if names == _NAMES:
        right = [caption_of(Path(path)) or "" for path in own.column("path")]
    true = own.library(right)
    given = shuffled(right, _WRONG.get(names, 0.0), 0)
    pairs = replace(true, captions=tuple((text,) for text in given))
    rows: list[dict[str, Any]] = [{"loss": "none: the base model", "seed": ""}]
    rows[0] |= dict.fromkeys(("R@1 before", "after", "mAP@10 before", "mAP@10 after", "way"), "")
    rows[0] |= {"agreement": 1.0, **world.figures(base)}
    for seed in range(1, seeds + 1):
        for loss in ("partial", "incomplete"):
            config = PersonalConfig(objective=loss, seed=seed)
            row = {"loss": loss, "seed": seed}
            rows.append(row | _gain(folder, true, pairs, config, tokenizer, world))
            print(rows[-1], flush=True)
    question = f"train2 as a library under {names}, from {base.spec.name}"
    report(f"personal_gains_{'_'.join(names.replace('%', '').split())}", question, rows)


def _gain(
    folder: Path,
    true: CaptionedFeatures,
    pairs: CaptionedFeatures,
    config: PersonalConfig,
    tokenizer: Any,
    world: World,
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as run:
        model, outcome = train_personal(folder, pairs, Path(run), config, Control(), tell=_show)
    exam = exam_of(parts_of(true, config.seed)[2])
    before, _ = exam.grade(TextEncoder(load_model(folder), tokenizer))
    after, _ = exam.grade(TextEncoder(model, tokenizer))
    found: dict[str, Any] = {"R@1 before": before.r1, "after": after.r1}
    found |= {"mAP@10 before": before.map10, "mAP@10 after": after.map10, "way": outcome.way}
    return found | {"agreement": outcome.after.agreement} | world.figures(model)


def _show(event: dict[str, Any]) -> None:
    if event["event"] == "way":
        print(event, flush=True)


def _same(own: Sequence[str], names: Sequence[str]) -> Tensor:
    return torch.tensor([[one == name for name in names] for one in own])


def _heard(folder: Path, kept: Path | None) -> Clips:
    data = datasets_folder() / "sounds"
    rows = [row for row in csv_rows(data / "manifest.csv") if row["split"] in _SPLITS]
    if kept is not None and kept.is_file():
        return Clips(tuple(rows), torch.load(kept, weights_only=True))
    paths = [data / row["path"] for row in rows]
    features = embed_sounds(load_audio_encoder(folder), paths, Control(), mapped=False).means()
    if kept is not None:
        torch.save(features, kept)
    return Clips(tuple(rows), features)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("question", choices=("forgetting", "gains"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--heard", type=Path)
    parser.add_argument("--names", choices=(*_WRONG, _NAMES), default=_NAMES)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    set_threads()
    folder = find_model(options.model)
    clips = _heard(folder, options.heard)
    if options.question == "forgetting":
        forgetting(clips, folder)
    else:
        gains(clips, folder, options.names, options.seeds)


if __name__ == "__main__":
    main()
