"""The training loop: m-LTM or a baseline, on frozen features or end to end."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine import durable
from engine.errors import InputError
from engine.models.match_model import MatchModel
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Cancelled, Control, Progress
from trainer.data.augment import Disguise
from trainer.data.pairs import Source
from trainer.loop.checkpoint import (
    Due,
    Keeping,
    has_checkpoint,
    random_state,
    read_checkpoint,
    set_random_state,
    write_checkpoint,
    write_tensors,
)
from trainer.loop.descent import descend, gradient_norm
from trainer.loop.embedding import Embedder
from trainer.loop.log import Event, Log, Tell, tensorboard
from trainer.loop.parallel import World
from trainer.loop.progress import Best, Solves
from trainer.loop.schedule import update_average, warm_up_cosine
from trainer.loop.troubles import check_finite, told
from trainer.objectives.ground_metric import make_ground_metric
from trainer.objectives.losses import ObjectiveConfig, make_objective, target_plan

Validate = Callable[[MatchModel], dict[str, float]]
_MATCHED = "matched.safetensors"
_LOG_EVERY = 25  # steps


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
    (0: never) keeps the weights whose figure ``score`` is highest, and stops a run when it
    has not risen ``patience`` times (0: never).  ``seed`` is that of order, noise and
    augmentation; ``init_seed`` (by default the same) that of what a run starts from.
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
    score: str = "score"
    mixed_precision: bool = True
    seed: int = 1
    init_seed: int | None = None


class Run:
    """One run in a folder: ``config.json``, ``checkpoint.pt``, ``log.jsonl``.

    A finished run leaves ``matched.safetensors``: what was trained, averaged over the last
    steps (or at the best validation), without the parts that were not.

    Batches depend on seed and step alone and the checkpoint holds torch's random states, so
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
        tell: Tell = lambda event: None,
        texts_read: dict[str, Tensor] | None = None,
        keeping: Keeping | None = None,
        board: bool = False,
    ) -> None:
        self.folder, self.model = folder, model.to(device)
        self.source, self.config, self.device = source, config, device
        self.world, self.validate, self.rehearse = world or World(), validate, rehearse
        if config.batch % self.world.size:
            raise InputError(f"a batch of {config.batch} cannot be shared by {self.world.size}")
        self.solves, self.best = Solves(), Best()
        self.step, self.finished, self.norm = 0, False, 0.0
        self.started_from = ""  # what the starting weights are known by
        self.objective = make_objective(config.objective, self.solves)
        metric = make_ground_metric(config.ground_metric, model.metric, config.metric_pull)
        self.metric = metric.to(device)
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=config.weight_decay)
        self.embedder = Embedder(
            self.model,
            tokenizer,
            config.feature_noise,
            config.disguise,
            config.mixed_precision,
            device,
            texts_read,
        )
        torch.manual_seed(config.seed + 1_000_003 * self.world.rank)
        folder.mkdir(parents=True, exist_ok=True)
        self._claim_folder()
        self.average = {name: p.detach().clone() for name, p in self._trained().items()}
        self._log = Log(folder / "log.jsonl", tell)
        if has_checkpoint(folder):
            self._resume()
        else:
            self._start()
        if board and self.world.leads:
            self._log.board = tensorboard(folder / "tensorboard", self.step)
        self._due = Due(keeping or Keeping())

    def run(self, watch: Callable[[int, float], None] = lambda step, loss: None) -> None:
        """Train to the last step; ``watch(step, loss)`` may raise to stop, which saves.

        What one process wants to stop stops all of them.

        :raises InputError: memory or disk ran out, or loss or gradient became no number.
        """
        with told(self.folder):
            self.world.spread([*self.model.state_dict().values(), *self.metric.parameters()])
            while not self.finished and self.step < self.config.steps and not self._is_stale():
                loss = self.train_step()
                if self.step % _LOG_EVERY == 0 or self.step in (1, self.config.steps):
                    self.log({"event": "loss", "loss": round(loss, 5), **self._state()})
                if self.config.validate_every and self.step % self.config.validate_every == 0:
                    self._validate()
                wish = _raised(watch, self.step, loss)
                stopping, due = self.world.any(wish is not None, self._due(self.step))
                if stopping:
                    self.log({"event": "stopped"})
                if stopping or due:
                    self.save()
                if stopping:
                    raise wish or Cancelled
            if not self.finished:
                self._finish()

    def train_step(self) -> float:
        """Draw a batch, descend one step, return the loss.

        :raises InputError: loss or gradient is no number; it does not enter the weights.
        """
        config = self.config
        rng = np.random.default_rng((config.seed, self.step))
        batch = self.source.draw(rng, config.batch, self.world.share(config.batch))
        self.embedder.free = {side for side in ("audio", "text") if self._is_free(f"{side}_tower.")}
        self.model.train()
        self.model.audio_tower.eval()  # its batch statistics stay those of its own training
        factor = warm_up_cosine((self.step + 0.5) / config.steps, config.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimiser.zero_grad()
        loss = descend(batch, config.micro_batch, self.embedder, self._loss, self.model, self.world)
        check_finite("loss", loss, self.step + 1, self.folder)
        if self.rehearse is not None:
            self.rehearse(self.model).backward()  # type: ignore[no-untyped-call]
        self._descend()
        self.step += 1
        return loss

    def _descend(self) -> None:
        """Take the optimiser's step along the gradients that were left, and its average."""
        learning = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.norm = gradient_norm(learning)
        check_finite("gradient's norm", self.norm, self.step + 1, self.folder)
        self.optimiser.step()
        self.metric.project()
        free = {k: p for k, p in self._trained().items() if self._is_free(k)}
        update_average(self.average, free, self.config.average_decay, self.step)

    def _loss(self, x: Tensor, y: Tensor, keys: list[str]) -> Tensor:
        cost = self.metric.cost(x, y) / self.model.spec.ranking.cost_scale
        return self.objective(cost, target_plan(keys, self.device)) + self.metric.penalty()

    def _state(self) -> Event:
        """Return what the log says of gradient, rates and solver at this step."""
        rates = {group["name"]: group["lr"] for group in self.optimiser.param_groups}
        return {
            "gradient_norm": _digits(self.norm),
            "rates": {name: _digits(rate) for name, rate in rates.items()},
            **self.solves.state(),
        }

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return what was trained, averaged, with everything else of heads, metric and text."""
        state = {k: v for k, v in self.model.state_dict().items() if _is_kept(k)}
        metric = copy.deepcopy(self.metric)
        prefix = "ground_metric."
        own = {k.removeprefix(prefix): v for k, v in self.average.items() if k.startswith(prefix)}
        metric.load_state_dict(own, strict=False)
        state |= {k: v for k, v in self.average.items() if not k.startswith(prefix)}
        return {**state, "metric.factor": metric.factor().detach().clone()}

    def finished_model(self) -> MatchModel:
        """Return a copy of the model with averaged weights, in evaluation mode."""
        model = copy.deepcopy(self.model)
        model.load_state_dict(self.averaged_weights(), strict=False)
        return model.eval().requires_grad_(False)

    def result(self) -> MatchModel:
        """Return the model that a finished run left, in evaluation mode, on the CPU."""
        model = copy.deepcopy(self.model).to("cpu")
        model.load_state_dict(load_file(self.folder / _MATCHED), strict=False)
        return model.eval().requires_grad_(False)

    def log(self, event: Event) -> None:
        """Append one event to ``log.jsonl`` and tell it."""
        if self.world.leads:
            self._log.append({"step": self.step, **event})

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; every process takes part."""
        random = self.world.collect(random_state(self.device))
        self._due.done()
        if not self.world.leads:
            return
        write_checkpoint(
            self.folder,
            {
                "model": self.model.state_dict(),
                "ground_metric": self.metric.state_dict(),
                "average": self.average,
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "finished": self.finished,
                "best": self.best.to_dict(),
                "solves": (self.solves.count, self.solves.unconverged),
                "started_from": self.started_from,
                "random": random,
                "log": self._log.length(),
            },
        )
        self.best.forget_others(self.folder)

    def _finish(self) -> None:
        """Leave the result, and say that it is one."""
        if warning := self.solves.warning():
            self.log({"event": "warning", "text": warning})
        if self.world.leads:
            best, target = self.best.file(self.folder), self.folder / _MATCHED
            if best.exists():
                part = target.with_suffix(".part")
                shutil.copyfile(best, part)
                durable.replace(part, target)
            else:
                self._write_weights(target)
        self.finished = True
        self.save()

    def _write_weights(self, path: Path) -> None:
        write_tensors(path, self.averaged_weights(), {"started_from": self.started_from})

    def _validate(self) -> None:
        """Measure the averaged model, keep it if it is the best so far."""
        with self.world.together():
            if self.validate is not None and self.world.leads:
                figures = self.validate(self.finished_model())
                self.log({"event": "validation", **{k: round(v, 5) for k, v in figures.items()}})
                self.best = self.best.after(figures, self.config.score, self.step)
                if self.best.step == self.step:
                    self._write_weights(self.best.file(self.folder))
        self.best = self.world.agree(self.best)

    def _is_stale(self) -> bool:
        return bool(self.config.patience) and self.best.stale >= self.config.patience

    def _is_free(self, name: str) -> bool:
        """Whether a parameter learns at this step."""
        free = self.step >= self.config.steps - self.config.tower_steps
        if name.startswith("text_tower."):
            return free and self.config.rates.text_tower > 0
        if name.startswith("audio_tower."):
            return free and self.config.rates.audio_tower > 0
        return True

    def _groups(self) -> list[dict[str, Any]]:
        """Return the optimiser's groups, and let nothing else learn."""
        model, rates, decay = self.model, self.config.rates, self.config.weight_decay
        heads = [*model.audio_head.parameters(), *model.text_head.parameters()]
        groups = [
            ("heads", heads, rates.heads, decay),
            ("metric", list(self.metric.parameters()), rates.metric, 0.0),
            ("text_tower", list(model.text_tower.parameters()), rates.text_tower, decay),
            ("audio_tower", list(model.audio_tower.parameters()), rates.audio_tower, decay),
        ]
        for _, parameters, rate, _ in groups:
            for parameter in parameters:
                parameter.requires_grad_(rate > 0)
        return [
            {"name": name, "params": parameters, "peak": rate, "weight_decay": decay}
            for name, parameters, rate, decay in groups
            if rate and parameters
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
        if has_checkpoint(self.folder) and path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            now = json.loads(own)
            changed = [name for name in now if before.get(name) != now[name]]
            if changed:
                raise InputError(
                    f"{self.folder} holds a run with another {' and '.join(changed)}: go on with "
                    "the options it began with, or choose another folder"
                )
        elif self.world.leads:
            durable.put_file(path, own.encode())

    def _start(self) -> None:
        if self.world.leads:
            self._log.cut(0)
            for path in self.folder.glob("best-*.safetensors"):
                path.unlink()
        self.started_from = _digest(self.model)
        self.embedder.freeze(self.source.texts)
        if bool((self.model.audio_head.deviation == 1).all()):  # never fitted to features
            config = self.config
            seed = config.seed if config.init_seed is None else config.init_seed
            sample = self.source.sample(np.random.default_rng(seed))
            audio, text = self.embedder.features_of(sample, self.source.texts)
            self.model.audio_head.standardise(audio)
            self.model.text_head.standardise(text)

    def _resume(self) -> None:
        state = read_checkpoint(self.folder, self.device)
        self.step, self.finished = state["step"], state["finished"]
        self.best, self.started_from = Best(**state["best"]), state["started_from"]
        self.solves.count, self.solves.unconverged = state["solves"]
        if not (self._is_free("text_tower.") and self.step):
            self.embedder.freeze(self.source.texts)  # before loading: by the first tower
        self.model.load_state_dict(state["model"])
        self.metric.load_state_dict(state["ground_metric"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        if len(state["random"]) == self.world.size:
            set_random_state(state["random"][self.world.rank], self.device)
        if self.world.leads:
            self._log.cut(state["log"])
            self.best.forget_others(self.folder)
            if not self.finished:
                self.log({"event": "resumed", "processes": self.world.size})


def reporting(stage: str, steps: int, control: Control) -> Callable[[int, float], None]:
    """Return a watcher of :meth:`Run.run` that reports steps, and stops when asked to."""

    def watch(step: int, loss: float) -> None:
        control.report(Progress(stage, step, steps, f"loss {loss:.3f}"))

    return watch


def _raised(watch: Callable[[int, float], None], step: int, loss: float) -> BaseException | None:
    """Return what a watcher raised, which is a wish to stop."""
    try:
        watch(step, loss)
    except BaseException as wish:
        return wish
    return None


def _digest(model: nn.Module) -> str:
    """Return what a model's weights are known by, before its heads are fitted to features."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if not name.startswith("bank_"):
            found.update(name.encode())
            found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def _digits(value: float) -> float:
    return float(f"{value:.5g}")


def _is_kept(name: str) -> bool:
    return not name.startswith(("audio_tower.", "bank_", "exemplars", "metric."))
