"""How many pairs a second does end-to-end training take, and how much of it is the loss?

Run with ``python -m benchmarks.training_step [DEVICE] [BATCH]`` (default: CUDA and 1,024 where
there is one, else the CPU and 64).  Compact tower and MiniLM, both free, 5 s of noise under 12
words; the towers run in bfloat16.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import load_captioner, load_model
from trainer.data.pairs import ALL, Batch
from trainer.loop.run import Rates, Run, RunConfig

_SECONDS, _STEPS = 5, 3
_WORDS = "a heavy wooden door creaks slowly open in an old empty house"


class Noise:
    """A source of noises, each under its own caption."""

    texts: list[str] = []  # noqa: RUF012 - read only

    def draw(self, rng: np.random.Generator, size: int, share: slice = ALL) -> Batch:
        """Return pairs of noise and a numbered caption."""
        audio = torch.from_numpy(rng.standard_normal((size, 32000 * _SECONDS), np.float32))
        captions = [f"{_WORDS} {number}" for number in range(size)]
        return Batch(0.1 * audio, captions, captions, torch.full((size,), audio.shape[1]))

    def sample(self, rng: np.random.Generator) -> Batch:
        """Return a few pairs."""
        return self.draw(rng, 8)


def main() -> None:
    """Measure and print."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda" if torch.cuda.is_available() else "cpu"
    batch = int(sys.argv[2]) if len(sys.argv) > 2 else 1024 if device == "cuda" else 64
    folder = find_model("default")
    model = load_model(folder).requires_grad_(True)
    config = RunConfig(
        steps=100,
        tower_steps=100,
        batch=batch,
        micro_batch=min(batch, 256),
        rates=Rates(audio_tower=1e-5),
    )
    with tempfile.TemporaryDirectory() as run_folder:
        run = Run(
            Path(run_folder), model, load_captioner(folder).tokenizer, Noise(), config, device
        )
        run.train_step()
        in_loss = 0.0
        inner = run._loss

        def timed(x: torch.Tensor, y: torch.Tensor, keys: list[str]) -> torch.Tensor:
            nonlocal in_loss
            _settle(device)
            began = time.perf_counter()
            value = inner(x, y, keys)
            torch.autograd.grad(value, [x, y], retain_graph=True)
            _settle(device)
            in_loss += time.perf_counter() - began
            return value

        run._loss = timed  # type: ignore[method-assign]
        _settle(device)
        began = time.perf_counter()
        for _ in range(_STEPS):
            run.train_step()
        _settle(device)
        took_s = time.perf_counter() - began
    rows = [
        {
            "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
            "batch": batch,
            "pairs a second": batch * _STEPS / took_s,
            "share of the loss": in_loss / took_s,
        }
    ]
    report("training_step", f"one step end to end, {_SECONDS} s sounds", rows)


def _settle(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
