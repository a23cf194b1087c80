"""The training loop: m-LTM or a baseline, on frozen features or end to end."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.errors import InputError
from engine.models.match_model import MatchModel
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control, Progress
from trainer.data.augment import Disguise
from trainer.data.pairs import Batch, Source
from trainer.loop.embedding import Embedder
from trainer.loop.parallel import World
from trainer.loop.schedule import update_average, warm_up_cosine
from trainer.loop.troubles import told
from trainer.objectives.ground_metric import make_ground_metric, scaled_cost
from trainer.objectives.losses import (
    TRANSPORT,
    ObjectiveConfig,
    Solve,
    make_objective,
    target_plan,
)

Validate = Callable[[MatchModel], dict[str, float]]
Event = dict[str, Any]
_PROGRESS = ("step", "best", "stale", "solves", "unconverged")
_MAY_FAIL = 0.01  # share of solves without convergence that passes without a warning


@dataclass(frozen=True)
class Rates:
    """Adam's highest learning rate of each part; 0 keeps a part as it is."""

    heads: float = 1e-3
    metric: float = 1e-4
    text_tower: float = 2e-5
    audio_tower: float = 0.0


@dataclass(frozen=True)
class RunConfig:
    """How to train.

    Towers are free in the last ``tower_steps`` only.  ``micro_batch`` rows are embedded at a
    time, while the plan spans the whole batch.  Validation every ``validate_every`` steps
    (0: never) stops a run when its ``score`` has not risen ``patience`` times (0: never).

    What the paper does otherwise (:mod:`trainer.recipes.paper`): ``optimiser`` adam;
    ``schedule`` constant; gradients of a norm over ``clip`` are shortened to it (0: none);
    ``cost_scale`` batch_max and ``metric_start`` symmetric
    (:mod:`trainer.objectives.ground_metric`); features enter the heads as they are unless
    ``standardise``; with ``tower_training`` the audio tower's dropout is on and its batch
    statistics follow the data.
    """

    steps: int = 1200
    tower_steps: int = 400
    batch: int = 256
    micro_batch: int = 256
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    ground_metric: str = "full"
    metric_pull: float = 0.0
    rates: Rates = field(default_factory=Rates)
    weight_decay: float = 0.01
    warm_up: float = 0.1
    feature_noise: float = 0.3  # in deviations of each feature
    disguise: Disguise = field(default_factory=Disguise)
    average_decay: float = 0.995
    validate_every: int = 0
    patience: int = 0
    mixed_precision: bool = True
    seed: int = 1
    optimiser: str = "adamw"
    schedule: str = "cosine"
    clip: float = 0.0
    cost_scale: str = "fixed"
    metric_start: str = "identity"
    dropout: float = 0.2
    standardise: bool = True
    tower_training: bool = False


class Run:
    """One run in a folder: ``config.json``, ``checkpoint.pt``, ``log.jsonl``.

    A finished run leaves ``matched.safetensors``: what was trained, averaged over the last
    steps (or at the best validation), without the parts that were not.

    Batches depend on seed and step alone and the checkpoint holds torch's random state, so
    a run that was stopped and resumed ends, on a CPU, in the same weights bit by bit.
    """

    def __init__(
        self,
        folder: Path,
        model: MatchModel,
        tokenizer: CaptionTokenizer,
        source: Source,
        config: RunConfig,
        device: str = "cpu",
        world: World | None = None,
        validate: Validate | None = None,
        rehearse: Callable[[MatchModel], Tensor] | None = None,
        tell: Callable[[Event], None] = lambda event: None,
        texts_read: dict[str, Tensor] | None = None,
    ) -> None:
        self.folder, self.model = folder, model.to(device)
        self.source, self.config, self.device = source, config, device
        self.world, self.validate, self.tell = world or World(), validate, tell
        self.rehearse = rehearse
        if config.batch % self.world.size:
            raise InputError(f"a batch of {config.batch} cannot be shared by {self.world.size}")
        self.solves, self.unconverged = 0, 0
        self.solve: Solve | None = None
        self.objective = make_objective(config.objective, self._solved)
        torch.manual_seed(config.seed)
        metric = make_ground_metric(
            config.ground_metric, model.metric, config.metric_pull, config.metric_start
        )
        self.metric = metric.to(device)
        model.set_dropout(config.dropout)
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        self.optimiser = kinds[config.optimiser](self._groups(), weight_decay=config.weight_decay)
        self.step, self.best, self.stale = 0, -math.inf, 0
        self.embedder = Embedder(
            self.model,
            tokenizer,
            config.feature_noise,
            config.disguise,
            config.mixed_precision,
            device,
            texts_read,
        )
        torch.manual_seed(config.seed + self.world.rank)
        folder.mkdir(parents=True, exist_ok=True)
        self._claim_folder()
        self.average = {name: p.detach().clone() for name, p in self._trained().items()}
        if (folder / "checkpoint.pt").exists():
            self._resume()
        else:
            self._start()

    def run(self, watch: Callable[[int, float], None] = lambda step, loss: None) -> None:
        """Train to the last step; ``watch(step, loss)`` may raise to stop, which saves.

        :raises InputError: memory or disk ran out, or the loss became no number.
        """
        with told(self.folder):
            try:
                while self.step < self.config.steps and not self._is_stale():
                    loss = self.train_step()
                    if not math.isfinite(loss):
                        raise InputError(
                            f"the loss is {loss} at step {self.step}: lower the rates; "
                            f"{self.folder} keeps the last good checkpoint"
                        )
                    if self.step % 25 == 0 or self.step in (1, self.config.steps):
                        self.log({"event": "loss", "loss": round(loss, 5), **self._state()})
                    if self.config.validate_every and self.step % self.config.validate_every == 0:
                        self._validate()
                    if self.step % 200 == 0:
                        self.save()
                    watch(self.step, loss)
            except InputError:
                raise
            except BaseException:
                self.save()
                raise
            self.save()
            if self.unconverged > _MAY_FAIL * self.solves:
                self.log({"event": "warning", "text": self._unconverged_note()})
            if self.world.leads and not (self.folder / "best.safetensors").exists():
                save_file(self.averaged_weights(), self.folder / "matched.safetensors")
            elif self.world.leads:
                (self.folder / "best.safetensors").replace(self.folder / "matched.safetensors")

    def train_step(self) -> float:
        """Draw a batch, descend one step, return the loss."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        batch = self.source.draw(rng, config.batch, self.world.share(config.batch))
        self.embedder.free = {side for side in ("audio", "text") if self._is_free(f"{side}_tower.")}
        self.model.train()
        self.model.audio_tower.train(config.tower_training)
        factor = 1.0
        if config.schedule == "cosine":
            factor = warm_up_cosine((self.step + 0.5) / config.steps, config.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimiser.zero_grad()
        loss = self._descend(batch)
        if self.rehearse is not None:
            self.rehearse(self.model).backward()  # type: ignore[no-untyped-call]
        if config.clip:
            groups = self.optimiser.param_groups
            nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], config.clip)
        if math.isfinite(loss):
            self.optimiser.step()
            self.metric.project()
            free = {k: p for k, p in self._trained().items() if self._is_free(k)}
            update_average(self.average, free, config.average_decay, self.step)
        self.step += 1
        return loss

    def _descend(self, batch: Batch) -> float:
        """Leave the gradients of a batch; its plan spans all processes and micro-batches.

        Several parts are embedded twice, first without a graph for the loss, then each with
        one for its share of the gradient (Gao et al., *Scaling deep contrastive learning
        batch size under memory limited setup*, RepL4NLP 2021).
        """
        parts = batch.split(self.config.micro_batch)
        if len(parts) == 1 and self.world.size == 1:
            loss = self._loss(*self.embedder(parts[0]), batch.keys)
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())
        states, embedded = [], []
        with torch.no_grad():
            for part in parts:
                states.append(_random_state(self.device))
                embedded.append(self.embedder(part))
        x, y = (torch.cat(side) for side in zip(*embedded, strict=True))
        x, y = (self.world.gather(side).requires_grad_() for side in (x, y))
        loss = self._loss(x, y, batch.keys)
        loss.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None and y.grad is not None
        start = self.world.share(len(batch.keys)).start
        for part, state in zip(parts, states, strict=True):
            _set_random_state(state, self.device)
            rows = slice(start, start := start + len(part.captions))
            sides = zip(self.embedder(part), (x.grad[rows], y.grad[rows]), strict=True)
            learning = [(z, gradient) for z, gradient in sides if z.requires_grad]
            torch.autograd.backward([z for z, _ in learning], [g for _, g in learning])
        named = self.model.named_parameters()  # the metric's gradient is whole on every process
        self.world.sum_gradients(p for n, p in named if not n.startswith("metric."))
        return float(loss.detach())

    def _loss(self, x: Tensor, y: Tensor, keys: list[str]) -> Tensor:
        config, ranking = self.config, self.model.spec.ranking
        scale = config.cost_scale if config.objective.name in TRANSPORT else "fixed"
        cost = scaled_cost(self.metric.cost(x, y), scale, ranking.cost_scale)
        return self.objective(cost, target_plan(keys, self.device)) + self.metric.penalty()

    def _solved(self, solve: Solve) -> None:
        """Take notice of how a plan's solver ended."""
        self.solve, self.solves = solve, self.solves + 1
        self.unconverged += not solve.converged

    def _state(self) -> Event:
        """Return what the log says of the solver at this step."""
        if self.solve is None:
            return {}
        return {
            "iterations": self.solve.iterations,
            "marginal_error": float(f"{self.solve.marginal_error:.2e}"),
            "unconverged": round(self.unconverged / self.solves, 4),
        }

    def _unconverged_note(self) -> str:
        return (
            f"the plan did not converge in {self.unconverged / self.solves:.1%} of the steps, so "
            "that their gradients are not exact: raise --epsilon"
        )

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return what was trained, averaged, with everything else of heads, metric and text."""
        state = {k: v for k, v in self.model.state_dict().items() if _is_kept(k)}
        metric = copy.deepcopy(self.metric)
        prefix = "ground_metric."
        own = {k.removeprefix(prefix): v for k, v in self.average.items() if k.startswith(prefix)}
        metric.load_state_dict(own, strict=False)
        state |= {k: v for k, v in self.average.items() if not k.startswith(prefix)}
        if self.config.tower_training:
            buffers = self.model.audio_tower.named_buffers()
            state |= {f"audio_tower.{name}": value for name, value in buffers}
        return {**state, "metric.factor": metric.factor().detach().clone()}

    def finished_model(self) -> MatchModel:
        """Return a copy of the model with averaged weights, in evaluation mode."""
        model = copy.deepcopy(self.model)
        model.load_state_dict(self.averaged_weights(), strict=False)
        return model.eval().requires_grad_(False)

    def result(self) -> MatchModel:
        """Return the model that a finished run left, in evaluation mode, on the CPU."""
        model = copy.deepcopy(self.model).to("cpu")
        model.load_state_dict(load_file(self.folder / "matched.safetensors"), strict=False)
        return model.eval().requires_grad_(False)

    def log(self, event: Event) -> None:
        """Append one event to ``log.jsonl`` and tell it."""
        if not self.world.leads:
            return
        event = {"step": self.step, **event}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        self.tell(event)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if not self.world.leads:
            return
        state = {
            "model": self.model.state_dict(),
            "ground_metric": self.metric.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "progress": {name: getattr(self, name) for name in _PROGRESS},
            "random": torch.get_rng_state(),
        }
        part = self.folder / "checkpoint.part"
        try:
            torch.save(state, part)
            part.replace(self.folder / "checkpoint.pt")
        finally:
            part.unlink(missing_ok=True)

    def _validate(self) -> None:
        """Measure the averaged model, keep it if it is the best so far."""
        if self.validate is not None and self.world.leads:
            figures = self.validate(self.finished_model())
            self.log({"event": "validation", **{k: round(v, 5) for k, v in figures.items()}})
            self.stale += 1
            if figures["score"] > self.best:
                self.best, self.stale = figures["score"], 0
                save_file(self.averaged_weights(), self.folder / "best.safetensors")
        self.best, self.stale = self.world.agree((self.best, self.stale))

    def _is_stale(self) -> bool:
        return bool(self.config.patience) and self.stale >= self.config.patience

    @property
    def _towers_are_free(self) -> bool:
        return self.step >= self.config.steps - self.config.tower_steps

    def _is_free(self, name: str) -> bool:
        """Whether a parameter learns at this step."""
        if name.startswith("text_tower."):
            return self._towers_are_free and self.config.rates.text_tower > 0
        if name.startswith("audio_tower."):
            return self._towers_are_free and self.config.rates.audio_tower > 0
        return True

    def _groups(self) -> list[dict[str, Any]]:
        model, rates = self.model, self.config.rates
        heads = [*model.audio_head.parameters(), *model.text_head.parameters()]
        groups = [(heads, rates.heads, self.config.weight_decay)]
        groups.append((list(self.metric.parameters()), rates.metric, 0.0))
        towers: tuple[tuple[nn.Module, float], ...] = (
            (model.text_tower, rates.text_tower),
            (model.audio_tower, rates.audio_tower),
        )
        for tower, rate in towers:
            groups.append((list(tower.parameters()), rate, self.config.weight_decay))
        for parameters, rate, _ in groups:
            for parameter in parameters:
                parameter.requires_grad_(rate > 0)
        return [
            {"params": parameters, "peak": rate, "weight_decay": decay}
            for parameters, rate, decay in groups
            if rate
        ]

    def _trained(self) -> dict[str, nn.Parameter]:
        """Return what learns in this run, by name."""
        named = dict(self.model.named_parameters())
        frozen = [t for t in ("text_tower", "audio_tower") if not getattr(self.config.rates, t)]
        kept = {name: p for name, p in named.items() if not name.startswith(("metric.", *frozen))}
        return kept | {f"ground_metric.{n}": p for n, p in self.metric.named_parameters()}

    def _claim_folder(self) -> None:
        """Write the configuration down; a run goes on only under the one it began with."""
        path, own = self.folder / "config.json", json.dumps(asdict(self.config), indent=2)
        if (self.folder / "checkpoint.pt").exists() and path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            now = json.loads(own)
            changed = [name for name in now if before.get(name) != now[name]]
            if changed:
                raise InputError(
                    f"{self.folder} holds a run with another {' and '.join(changed)}: go on with "
                    "the options it began with, or choose another folder"
                )
        path.write_text(own, encoding="utf-8")

    def _start(self) -> None:
        (self.folder / "best.safetensors").unlink(missing_ok=True)
        self.embedder.freeze(self.source.texts)
        fitted = not bool((self.model.audio_head.deviation == 1).all())
        if self.config.standardise and not fitted:
            sample = self.source.sample(np.random.default_rng(self.config.seed))
            audio, text = self.embedder.features_of(sample, self.source.texts)
            self.model.audio_head.standardise(audio)
            self.model.text_head.standardise(text)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        state = torch.load(path, weights_only=True, map_location=self.device)
        for name, value in state["progress"].items():
            setattr(self, name, value)
        if not (self._is_free("text_tower.") and self.step):
            self.embedder.freeze(self.source.texts)  # before loading: by the first tower
        self.model.load_state_dict(state["model"])
        self.metric.load_state_dict(state["ground_metric"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        torch.set_rng_state(state["random"].cpu())


def reporting(stage: str, steps: int, control: Control) -> Callable[[int, float], None]:
    """Return a watcher of :meth:`Run.run` that reports steps, and stops when asked to."""

    def watch(step: int, loss: float) -> None:
        control.report(Progress(stage, step, steps, f"loss {loss:.3f}"))

    return watch


def _is_kept(name: str) -> bool:
    return not name.startswith(("audio_tower.", "bank_", "exemplars", "metric."))


def _random_state(device: str) -> tuple[Tensor, Tensor | None]:
    cuda = torch.cuda.get_rng_state() if device.startswith("cuda") else None
    return torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Tensor, Tensor | None], device: str) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
