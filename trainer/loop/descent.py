"""The gradient of one plan over a whole batch, however it is embedded: in parts, by many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainer.data.pairs import Batch
from trainer.loop.checkpoint import random_state, set_random_state
from trainer.loop.parallel import World

Embed = Callable[[Batch], tuple[Tensor, Tensor]]
Loss = Callable[[Tensor, Tensor, list[str]], Tensor]
_BY_THE_BATCH = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def descend(
    batch: Batch, micro_batch: int, embed: Embed, loss: Loss, model: nn.Module, world: World
) -> float:
    """Leave the gradients of a batch; its plan spans all processes and micro-batches.

    Several parts are embedded twice, first without a graph for the loss, then each with one
    for its share of the gradient (Gao et al., *Scaling deep contrastive learning batch size
    under memory limited setup*, RepL4NLP 2021).  Running statistics of batches take notice of
    each part once.
    """
    parts = batch.split(micro_batch)
    if len(parts) == 1 and world.size == 1:
        found = loss(*embed(parts[0]), batch.keys)
        found.backward()  # type: ignore[no-untyped-call]
        return float(found.detach())
    device = str(next(model.parameters()).device)
    states, embedded = [], []
    with torch.no_grad(), _statistics_kept(model):
        for part in parts:
            states.append(random_state(device))
            embedded.append(embed(part))
    x, y = (torch.cat(side) for side in zip(*embedded, strict=True))
    x, y = (world.gather(side).requires_grad_() for side in (x, y))
    found = loss(x, y, batch.keys)
    found.backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None and y.grad is not None
    start = world.share(len(batch.keys)).start
    for part, state in zip(parts, states, strict=True):
        set_random_state(state, device)
        rows = slice(start, start := start + len(part.captions))
        sides = zip(embed(part), (x.grad[rows], y.grad[rows]), strict=True)
        learning = [(z, gradient) for z, gradient in sides if z.requires_grad]
        torch.autograd.backward([z for z, _ in learning], [g for _, g in learning])
    named = model.named_parameters()  # the metric's gradient is whole on every process
    world.sum_gradients([p for n, p in named if not n.startswith("metric.")])
    return float(found.detach())


def descend_one_cycle(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[], Tensor],
    steps: int,
    rate: float,
    weight_decay: float,
    watch: Callable[[int], None],
    clip: float | None = None,
) -> None:
    """Descend a loss that draws its own batch, in one cycle of the rate, by AdamW.

    For parts so small that nobody waits: no checkpoint is kept.

    :param rate: the highest one (Smith and Topin, *Super-convergence*, 2018).
    :param watch: told each step; may raise to stop.
    :param clip: the largest norm of the gradient, if any.
    """
    learning = list(parameters)
    optimiser = torch.optim.AdamW(learning, rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        if clip is not None:
            nn.utils.clip_grad_norm_(learning, clip)
        optimiser.step()
        schedule.step()
        watch(step)


@contextmanager
def _statistics_kept(model: nn.Module) -> Iterator[None]:
    """Let layers that normalise by the batch do so without taking notice of it."""
    layers = [m for m in model.modules() if isinstance(m, _BY_THE_BATCH) and m.training]
    noticing = [layer for layer in layers if layer.track_running_stats]
    for layer in noticing:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in noticing:
            layer.track_running_stats = True


def gradient_norm(parameters: Iterable[nn.Parameter]) -> float:
    """Return the length of all gradients together; no number if one of them is none."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return float(nn.utils.get_total_norm(gradients)) if gradients else 0.0
