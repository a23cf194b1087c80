"""The tables on the project's own data: minutes on a CPU instead of days on GPUs.

Encoders are frozen: EfficientAT's mn04 stands for the paper's ResNet38, our compact tower for
HTSAT, MiniLM for BERT; projections and metric are trained on labels and on AudioCaps captions
matched to clips (docs/training.md).  Wrong pairs are made of both.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.models.catalog import find_model
from engine.models.foreign import audio_spec, load_audio_tower, load_text_encoder
from engine.models.match_model import Captioner, Listener, MatchModel, load_listener
from engine.models.spec import ModelSpec, read_spec
from engine.progress import Cancelled, Control
from engine.tags.taxonomy import SENTENCE
from engine.transport import mahalanobis_cost
from trainer.data.manifest import TRAIN, LabelledClip, csv_rows, labelled_clips
from trainer.data.pairs import FeaturePairs, Pool, read_tag_names, read_tagged_captions
from trainer.evaluation.metrics import modality_gap, recall_and_map, retrieval
from trainer.evaluation.protocols import hear
from trainer.experiments.tables import Arm
from trainer.loop.run import Rates, Run, RunConfig
from trainer.objectives.losses import ObjectiveConfig
from trainer.recipes.encoders import text_encoder
from trainer.recipes.teacher import TEACHER

STEPS = 400
_FIRST_SOURCE = "OLPC Berklee (Tonejs/audio)"  # of table 9: the largest source, and the rest
_SPLITS = {"train": TRAIN, "valid": "valid", "esc50_dev": "esc50_dev"}


class SmallData:
    """Features of the data folder's sounds under both encoders, and how to train on them."""

    protocol = (
        f"Small: {STEPS} steps of 256 pairs from the train split, frozen encoders, mean ± "
        "deviation over seeds, per cent; retrieval is `plain` on valid, zero-shot per clip on "
        "esc50_dev; in brackets the paper's figure on its own data."
    )

    def __init__(self, options: argparse.Namespace, folder: Path, control: Control) -> None:
        self.data: Path = options.data
        self.control = control
        self.clips = {name: labelled_clips(self.data, split) for name, split in _SPLITS.items()}
        self.source_of = _sources(self.data)
        self.compact_id = read_spec(find_model("default")).audio_id
        places = {"first": "features-first.pt", "second": f"features-{self.compact_id}.pt"}
        self.features = {
            name: _features(folder / places[name], listener, self.clips, control)
            for name, listener in (("first", self._teacher()), ("second", None))
        }
        text_folder = text_encoder(None)
        self.text, self.tokenizer, self.text_weights = load_text_encoder(text_folder)
        self.tag_names = read_tag_names(self.data)
        self.captions = read_tagged_captions(self.data, "train")
        self.read_file = folder / "texts.pt"
        self.read: dict[str, Tensor] = {}
        if self.read_file.is_file():
            self.read = torch.load(self.read_file, weights_only=True)

    def signature(self, arm: Arm) -> str:
        """Return what else a run's figures depend on."""
        encoder = self.compact_id if arm.encoder == "second" else TEACHER
        return f"small, {STEPS} steps, {encoder}"

    def figures(self, arm: Arm, test: str, seed: int) -> dict[str, float]:
        """Train one arm with one seed and measure it."""
        torch.manual_seed(seed)
        spec = ModelSpec("arm", "efficientat-mn04", text_encoder=self.text)
        model = MatchModel(spec)
        model.text_tower.load_state_dict(self.text_weights)
        config = RunConfig(
            steps=STEPS,
            tower_steps=0,
            objective=ObjectiveConfig(arm.loss, arm.epsilon, arm.mass, squared=arm.squared),
            ground_metric=arm.metric,
            rates=Rates(text_tower=0.0),
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            pairs, known = self._pairs(arm, seed), len(self.read)
            run = Run(Path(folder), model, self.tokenizer, pairs, config, texts_read=self.read)
            if len(self.read) > known:
                torch.save(self.read, self.read_file)
            run.run(lambda step, loss: self._check())
            finished = run.finished_model()
        return self._measure(finished, arm.encoder, test)

    def _check(self) -> None:
        if self.control.cancel():
            raise Cancelled

    def _pairs(self, arm: Arm, seed: int) -> FeaturePairs:
        teacher, own = self.features["first"]["train"], self.features[arm.encoder]["train"]
        rows = self._of(arm.domain, self.clips["train"])
        labels = tuple(self.clips["train"][row].label for row in rows)
        meaning = {clip.label: clip.merged for clip in self.clips["train"]}
        tags = torch.sigmoid(self.tagger.logits(teacher[rows]))
        return FeaturePairs(
            Pool(own[rows], tags, labels, meaning),
            self.captions,
            self.tag_names,
            wrong=arm.noise,
            wrong_seed=seed,
        )

    def _of(self, domain: str, clips: list[LabelledClip]) -> list[int]:
        """Return which clips belong to a part of the data."""
        if domain in ("all", "valid"):
            return list(range(len(clips)))
        first = [self.source_of[clip.path] == _FIRST_SOURCE for clip in clips]
        return [row for row, is_first in enumerate(first) if is_first == (domain == "one")]

    @torch.inference_mode()
    def _measure(self, model: MatchModel, encoder: str, test: str) -> dict[str, float]:
        captioner = Captioner(model, self.tokenizer)
        rows = self._of(test, self.clips["valid"])
        labels = [self.clips["valid"][row].merged for row in rows]
        u = model.map_features(self.features[encoder]["valid"][rows])
        to_text, relevant, gap = _compared(captioner, u, labels, "{label}")
        forward, backward = retrieval(to_text, relevant)
        labels = [clip.merged for clip in self.clips["esc50_dev"]]
        u = model.map_features(self.features[encoder]["esc50_dev"])
        cost, relevant, zero_gap = _compared(captioner, u, labels, SENTENCE)
        zero = recall_and_map(-cost, relevant, None)
        figures = {f"t2a R@{k}": forward[f"r{k}"] for k in (1, 5, 10)}
        figures |= {f"a2t R@{k}": backward[f"r{k}"] for k in (1, 5, 10)}
        figures |= {f"R@{k}": zero[f"r{k}"] for k in (1, 5, 10)}
        mean = (forward["r1"] + backward["r1"]) / 2
        return {
            **figures,
            "mAP": zero["map"],
            "gap": gap,
            "gap zero-shot": zero_gap,
            "mean R@1": mean,
        }

    def _teacher(self) -> Listener:
        model = MatchModel(audio_spec("efficientat-mn04", None), ("audio",)).eval()
        load_audio_tower(model, self.data / TEACHER)
        self.tagger: Any = model.audio_tower
        return Listener(model.requires_grad_(False))


def _compared(
    captioner: Captioner, u: Tensor, labels: list[str], form: str
) -> tuple[Tensor, Tensor, float]:
    """Return costs (clips, labels), which belong together, and the modality gap."""
    names = sorted(set(labels))
    relevant = torch.tensor([[own == name for name in names] for own in labels])
    v = captioner([form.format(label=name) for name in names])
    return mahalanobis_cost(u, v), relevant, modality_gap(u, v[relevant.float().argmax(1)])


def _features(
    path: Path,
    listener: Listener | None,
    clips: dict[str, list[LabelledClip]],
    control: Control,
) -> dict[str, Tensor]:
    """Return features of every split's clips, kept in a file; no listener is `default`'s."""
    if path.is_file():
        kept: dict[str, Tensor] = torch.load(path, weights_only=True)
        return kept
    listener = listener or load_listener(find_model("default"))
    found = {}
    for split, rows in clips.items():
        heard = hear(listener, (clip.path for clip in rows), control, mapped=False)
        found[split] = heard.means()
    torch.save(found, path)
    return found


def _sources(data: Path) -> dict[Path, str]:
    manifest = data / "sounds" / "manifest.csv"
    return {manifest.parent / row["path"]: row["source"] for row in csv_rows(manifest)}
