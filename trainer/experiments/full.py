"""The tables as the paper has them, for those who have AudioCaps, Clotho and the encoders."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from engine.errors import InputError
from engine.models.match_model import Captioner, Listener, load_model, load_tokenizer
from engine.progress import Control
from engine.tags.taxonomy import SENTENCE
from engine.transport import mahalanobis_cost
from trainer.data.left_out import LeftOut
from trainer.data.sets import read_set
from trainer.evaluation.metrics import modality_gap, recall_and_map, retrieval
from trainer.evaluation.protocols import hear
from trainer.evaluation.validation import Validation
from trainer.experiments.tables import Arm
from trainer.recipes.fit import fit_model

_ENCODERS = {"first": ("panns-resnet38", "resnet38"), "second": ("clap-htsat", "htsat")}


class FullData:
    """AudioCaps, Clotho and ESC-50 on disk; settings are those of the paper's section 5."""

    protocol = (
        "Full: end to end, log-mels at 32 kHz, d = 1024, Adam at 1e-4, batches of 256, 30 "
        "epochs, R@k in per cent under the protocol `plain`; in brackets the paper's figure."
    )

    def __init__(self, options: argparse.Namespace, folder: Path, control: Control) -> None:
        if not options.audiocaps:
            raise InputError(
                "--scale full needs --audiocaps FOLDER (and for some tables --clotho and "
                "--esc50): without them there is --scale small"
            )
        self.options, self.folder, self.control = options, folder, control
        self.steps: int | None = getattr(options, "steps", None)

    def signature(self, arm: Arm) -> str:
        """Return what else a run's figures depend on."""
        return f"full, {self.options.audiocaps}, {self.options.clotho}, {self.steps}"

    def figures(self, arm: Arm, test: str, seed: int) -> dict[str, float]:
        """Train one arm with one seed, end to end, and measure it on the test splits."""
        name = f"{arm.encoder}-{arm.loss}-{arm.metric}-{arm.epsilon}-{arm.mass}-{arm.noise}"
        run = self.folder / f"{name}-{arm.domain}-{seed}"
        fit_model(self._options(arm, run, seed))
        model, tokenizer = load_model(run / "model"), load_tokenizer(run / "model")
        with LeftOut(run / "skipped-test.txt") as skipped:
            sounds = read_set(self._set(test), "test", skipped)
        listener = Listener(model)
        exam = Validation(listener, tokenizer, sounds, 10.0, self.control)
        figures = _retrieval(*exam.embed(model), exam.relevant)
        if self.options.esc50:
            figures |= self._zero_shot(listener, Captioner(model, tokenizer))
        return figures

    def _set(self, domain: str) -> str:
        """Return the data set of a domain: AudioCaps, or Clotho."""
        if domain not in ("other", "second"):
            return f"audiocaps:{self.options.audiocaps}"
        if not self.options.clotho:
            raise InputError("this table needs --clotho FOLDER too")
        return f"clotho:{self.options.clotho}"

    def _options(self, arm: Arm, run: Path, seed: int) -> argparse.Namespace:
        encoder, given = _ENCODERS[arm.encoder]
        weights = getattr(self.options, given)
        if weights is None:
            raise InputError(f"this table needs --{given}, the {encoder} encoder's weights")
        return argparse.Namespace(
            folder=run,
            sets=[self._set(arm.domain)],
            split="train",
            validation=self._set(arm.domain),
            validation_split="val",
            encoder=encoder,
            weights=weights,
            base=None,
            text_encoder=self.options.bert,
            frozen=False,
            loss=arm.loss,
            mass=arm.mass,
            epsilon=arm.epsilon,
            squared=arm.squared,
            metric=arm.metric,
            rank=None,
            pull=0.0,
            dimensions=1024,
            epochs=30.0,
            steps=self.steps,
            batch=256,
            micro_batch=32,
            head_rate=1e-4,
            metric_rate=1e-4,
            text_rate=1e-4,
            audio_rate=1e-4,
            bf16=False,
            noise=arm.noise,
            mix=0.0,
            longest=10.0,
            patience=0,
            seed=seed,
            device=self.options.device,
            data=self.options.data,
            watch=self.options.watch,
            show=lambda event: None,
        )

    def _zero_shot(self, listener: Listener, captioner: Captioner) -> dict[str, float]:
        with LeftOut() as skipped:
            sounds = read_set(f"esc50:{self.options.esc50}", "1,2,3,4,5", skipped)
        heard = hear(listener, (sound.path for sound in sounds), self.control)
        labels = [sound.captions[0] for sound in sounds]
        names = sorted(set(labels))
        relevant = torch.tensor([[own == name for name in names] for own in labels])
        v = captioner([SENTENCE.format(label=name) for name in names])
        cost = -heard.best(-mahalanobis_cost(heard.vectors, v).T).T
        zero = recall_and_map(-cost, relevant, None)
        own = v[relevant.float().argmax(1)]
        return {
            **{f"R@{k}": zero[f"r{k}"] for k in (1, 5, 10)},
            "mAP": zero["map"],
            "gap zero-shot": modality_gap(heard.means(), own),
        }


def _retrieval(u: torch.Tensor, v: torch.Tensor, relevant: torch.Tensor) -> dict[str, float]:
    """Return retrieval both ways: each caption is a query, a sound's captions all count."""
    cost = mahalanobis_cost(u, v)
    asked = relevant.nonzero()
    forward, backward = retrieval(cost, relevant)
    return {
        **{f"t2a R@{k}": forward[f"r{k}"] for k in (1, 5, 10)},
        **{f"a2t R@{k}": backward[f"r{k}"] for k in (1, 5, 10)},
        "mean R@1": (forward["r1"] + backward["r1"]) / 2,
        "gap": modality_gap(u[asked[:, 0]], v[asked[:, 1]]),
    }
