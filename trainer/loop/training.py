"""The one loop: steps until a run is over, with its log, its checkpoint and a way to stop."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from engine.progress import Cancelled
from trainer.loop.checkpoint import (
    has_checkpoint,
    random_state,
    read_checkpoint,
    set_random_state,
    usable,
    write_checkpoint,
)
from trainer.loop.descent import gradient_norm
from trainer.loop.failures import check_finite, sentences_for_failures
from trainer.loop.log import Event, Log, Tell
from trainer.loop.parallel import World

Outcome = TypeVar("Outcome")  # of a step: its loss, or the terms of it


class Training(ABC, Generic[Outcome]):
    """One run in a folder: ``checkpoint.pt`` and ``log.jsonl``, and what a subclass leaves there.

    The checkpoint holds torch's random states and how long the log was, so that a run which was
    stopped or killed goes on as if it had not been, and no line of the log is written twice.
    """

    optimiser: torch.optim.Optimizer
    finished = False

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        world: World | None = None,
        tell: Tell = lambda event: None,
    ) -> None:
        self.folder, self.device, self.world = folder, device, world or World()
        self.step, self.norm = 0, 0.0
        self._log = Log(folder / "log.jsonl", tell)

    # What a subclass says

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Return whether there is no step left."""

    @abstractmethod
    def train_step(self) -> Outcome:
        """Descend one step, and count it.

        :raises InputError: loss or gradient is no number; it does not enter the weights.
        """

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """Return what the checkpoint holds beside step, random states and log."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`_state` returned."""

    @abstractmethod
    def _begin(self) -> None:
        """Do what comes before the first step of a new run."""

    @abstractmethod
    def _after_step(self, outcome: Outcome) -> None:
        """Log, and validate where it is time."""

    @abstractmethod
    def _is_due(self) -> bool:
        """Return whether it is time for a checkpoint."""

    @abstractmethod
    def _end(self, steps: int, took_s: float) -> None:
        """Leave the result; so many steps were made since this process began."""

    def _check(self, state: Mapping[str, Any]) -> None:
        """Refuse a checkpoint that is not of this run."""

    def _running(self) -> AbstractContextManager[Any]:
        """Return what holds what is needed while steps are made."""
        return nullcontext()

    # What every run does

    def open(self) -> None:
        """Go on from the checkpoint, or begin; called once a subclass is ready."""
        if has_checkpoint(self.folder):
            self._resume()
            return
        if self.world.leads:
            self._log.cut(0)
        self._begin()

    def run(self, watch: Callable[[int, Outcome], None] = lambda step, outcome: None) -> None:
        """Train until it is over; ``watch(step, outcome)`` may raise to stop, which saves.

        What one process wants to stop stops all of them.

        :raises InputError: memory or disk ran out, or loss or gradient became no number.
        """
        first, began = self.step, time.perf_counter()
        with sentences_for_failures(self.folder), self._running():
            while not self.is_over:
                outcome = self.train_step()
                self._after_step(outcome)
                wish = _raised(watch, self.step, outcome)
                stopping, due = self.world.any(wish is not None, self._is_due())
                if stopping:
                    self.log({"event": "stopped"})
                if stopping or due:
                    self.save()
                if stopping:
                    raise wish or Cancelled
            self._end(self.step - first, time.perf_counter() - began)

    def log(self, event: Event) -> None:
        """Append one event to ``log.jsonl`` and tell it."""
        if self.world.leads:
            self._log.append({"step": self.step, **event})

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; every process takes part."""
        random = self.world.collect(random_state(self.device))
        if self.world.leads:
            own = {"step": self.step, "random": random, "log": self._log.length()}
            write_checkpoint(self.folder, {**self._state(), **own})

    def _descend(self, learning: Iterable[nn.Parameter], clip: float) -> None:
        """Take the optimiser's step along the gradients that were left, unless they are none."""
        learning = list(learning)
        self.norm = gradient_norm(learning)
        check_finite("gradient's norm", self.norm, self.step + 1, self.folder)
        if clip:
            nn.utils.clip_grads_with_norm_(learning, clip, torch.tensor(self.norm))
        self.optimiser.step()

    def _resume(self) -> None:
        state = read_checkpoint(self.folder, self.device)
        self._check(state)
        with usable(self.folder):
            self.step = state["step"]
            self._restore(state)
            if len(state["random"]) == self.world.size:
                set_random_state(state["random"][self.world.rank], self.device)
            if self.world.leads:
                self._log.cut(state["log"])
        if not self.finished:
            self.log({"event": "resumed", "processes": self.world.size})


def _raised(
    watch: Callable[[int, Outcome], None], step: int, outcome: Outcome
) -> BaseException | None:
    """Return what a watcher raised, which is a wish to stop."""
    try:
        watch(step, outcome)
    except BaseException as wish:
        return wish
    return None
