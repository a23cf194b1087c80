"""The training loop: m-LTM or a baseline, on frozen features or end to end."""

from __future__ import annotations

import copy
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import durable
from engine.errors import InputError
from engine.models.match_model import MatchModel
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control, Progress
from trainer.data.feature_blocks import add_weights
from trainer.data.loader import Loader
from trainer.data.pairs import PairSource
from trainer.loop.checkpoint import (
    CheckpointPolicy,
    Due,
    read_tensors,
    write_tensors,
)
from trainer.loop.config import RunConfig, claim_folder
from trainer.loop.descent import descend
from trainer.loop.embedding import Embedder, LoaderConfig
from trainer.loop.failures import check_finite
from trainer.loop.learning import learns, optimiser_groups, trained
from trainer.loop.log import Event, Tell, tensorboard
from trainer.loop.parallel import World
from trainer.loop.progress import Best, Solves
from trainer.loop.schedule import update_average, warm_up_cosine
from trainer.loop.training import Training
from trainer.objectives.ground_metric import make_ground_metric, scaled_cost
from trainer.objectives.losses import TRANSPORT, make_objective, target_plan

BESIDE_HEADS = ("audio_tower.", "bank_", "exemplars", "memory.", "filed.")  # of a model's weights
Validate = Callable[[MatchModel], dict[str, float]]
_MATCHED = "matched.safetensors"
_LOG_EVERY = 25  # steps


class Run(Training[float]):
    """One run of matching in a folder, with its ``config.json``.

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
        source: PairSource,
        config: RunConfig,
        device: str = "cpu",
        world: World | None = None,
        validate: Validate | None = None,
        rehearse: Callable[[MatchModel], Tensor] | None = None,
        tell: Tell = lambda event: None,
        texts_read: dict[str, Tensor] | None = None,
        keeping: CheckpointPolicy | None = None,
        board: bool = False,
        feeding: LoaderConfig | None = None,
    ) -> None:
        super().__init__(folder, device, world, tell)
        self.model, self.source, self.config = model.to(device), source, config
        self.validate, self.rehearse = validate, rehearse
        if config.batch % self.world.size:
            raise InputError(f"a batch of {config.batch} is not divisible by {self.world.size}")
        self.solves, self.best = Solves(), Best()
        self.started_from, self._trained_on = "", source.digest()  # weights and pairs, by digest
        self.objective = make_objective(config.objective, self.solves)
        torch.manual_seed(config.starts_from)
        metric = make_ground_metric(
            config.ground_metric, model.metric, config.metric_pull, config.metric_start
        )
        self.metric = metric.to(device)
        model.set_dropout(config.dropout)
        groups = optimiser_groups(self.model, self.metric, config)
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimiser]
        self.optimiser = kind(groups, weight_decay=config.weight_decay)
        feeding = feeding or LoaderConfig()
        self.embedder = Embedder(
            self.model,
            tokenizer,
            config.feature_noise,
            config.augment,
            config.mixed_precision,
            device,
            texts_read,
            feeding,
        )
        share, pinned = self.world.share(config.batch), device.startswith("cuda")
        self.loader = Loader(
            source, config.seed, config.batch, share, feeding.workers, config.steps, pinned
        )
        torch.manual_seed(config.seed + 1_000_003 * self.world.rank)
        folder.mkdir(parents=True, exist_ok=True)
        claim_folder(folder, config, self.world.leads)
        learning = trained(self.model, self.metric, config)
        self.average = {name: p.detach().clone() for name, p in learning.items()}
        self.open()
        if board and self.world.leads:
            self._log.board = tensorboard(folder / "tensorboard", self.step)
        self._due = Due(keeping or CheckpointPolicy())

    @property
    def is_over(self) -> bool:
        """Return whether there is no step left, or no hope."""
        config, best = self.config, self.best
        hopeless = bool(config.patience) and best.stale >= config.patience
        return self.finished or self.step >= config.steps or hopeless

    def train_step(self) -> float:
        """Draw a batch, descend one step, return the loss.

        :raises InputError: loss or gradient is no number; it does not enter the weights.
        """
        config = self.config
        batch = self.loader(self.step).to(self.device)
        sides = ("audio", "text")
        self.embedder.free = {s for s in sides if learns(f"{s}_tower.", config, self.step)}
        self.model.train()
        self.model.audio_tower.train(config.tower_training)
        factor = 1.0
        if config.schedule == "cosine":
            factor = warm_up_cosine((self.step + 0.5) / config.steps, config.warm_up)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimiser.zero_grad()
        loss = descend(batch, config.micro_batch, self.embedder, self._loss, self.model, self.world)
        check_finite("loss", loss, self.step + 1, self.folder)
        if self.rehearse is not None:
            self.rehearse(self.model).backward()  # type: ignore[no-untyped-call]
        learning = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._descend(learning, config.clip)
        self.metric.project()
        named = trained(self.model, self.metric, config)
        free = {name: p for name, p in named.items() if learns(name, config, self.step)}
        update_average(self.average, free, config.average_decay, self.step)
        self.step += 1
        return loss

    def _loss(self, x: Tensor, y: Tensor, keys: list[str]) -> Tensor:
        config, ranking = self.config, self.model.spec.ranking
        scale = config.cost_scale if config.objective.name in TRANSPORT else "fixed"
        cost = scaled_cost(self.metric.cost(x, y), scale, ranking.cost_scale)
        return self.objective(cost, target_plan(keys, self.device)) + self.metric.penalty()

    def _facts(self) -> Event:
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
        """Return the model that a finished run left, in evaluation mode, on the CPU.

        :raises InputError: its weights are gone or damaged.
        """
        tensors, _ = read_tensors(self.folder / _MATCHED)
        model = copy.deepcopy(self.model).to("cpu")
        model.load_state_dict(tensors, strict=False)
        return model.eval().requires_grad_(False)

    def save(self) -> None:
        """Write the checkpoint, and forget what was the best before."""
        self._due.done()
        super().save()
        if self.world.leads:
            self.best.forget_others(self.folder)

    def _state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "ground_metric": self.metric.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "finished": self.finished,
            "best": self.best.to_dict(),
            "solves": (self.solves.count, self.solves.unconverged),
            "started_from": self.started_from,
            "trained_on": self._trained_on,
        }

    @contextmanager
    def _running(self) -> Iterator[None]:
        with closing(self.loader):
            self.world.spread([*self.model.state_dict().values(), *self.metric.parameters()])
            yield

    def _after_step(self, outcome: float) -> None:
        if self.step % _LOG_EVERY == 0 or self.step in (1, self.config.steps):
            self.log({"event": "loss", "loss": round(outcome, 5), **self._facts()})
        every = self.config.validate_every
        if every and (self.step % every == 0 or self.step == self.config.steps):
            self._validate()

    def _is_due(self) -> bool:
        return self._due(self.step)

    def _end(self, steps: int, took_s: float) -> None:
        if self.world.leads and steps:  # told, but not logged: it never repeats
            self._log.tell(_fed(self.loader, steps, took_s))
        if not self.finished:
            self._finish()

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

    def _begin(self) -> None:
        if self.world.leads:
            for path in self.folder.glob("best-*.safetensors"):
                path.unlink()
        self.started_from = digest_of(self.model)
        self.embedder.freeze(self.source.texts)
        fitted = not bool((self.model.audio_head.deviation == 1).all())
        if self.config.standardise and not fitted:
            sample = self.source.sample(np.random.default_rng(self.config.starts_from))
            audio, text = self.embedder.features_of(sample, self.source.texts)
            self.model.audio_head.standardise(audio)
            self.model.text_head.standardise(text)

    def _check(self, state: Mapping[str, Any]) -> None:
        if state.get("trained_on", self._trained_on) != self._trained_on:
            raise InputError(
                f"the sounds, captions or labels that {self.folder} is trained on have changed "
                "since the run began: put them back, or choose another folder"
            )

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.finished = state["finished"] and (self.folder / _MATCHED).is_file()
        self.best, self.started_from = Best(**state["best"]), state["started_from"]
        self.solves.count, self.solves.unconverged = state["solves"]
        if not (learns("text_tower.", self.config, self.step) and self.step):
            self.embedder.freeze(self.source.texts)  # before loading: by the first tower
        self.model.load_state_dict(state["model"])
        self.metric.load_state_dict(state["ground_metric"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        if self.world.leads:
            self.best.forget_others(self.folder)


def _fed(loader: Loader, steps: int, took_s: float) -> Event:
    """Return how fast steps went, and how much of their time was waiting for batches."""
    speed, waited = steps / took_s, loader.waited_s / took_s
    return {"event": "fed", "steps_per_s": round(speed, 3), "waited": round(waited, 4)}


def reporting(stage: str, steps: int, control: Control) -> Callable[[int, float], None]:
    """Return a watcher of :meth:`Run.run` that reports steps, and stops when asked to."""

    def watch(step: int, loss: float) -> None:
        control.report(Progress(stage, step, steps, f"loss {loss:.3f}"))

    return watch


def digest_of(model: nn.Module) -> str:
    """Return what a model's weights are known by, before its heads are fitted to features."""
    found = hashlib.sha256()
    own = {name: tensor for name, tensor in model.state_dict().items() if name[:5] != "bank_"}
    add_weights(found, own)
    return found.hexdigest()


def _digits(value: float) -> float:
    return float(f"{value:.5g}")


def _is_kept(name: str) -> bool:
    return not name.startswith((*BESIDE_HEADS, "metric."))
