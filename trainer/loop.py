"""Training of projections, metric and text tower on frozen audio features."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.models.match_model import MatchModel
from engine.models.text_towers import CaptionTokenizer
from trainer.losses import ObjectiveConfig, make_objective, target_plan
from trainer.pairs import Batch, PairSource
from trainer.schedule import update_average, warm_up_cosine


@dataclass(frozen=True)
class MltmConfig:
    """How to train; rates are Adam's, ``tower_steps`` the last steps, with a free text tower."""

    steps: int = 1200
    tower_steps: int = 400
    batch: int = 256
    caption_share: float = 0.35
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    head_rate: float = 1e-3
    metric_rate: float = 1e-4
    tower_rate: float = 2e-5
    weight_decay: float = 0.01
    warm_up: float = 0.1
    feature_noise: float = 0.3  # in deviations of each feature
    average_decay: float = 0.995
    seed: int = 1


class MltmRun:
    """One run in a folder: ``config.json``, ``checkpoint.pt``, ``log.jsonl``.

    A finished run leaves ``matched.safetensors``: everything but audio tower and bank, with
    the trained weights averaged over the last steps.

    Batches depend on seed and step alone and the checkpoint holds torch's random state, so
    a run that was stopped and resumed ends, on a CPU, in the same weights bit by bit.
    """

    def __init__(
        self,
        folder: Path,
        model: MatchModel,
        tokenizer: CaptionTokenizer,
        pairs: PairSource,
        config: MltmConfig,
        device: str = "cpu",
    ) -> None:
        self.folder, self.model, self.tokenizer = folder, model.to(device), tokenizer
        self.pairs, self.config, self.device = pairs, config, device
        self.objective = make_objective(config.objective, model.spec.ranking.cost_scale)
        torch.manual_seed(config.seed)
        groups: list[dict[str, Any]] = [
            {"params": [*model.audio_head.parameters(), *model.text_head.parameters()]},
            {"params": list(model.metric.parameters()), "weight_decay": 0.0},
            {"params": list(model.text_tower.parameters())},
        ]
        self.peaks = (config.head_rate, config.metric_rate, config.tower_rate)
        self.optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        self.step = 0
        self.average = {name: p.detach().clone() for name, p in self._trained().items()}
        self._frozen: dict[str, Tensor] = {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(asdict(config), indent=2), encoding="utf-8")
        if (folder / "checkpoint.pt").exists():
            self._resume()
        else:
            self._start()

    def run(self, watch: Callable[[int, float], None] = lambda step, loss: None) -> None:
        """Train to the last step; ``watch(step, loss)`` may raise to stop, which saves."""
        try:
            while self.step < self.config.steps:
                loss = self.train_step()
                if self.step % 25 == 0:
                    self.log({"event": "loss", "loss": round(loss, 5)})
                if self.step % 200 == 0:
                    self.save()
                watch(self.step, loss)
        finally:
            self.save()
        save_file(self.averaged_weights(), self.folder / "matched.safetensors")

    def train_step(self) -> float:
        """Draw a batch, descend one step, return the loss."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        batch = self.pairs.draw(rng, config.batch, config.caption_share)
        self.model.audio_head.train()
        self.model.text_head.train()
        u = self.model.map_features(self._noisy(batch.features.to(self.device), rng))
        v = self.model.map_text_features(self._text_features(batch))
        loss = self.objective(u, v, target_plan(batch.keys, self.device))
        factor = warm_up_cosine((self.step + 0.5) / config.steps, config.warm_up)
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        free = {
            k: p
            for k, p in self._trained().items()
            if self._tower_is_free or not k.startswith("text_tower.")
        }
        update_average(self.average, free, config.average_decay, self.step)
        self.step += 1
        return float(loss.detach())

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the model's weights without audio tower and bank, the trained ones averaged."""
        unused = ("audio_tower.", "bank_")
        state = {k: v for k, v in self.model.state_dict().items() if not k.startswith(unused)}
        return {**state, **self.average}

    def _trained(self) -> dict[str, Tensor]:
        named = self.model.named_parameters()
        return {name: p for name, p in named if not name.startswith("audio_tower.")}

    @property
    def _tower_is_free(self) -> bool:
        return self.step >= self.config.steps - self.config.tower_steps

    def _text_features(self, batch: Batch) -> Tensor:
        if not self._tower_is_free:
            return torch.stack([self._frozen[text] for text in batch.captions]).to(self.device)
        return self._encode(batch.captions)

    def _encode(self, captions: list[str]) -> Tensor:
        ids, mask = self.tokenizer(captions)
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype=torch.bfloat16):
            features: Tensor = self.model.text_tower(ids.to(self.device), mask.to(self.device))
        return features.float()

    def _noisy(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        noise = torch.from_numpy(rng.standard_normal(features.shape, dtype=np.float32))
        scale = self.config.feature_noise * self.model.audio_head.deviation
        return features + scale * noise.to(self.device)

    def _start(self) -> None:
        self.model.audio_head.standardise(self.pairs.pool.features.to(self.device))
        self._freeze()
        frozen = torch.stack(list(self._frozen.values()))
        self.model.text_head.standardise(frozen.to(self.device))

    @torch.no_grad()
    def _freeze(self) -> None:
        """Encode every caption once with the first tower, for its steps and for scaling."""
        if self._tower_is_free and self.step:
            return
        texts = sorted(self.pairs.texts, key=len)
        for start in range(0, len(texts), 256):
            part = texts[start : start + 256]
            self._frozen.update(zip(part, self._encode(part).cpu(), strict=True))

    def log(self, event: dict[str, Any]) -> None:
        """Append one event to ``log.jsonl``."""
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, **event}) + "\n")

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "random": torch.get_rng_state(),
        }
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        part.replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.step = state["step"]
        self._freeze()  # before loading: the frozen features are those of the first tower
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        torch.set_rng_state(state["random"].cpu())
