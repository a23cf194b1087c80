"""Distillation of the compact audio tower from a teacher (Hinton et al., 2015).

The student starts at random.  Every step makes new scenes by mixing, asks the teacher what
it hears in them, and teaches the student four things at once: the teacher's pooled features,
its tag logits (the student's features read by the teacher's frozen classifier), its last map
before pooling, and, fading out, its maps at strides 4 to 32 (FitNets, Romero et al., 2015).
Maps say *where and when* something was heard: hundreds of targets a clip instead of one,
which is what makes hours of CPU enough.  Where a trained match model is given, the embedding
it makes of the teacher's features is a further target: what retrieval will look at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import durable
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.match_model import MatchModel
from engine.models.spec import FrontEnd
from trainer.data.augment import Mixing, scenes
from trainer.data.cache import Cache
from trainer.loop.checkpoint import write_tensors
from trainer.loop.failures import check_finite
from trainer.loop.log import Event
from trainer.loop.schedule import update_average, warm_up_cosine
from trainer.loop.training import Training

_TEACHER_HINTS = (3, 6, 12, 15)  # EfficientAt.maps at strides 4, 8, 16, 32
_HINT_CHANNELS = (16, 16, 48, 64)
_CLIP = 5.0  # of the gradient's norm
_LOG_EVERY = 100  # steps
_SNAPSHOT_S, _VALIDATION_S, _CHECKPOINT_S = 600.0, 300.0, 120.0


@dataclass(frozen=True)
class DistillConfig:
    """How long and how to distil; times in minutes of training, lengths in frames."""

    minutes: float = 120.0
    peak_rate: float = 2e-3
    warm_up: float = 0.02  # share of the schedule
    weight_decay: float = 0.02
    batch_frames: int = 16384
    crop_frames: tuple[int, ...] = (256, 320, 512)
    hint_weight: float = 1.0
    map_weight: float = 1.0
    feature_weight: float = 2.0
    logit_weight: float = 1.0
    embedding_weight: float = 2.0
    average_decay: float = 0.999
    seed: int = 1
    mixed_precision: bool = True


@dataclass(frozen=True)
class Targets:
    """What the teacher heard in a batch: hints and last map (b, c, f, t), pooled, logits."""

    maps: list[Tensor]
    features: Tensor
    logits: Tensor


class Scale(nn.Module):
    """Deviations that make every target channel count the same."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        for index, count in enumerate(channels):
            self.register_buffer(f"deviation{index}", torch.ones(count))

    def measure(self, index: int, values: Tensor) -> None:
        """Take the deviation of ``values`` (n, channels)."""
        self.get_buffer(f"deviation{index}").copy_(values.std(0).clamp(min=1e-3))

    def error(self, index: int, guess: Tensor, target: Tensor) -> Tensor:
        """Return the mean squared error in units of the target's deviation."""
        deviation = self.get_buffer(f"deviation{index}")
        shape = (1, -1) + (1,) * (target.ndim - 2)
        return ((guess.float() - target.float()) / deviation.view(shape)).square().mean()


class Distillation(nn.Module):
    """The student with what it needs while learning: adapters and target scales."""

    def __init__(
        self, student: Compact, teacher: EfficientAt, match: MatchModel | None = None
    ) -> None:
        super().__init__()
        self.student = student
        self._match = [] if match is None else [match]  # in a list: not a part of the state
        widths = (32, 64, 128, 256)
        self.adapters = nn.ModuleList(
            nn.Conv2d(width, channels, 1)
            for width, channels in zip(widths, _HINT_CHANNELS, strict=True)
        )
        last = teacher.classifier[5]
        assert isinstance(last, nn.Linear)
        self.scale = Scale((*_HINT_CHANNELS, 384, 384, last.out_features))

    def loss(
        self,
        log_mel: Tensor,
        targets: Targets,
        teacher: EfficientAt,
        config: DistillConfig,
        fade: float,
    ) -> dict[str, Tensor]:
        """Return the weighted terms of the loss; ``fade`` in [0, 1] dims the hints."""
        maps, _ = self.student.maps(log_mel)
        terms = {}
        hint = log_mel.new_zeros(())
        if fade > 0:
            for index, adapter in enumerate(self.adapters):
                hint = hint + self.scale.error(index, adapter(maps[index]), targets.maps[index])
        terms["hints"] = config.hint_weight * fade * hint
        terms["map"] = config.map_weight * self.scale.error(4, maps[4], targets.maps[4])
        features = maps[4].float().mean((2, 3))
        terms["features"] = config.feature_weight * self.scale.error(5, features, targets.features)
        with torch.autocast(log_mel.device.type, enabled=False):
            logits = teacher.logits(features)
        terms["logits"] = config.logit_weight * self.scale.error(6, logits, targets.logits)
        for match in self._match:
            own, wanted = match.map_features(features), match.map_features(targets.features)
            distance = (own - wanted).square().sum(-1).mean()
            terms["embedding"] = config.embedding_weight * distance
        return terms


@torch.no_grad()
def listen(teacher: EfficientAt, log_mel: Tensor) -> Targets:
    """Return the teacher's targets for log-mels (b, bands, frames)."""
    maps, _ = teacher.maps(log_mel)
    features = maps[-1].float().mean((2, 3))
    with torch.autocast(log_mel.device.type, enabled=False):
        logits = teacher.logits(features)
    return Targets([maps[i] for i in _TEACHER_HINTS] + [maps[-1]], features, logits)


class Distiller(Training[dict[str, float]]):
    """One run of distillation in a folder, with its ``config.json`` and snapshots."""

    def __init__(
        self,
        folder: Path,
        teacher: EfficientAt,
        caches: list[Cache],
        validation: Cache,
        config: DistillConfig,
        front_end: FrontEnd,
        device: str = "cpu",
        match: MatchModel | None = None,
        start: Compact | None = None,
    ) -> None:
        super().__init__(folder, device)
        torch.manual_seed(config.seed)
        self.config, self.front_end = config, front_end
        self.caches, self.validation = caches, validation
        layout = torch.channels_last
        self.teacher = teacher.eval().requires_grad_(False).to(device, memory_format=layout)  # type: ignore[call-overload]
        if match is not None:
            match = match.eval().requires_grad_(False).to(device)
        student = start or Compact(front_end.mel_bands)
        self.model = Distillation(student.train().requires_grad_(), teacher, match)
        self.model.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.model.student.state_dict().items()}
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=config.peak_rate,
            weight_decay=config.weight_decay,
        )
        self.elapsed_s = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        durable.put_file(folder / "config.json", json.dumps(asdict(config), indent=2).encode())
        self.open()
        self._done_s = dict.fromkeys(("validation", "snapshot", "checkpoint"), self.elapsed_s)

    @property
    def is_over(self) -> bool:
        """Return whether the time is up."""
        return self.progress == 1.0

    @property
    def progress(self) -> float:
        """Share of the schedule that is done, in [0, 1]."""
        return min(1.0, self.elapsed_s / (60.0 * self.config.minutes))

    def train_step(self) -> dict[str, float]:
        """Make scenes, listen, learn; return the terms of the loss.

        :raises InputError: loss or gradient is no number; it does not enter the weights.
        """
        began = time.monotonic()
        log_mel = self._scenes(self.step)
        with self._autocast():
            targets = listen(self.teacher, log_mel)
            fade = max(0.0, 1.0 - self.progress / 0.7)
            terms = self.model.loss(log_mel, targets, self.teacher, self.config, fade)
        loss = torch.stack(list(terms.values())).sum()
        check_finite("loss", float(loss.detach()), self.step + 1, self.folder)
        factor = warm_up_cosine(self.progress, self.config.warm_up, 0.005)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.peak_rate * factor
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._descend(self.model.parameters(), _CLIP)
        state = self.model.student.state_dict()
        update_average(self.average, state, self.config.average_decay, self.step)
        self.step += 1
        self.elapsed_s += time.monotonic() - began
        return {name: float(term.detach()) for name, term in terms.items()}

    def _scenes(self, step: int) -> Tensor:
        rng = np.random.default_rng((self.config.seed, step))
        frames = int(rng.choice(self.config.crop_frames))
        batch = self.config.batch_frames // frames
        made = scenes(self.caches, self.front_end, Mixing(), rng, batch, frames)
        return made.to(self.device)

    def _autocast(self) -> torch.autocast:
        kind = "cuda" if self.device.startswith("cuda") else "cpu"
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.config.mixed_precision)

    @torch.no_grad()
    def _measure_targets(self) -> None:
        """Measure the deviation of every target over a few batches of scenes."""
        heard = []
        with self._autocast():
            for step in range(8):
                heard.append(listen(self.teacher, self._scenes(-1 - step & 0x7FFFFFFF)))
        for index in range(5):
            flat = [t.maps[index].float().transpose(0, 1).flatten(1).T for t in heard]
            self.model.scale.measure(index, torch.cat(flat))
        self.model.scale.measure(5, torch.cat([t.features for t in heard]))
        self.model.scale.measure(6, torch.cat([t.logits for t in heard]))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Compare the averaged student with the teacher on validation clips, whole and clean.

        ``r2`` is the share of the features' variance that the student explains, ``cosine``
        the mean cosine of centred features.
        """
        student = self.averaged_student()
        guesses, targets = [], []
        for index in range(len(self.validation.lengths)):
            clip = torch.from_numpy(np.array(self.validation.clip(index)[:1000])).float().T[None]
            clip = clip.to(self.device)
            guesses.append(student(clip)[0])
            targets.append(self.teacher(clip)[0])
        guess, target = torch.stack(guesses), torch.stack(targets)
        centred = target - target.mean(0)
        r2 = 1 - (guess - target).square().sum() / centred.square().sum()
        cosine = nn.functional.cosine_similarity(guess - target.mean(0), centred).mean()
        return {"r2": float(r2), "cosine": float(cosine)}

    def averaged_student(self) -> Compact:
        """Return a copy of the student with averaged weights, in evaluation mode."""
        student = Compact(self.front_end.mel_bands).to(self.device)
        student.load_state_dict(self.average)
        return student.eval()

    def log(self, event: Event) -> None:
        """Append one event to ``log.jsonl``, with the minutes."""
        super().log({"minutes": round(self.elapsed_s / 60, 3), **event})

    def save(self) -> None:
        """Write the checkpoint, and the averaged student."""
        super().save()
        write_tensors(self.folder / "student.safetensors", self.average)

    def _begin(self) -> None:
        self._measure_targets()

    def _state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "elapsed_s": self.elapsed_s,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average, self.elapsed_s = state["average"], state["elapsed_s"]
        self.finished = self.is_over

    def _after_step(self, outcome: dict[str, float]) -> None:
        if self.step % _LOG_EVERY == 0:
            self.log({"event": "loss", **{k: round(v, 4) for k, v in outcome.items()}})
        if self._comes_due("validation", _VALIDATION_S):
            self.log({"event": "validation", **self.validate()})
        if self._comes_due("snapshot", _SNAPSHOT_S):
            name = f"student-{round(self.elapsed_s / 60):04d}min.safetensors"
            write_tensors(self.folder / name, self.average)

    def _is_due(self) -> bool:
        return self._comes_due("checkpoint", _CHECKPOINT_S)

    def _comes_due(self, what: str, every_s: float) -> bool:
        """Return whether something is to be done again after so much training, and note it."""
        if self.elapsed_s - self._done_s[what] < every_s:
            return False
        self._done_s[what] = self.elapsed_s
        return True

    def _end(self, steps: int, took_s: float) -> None:
        if not self.finished:
            self.log({"event": "validation", **self.validate()})
            self.finished = True
            self.save()
