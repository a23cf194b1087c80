"""How a whole test set is ranked: jointly as the paper does, or with the library's own words.

Each function takes costs and gives scores, higher is better; the protocols of their names are
told apart in :mod:`trainer.evaluation.protocols`.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from engine.transport import scores, sinkhorn

FOLDS = 10
_CODE_EPSILON, _CODE_ROUNDS = 0.03, 10


def joint_plan(cost: Tensor, epsilon: float) -> Tensor:
    """Return log π of the whole test set, solved until it converged (the paper's section 2.2).

    :param cost: (clips, texts), in units of ``epsilon``'s.
    """
    return sinkhorn(cost, epsilon, tolerance=1e-5).log_plan


def joint_plan_of_code(cost: Tensor) -> Tensor:
    """Return log π as the paper's published code evaluates: ten rounds at ε = 0.03.

    Costs are divided by their largest.  Rounds are those of the paper's algorithm 2, from
    v = 1/m, here in logarithms; after ten of them the clips' marginal may be unmet.
    """
    scaled = cost / cost.max() / -_CODE_EPSILON
    log_a, log_b = (-math.log(size) for size in cost.shape)
    v = torch.full_like(cost[0], log_b)
    for _ in range(_CODE_ROUNDS):
        u = log_a - torch.logsumexp(scaled + v, 1)
        v = log_b - torch.logsumexp(scaled + u[:, None], 0)
    return scaled + u[:, None] + v


def library_scores(
    cost: Tensor, owner: Tensor, epsilon: float, blend: float, folds: int = FOLDS
) -> Tensor:
    """Rank sounds for each text with the library's other texts as the bank.

    Texts are asked in ``folds`` parts.  The bank of a part is every text outside it; the sounds
    are transported to the bank, and s = (λ f − C)/ε with their potentials f.

    :param cost: (texts, windows), in units of ``epsilon``'s.
    :param owner: (texts,) numbers; texts of one number are never in the bank of one another
        (:func:`owners`).
    :return: (texts, windows).
    """
    found = scores(cost, cost.new_zeros(cost.shape[1]), epsilon, 0.0)
    part = fold_of(owner, folds)
    if not blend or int(part.max()) == 0:
        return found
    for number in range(int(part.max()) + 1):
        own = part == number
        solved = sinkhorn(cost[~own].T.contiguous(), epsilon, tolerance=1e-4)
        found[own] = scores(cost[own], solved.f, epsilon, blend)
    return found


def fold_of(owner: Tensor, folds: int = FOLDS) -> Tensor:
    """Return each text's part (texts,); texts of one owner share theirs."""
    names = torch.unique(owner)
    shuffled = np.random.default_rng(0).permutation(len(names))
    return torch.from_numpy(shuffled % min(folds, len(names)))[torch.searchsorted(names, owner)]


def owners(relevant: Tensor) -> Tensor:
    """Return a number for each text: equal where texts are joined by sounds they share.

    Captions of one sound belong together, and so do all captions of sounds that share one.

    :param relevant: (clips, texts) boolean.
    """
    number = torch.arange(relevant.shape[1])
    while True:
        lowest = torch.where(relevant, number, len(number)).amin(1)  # of each clip
        joined = torch.where(relevant, lowest[:, None], len(number)).amin(0)
        joined = torch.minimum(joined, number)
        if torch.equal(joined, number):
            return number
        number = joined
