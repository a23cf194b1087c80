"""The tables as the paper has them, for those who have AudioCaps, Clotho and the encoders."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from engine.errors import InputError
from engine.models.match_model import AudioEncoder, TextEncoder, load_model, load_tokenizer
from engine.models.towers import HTSAT, RESNET38
from engine.progress import Control
from engine.search.labels.taxonomy import SENTENCE
from engine.transport import mahalanobis_cost
from trainer.data.left_out import LeftOut
from trainer.data.sets import read_set
from trainer.evaluation.metrics import modality_gap
from trainer.evaluation.protocols import embed_sounds
from trainer.evaluation.validation import Validation
from trainer.experiments.kept import digest
from trainer.experiments.measure import (
    EmbeddedSet,
    Figures,
    of_labels,
    retrieval_figures,
    tagging_figures,
    unconverged_share,
)
from trainer.experiments.tables import Arm
from trainer.recipes.fit import fit_model

_ENCODERS = {"first": (RESNET38, "resnet38"), "second": (HTSAT, "htsat")}
_LONGEST_S = 30.0  # of a sound of Clotho; those of AudioCaps have 10


class FullData:
    """AudioCaps, Clotho and ESC-50 on disk, and training as the recipe `paper` has it."""

    protocol = (
        "Full: the recipe `paper`, end to end; in brackets stands the paper's figure, beside its "
        "own encoder and its own joint ranking. The second set of modality gaps is Clotho's test "
        "set; zero-shot is one fold of ESC-50 (the paper says that it took 400 clips, as many as "
        "a fold has, and not which)."
    )

    def __init__(self, options: argparse.Namespace, folder: Path, control: Control) -> None:
        if not options.audiocaps:
            raise InputError(
                "--scale full needs --audiocaps FOLDER (and for some tables --clotho and "
                "--esc50): without them, use --scale small"
            )
        self.options, self.folder, self.control = options, folder, control
        self.steps: int | None = getattr(options, "steps", None)
        self.fold = str(getattr(options, "esc50_fold", 5))

    def check(self, arms: Iterable[tuple[Arm, str]]) -> None:
        """Ask for everything that arms and their tests need, before days of training.

        :raises InputError: an option is missing, or a set is not where it was said.
        """
        needed: dict[tuple[str, str], None] = {}
        for arm, test in arms:
            self._options(arm, self.folder, 0)
            needed |= dict.fromkeys((self._set(arm.domain), split) for split in ("train", "val"))
            needed[self._set(test), "test"] = None
        if self.options.clotho:
            needed[self._set("second"), "test"] = None
        if self.options.esc50:
            needed[f"esc50:{self.options.esc50}", self.fold] = None
        for name, split in needed:
            read_set(name, split)

    def signature(self, arm: Arm) -> str:
        """Return what else a run's figures depend on."""
        sets = f"{self.options.audiocaps}, {self.options.clotho}, {self.options.esc50}"
        settings = sorted(arm.settings("paper").items())
        encoders = f"{getattr(self.options, _ENCODERS[arm.encoder][1])}, {self.options.bert}"
        return f"full, {sets}, {encoders}, fold {self.fold}, {self.steps}, {settings}"

    def can_train(self, arm: Arm) -> bool:
        """Return whether an arm is of this scale: here every sound has captions of its own."""
        return arm.captions == "both" and not arm.pool

    def figures(self, arm: Arm, test: str, seed: int) -> Figures:
        """Train one arm with one seed, end to end, and measure it on the test splits."""
        run = self._train(arm, seed)
        model, tokenizer = load_model(run / "model"), load_tokenizer(run / "model")
        audio_encoder, text_encoder = AudioEncoder(model), TextEncoder(model, tokenizer)
        exam, gap = self._exam(arm, audio_encoder, text_encoder, self._set(test))
        figures = {**retrieval_figures(exam, "test"), "gap": gap}
        if self.options.clotho:
            figures["gap second"] = self._exam(
                arm, audio_encoder, text_encoder, self._set("second")
            )[1]
        if self.options.esc50:
            exam, figures["gap zero-shot"] = self._zero_shot(arm, audio_encoder, text_encoder)
            figures |= tagging_figures(exam, "esc50")
        return {**figures, "unconverged": unconverged_share(run / "log.jsonl")}

    def exam(self, arm: Arm, seed: int) -> EmbeddedSet:
        """Train one arm with one seed and return what it makes of AudioCaps' test set."""
        run = self._train(arm, seed)
        model, tokenizer = load_model(run / "model"), load_tokenizer(run / "model")
        return self._exam(
            arm, AudioEncoder(model), TextEncoder(model, tokenizer), self._set("all")
        )[0]

    def _train(self, arm: Arm, seed: int) -> Path:
        """Return the folder of the arm's finished run; arms that settle the same share one."""
        alike = replace(arm, metric="", recipe="", changes=())  # what they settle is signed
        run = self.folder / f"run-{digest([asdict(alike), self.signature(arm)])}-{seed}"
        fit_model(self._options(arm, run, seed))
        return run

    def _set(self, domain: str) -> str:
        """Return the data set of a domain: AudioCaps, or Clotho."""
        if domain not in ("other", "second"):
            return f"audiocaps:{self.options.audiocaps}"
        if not self.options.clotho:
            raise InputError("this table needs --clotho FOLDER too")
        return f"clotho:{self.options.clotho}"

    def _options(self, arm: Arm, run: Path, seed: int) -> argparse.Namespace:
        trained_on = self._set(arm.domain)
        encoder, given = _ENCODERS[arm.encoder]
        weights = getattr(self.options, given)
        if weights is None:
            raise InputError(f"this table needs --{given}, the {encoder} encoder's weights")
        if self.options.bert is None:
            raise InputError("--scale full needs --bert, the folder of the paper's text encoder")
        return argparse.Namespace(
            **arm.settings("paper"),
            folder=run,
            sets=[trained_on],
            split="train",
            validation=trained_on,
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
            rank=None,
            pull=0.0,
            steps=self.steps,
            micro_batch=32,
            bf16=False,
            noise=arm.noise,
            mix=0.0,
            seed=seed,
            device=self.options.device,
            data=self.options.data,
            watch=self.options.watch,
            show=lambda event: None,
        )

    def _exam(
        self, arm: Arm, audio_encoder: AudioEncoder, text_encoder: TextEncoder, name: str
    ) -> tuple[EmbeddedSet, float]:
        """Return what a model makes of a test set with captions, and the modality gap."""
        with LeftOut() as skipped:
            sounds = read_set(name, "test", skipped)
        test = Validation(audio_encoder, text_encoder.tokenizer, sounds, _LONGEST_S, self.control)
        x, y = test.embeddings(audio_encoder.model)
        metric = audio_encoder.model.metric
        cost = mahalanobis_cost(metric(x), metric(y)) / audio_encoder.model.spec.ranking.cost_scale
        cost = arm.ground(cost)
        asked = test.relevant.nonzero()
        clips = range(len(cost))
        exam = EmbeddedSet(cost, test.relevant, arm.plan_epsilon, test.texts, clips, test.paths)
        return exam, modality_gap(x[asked[:, 0]], y[asked[:, 1]])

    def _zero_shot(
        self, arm: Arm, audio_encoder: AudioEncoder, text_encoder: TextEncoder
    ) -> tuple[EmbeddedSet, float]:
        """Return what a model makes of a fold of ESC-50, and the modality gap."""
        with LeftOut() as skipped:
            sounds = read_set(f"esc50:{self.options.esc50}", self.fold, skipped)
        heard = embed_sounds(audio_encoder, (sound.path for sound in sounds), self.control)
        labels = [sound.captions[0] for sound in sounds]
        names = sorted(set(labels))
        relevant = of_labels(labels, names)
        y = text_encoder.embed([SENTENCE.format(label=name) for name in names])
        cost = -heard.best(-mahalanobis_cost(heard.vectors, text_encoder.model.metric(y)).T).T
        cost = arm.ground(cost / audio_encoder.model.spec.ranking.cost_scale)
        groups, paths = range(len(sounds)), [sound.path for sound in sounds]
        exam = EmbeddedSet(cost, relevant, arm.plan_epsilon, names, groups, paths)
        return exam, modality_gap(heard.means(), y[relevant.float().argmax(1)])
