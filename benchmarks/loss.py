"""How long do loss and gradient take, beside back-propagating through POT's solver?

Run with ``python -m benchmarks.loss``.  Everything from embeddings to the gradients of
embeddings and metric is timed, in float32.  "Early" pairs are hardly alike, as when training
begins, "late" ones nearly matched.  POT solves in the log domain, once with its own defaults
(1,000 iterations, threshold 1e-9) and once with exactly the iterations that scaling needs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import ot
import torch
from torch import Tensor

from benchmarks.report import report
from engine.transport import mahalanobis_cost, sinkhorn
from trainer.objectives.losses import mltm_loss, target_plan

BATCH, DIMENSIONS, EPSILON, REPEATS, TOLERANCE = 256, 1024, 0.05, 5, 1e-6
NOISE = {"early": 6.0, "late": 1.5}

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def embeddings(noise: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return audio (b, d), text (b, d) and the metric's factor (d, d)."""
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(BATCH, DIMENSIONS, generator=generator)
    audio = text + noise * torch.randn(BATCH, DIMENSIONS, generator=generator)
    factor = torch.eye(DIMENSIONS) + 0.01 * torch.randn(DIMENSIONS, DIMENSIONS, generator=generator)
    normalise = torch.nn.functional.normalize
    return normalise(audio, dim=1), normalise(text, dim=1), factor


def by_factor(audio: Tensor, text: Tensor, factor: Tensor) -> Tensor:
    """Return the cost by two matrix products."""
    return mahalanobis_cost(audio @ factor.T, text @ factor.T)


def by_differences(audio: Tensor, text: Tensor, factor: Tensor) -> Tensor:
    """Return the cost as eq. 9 is written, over a b×b×d tensor."""
    difference = audio[:, None, :] - text[None, :, :]
    square = ((difference @ (factor.T @ factor)) * difference).sum(-1)
    return square.clamp(min=1e-6).sqrt()


def ours(audio: Tensor, text: Tensor, factor: Tensor) -> Tensor:
    """Return the loss with the exact gradient."""
    target = target_plan(range(BATCH))
    return mltm_loss(by_factor(audio, text, factor), target, EPSILON, tolerance=TOLERANCE)


def pots(
    cost: Callable[[Tensor, Tensor, Tensor], Tensor], iterations: int, threshold: float
) -> Loss:
    """Return the loss that back-propagates through POT's solver."""

    def loss(audio: Tensor, text: Tensor, factor: Tensor) -> Tensor:
        weights = torch.full((len(audio),), 1.0 / len(audio))
        plan = ot.bregman.sinkhorn_log(
            weights,
            weights,
            cost(audio, text, factor),
            EPSILON,
            numItermax=iterations,
            stopThr=threshold,
            warn=False,
        )
        return -plan.diagonal().log().mean() - torch.log(torch.tensor(float(len(audio))))

    return loss


def measure(loss: Loss, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[float, float, Tensor]:
    """Return seconds (median), the loss and the gradient at the audio embeddings."""
    times, value, gradient = [], 0.0, torch.zeros(0)
    for _ in range(REPEATS):
        audio, text, factor = (x.clone().requires_grad_() for x in inputs)
        began = time.perf_counter()
        result = loss(audio, text, factor)
        result.backward()
        times.append(time.perf_counter() - began)
        assert audio.grad is not None
        value, gradient = float(result.detach()), audio.grad
    return statistics.median(times), value, gradient


def main() -> None:
    """Measure and print."""
    rows = []
    for stage, noise in NOISE.items():
        inputs = embeddings(noise)
        solved = sinkhorn(by_factor(*inputs), EPSILON, tolerance=TOLERANCE, newton=False)
        own_s, own_loss, own_gradient = measure(ours, inputs)
        methods = {
            "POT, same iterations": pots(by_factor, solved.iterations, 0.0),
            "POT, its defaults": pots(by_factor, 1000, 1e-9),
            "POT, cost over b×b×d": pots(by_differences, 1000, 1e-9),
        }
        first = {"pairs": stage, "method": f"exact gradient ({solved.iterations} steps of scaling)"}
        rows.append({**first, "ms": 1000 * own_s, "loss": own_loss, "times": 1.0, "gradients": 0.0})
        for name, method in methods.items():
            took_s, value, gradient = measure(method, inputs)
            difference = float((gradient - own_gradient).norm() / gradient.norm())
            rows.append(
                {
                    "pairs": stage,
                    "method": name,
                    "ms": 1000 * took_s,
                    "loss": value,
                    "times": took_s / own_s,
                    "gradients": difference,
                }
            )
    question = (
        f"m-LTM loss and gradient, b = {BATCH}, d = {DIMENSIONS}, median of {REPEATS}; "
        "gradients: relative difference from ours"
    )
    report("loss", question, rows)


if __name__ == "__main__":
    main()
