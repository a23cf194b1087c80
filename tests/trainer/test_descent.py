"""One gradient of a whole batch, though its parts are embedded one by one."""

import copy

import torch
from torch import nn

from trainer.data.pairs import Batch
from trainer.loop.descent import descend
from trainer.loop.parallel import World


def test_parts_of_a_batch_move_the_statistics_of_batches_once_each():
    torch.manual_seed(0)
    model = nn.ModuleDict({"norm": nn.BatchNorm1d(4), "head": nn.Linear(4, 3)}).train()
    once = copy.deepcopy(model)
    batch = Batch(torch.randn(6, 4), list("abcdef"), list("abcdef"))

    def embed(part: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        x = model["head"](model["norm"](part.audio))
        return x, torch.ones_like(x)

    def loss(x: torch.Tensor, y: torch.Tensor, keys: list[str]) -> torch.Tensor:
        return (x - y).square().mean()

    descend(batch, 2, embed, loss, model, World())
    parts = [once["head"](once["norm"](part.audio)) for part in batch.split(2)]
    loss(torch.cat(parts), torch.ones(6, 3), []).backward()
    for (name, value), other in zip(model.named_buffers(), once.buffers(), strict=True):
        assert torch.equal(value, other), name
    for one, other in zip(model.parameters(), once.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)
    assert model["norm"].track_running_stats
