"""How long do loss and gradient take, beside back-propagating through POT's solver?

Run with ``python -m benchmarks.loss``.  Both solve the same problem with the same number of
Sinkhorn iterations, in the log domain, in float32.
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
from trainer.losses import mltm_loss, target_plan

BATCH, DIMENSIONS, EPSILON, REPEATS = 256, 1024, 0.05, 7


def embeddings() -> tuple[Tensor, Tensor, Tensor]:
    """Return pairs as they are in the middle of training: near, but not equal."""
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(BATCH, DIMENSIONS, generator=generator)
    audio = text + 1.5 * torch.randn(BATCH, DIMENSIONS, generator=generator)
    factor = torch.eye(DIMENSIONS) + 0.01 * torch.randn(DIMENSIONS, DIMENSIONS, generator=generator)
    normalise = torch.nn.functional.normalize
    return normalise(audio, dim=1), normalise(text, dim=1), factor


def main() -> None:
    """Measure and print."""
    audio, text, factor = embeddings()
    target = target_plan(range(BATCH))
    iterations = sinkhorn(
        mahalanobis_cost(audio @ factor.T, text @ factor.T), EPSILON, tolerance=1e-5
    ).iterations
    weights = torch.full((BATCH,), 1.0 / BATCH)

    def ours(cost: Tensor) -> Tensor:
        return mltm_loss(cost, target, EPSILON, tolerance=0.0, max_iterations=iterations)

    def pots(cost: Tensor) -> Tensor:
        plan = ot.bregman.sinkhorn_log(
            weights, weights, cost, EPSILON, numItermax=iterations, stopThr=0.0, warn=False
        )
        return -plan.diagonal().log().mean() - torch.log(torch.tensor(float(BATCH)))

    def measure(loss: Callable[[Tensor], Tensor]) -> tuple[float, float, Tensor]:
        times, value, gradient = [], 0.0, torch.zeros(0)
        for _ in range(REPEATS):
            a, learnt = audio.clone().requires_grad_(), factor.clone().requires_grad_()
            began = time.perf_counter()
            result = loss(mahalanobis_cost(a @ learnt.T, text @ learnt.T))
            result.backward()
            times.append(time.perf_counter() - began)
            assert a.grad is not None
            value, gradient = float(result.detach()), a.grad
        return statistics.median(times), value, gradient

    our_s, our_loss, our_gradient = measure(ours)
    pot_s, pot_loss, pot_gradient = measure(pots)
    difference = float((our_gradient - pot_gradient).abs().max())
    relative = difference / float(pot_gradient.abs().max())
    question = (
        f"m-LTM loss and gradient, b = {BATCH}, d = {DIMENSIONS}, "
        f"{iterations} Sinkhorn iterations, median of {REPEATS}"
    )
    rows = [
        {"method": "exact gradient", "ms": 1000 * our_s, "loss": our_loss, "speed": pot_s / our_s},
        {"method": "POT, unrolled", "ms": 1000 * pot_s, "loss": pot_loss, "speed": 1.0},
    ]
    report("loss", question, rows)
    print(f"largest difference of gradients {difference:.2e} (relative {relative:.2e})")


if __name__ == "__main__":
    main()
