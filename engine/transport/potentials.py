"""Ranking one query against a library through the bank's potentials.

A single query has no interesting plan: with one column, its marginal fixes everything.
So the library is transported once to a *bank* of reference texts; what a window owes to
being near everything (a hub) is then known as its potential, one number, and is taken out
of every later query's ranking (docs/retrieval.md; after Sinkhorn normalisation of query
banks, arXiv 2508.02538).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.transport.sinkhorn import Sinkhorn, sinkhorn


def bank_potentials(
    cost: Tensor, epsilon: float, *, tolerance: float = 1e-4, max_iterations: int = 500
) -> Sinkhorn:
    """Transport a sample of the library to the bank.

    :param cost: (windows, texts) between the sample and the bank.
    :return: the solution; its ``g`` (texts,) is what the library keeps.
    """
    return sinkhorn(cost, epsilon, tolerance=tolerance, max_iterations=max_iterations)


def library_potential(cost: Tensor, g: Tensor, epsilon: float) -> Tensor:
    """Return each window's potential, also for windows that the solver never saw.

    f_i = −ε log Σ_k b_k exp((g_k − C_ik)/ε), with uniform b.

    :param cost: (windows, texts) between windows and bank.
    :param g: (texts,) the bank's potentials.
    :return: (windows,).
    """
    texts = torch.log(cost.new_tensor(float(cost.shape[-1])))
    return -epsilon * (torch.logsumexp((g - cost) / epsilon, -1) - texts)


def scores(cost: Tensor, f: Tensor, epsilon: float, blend: float) -> Tensor:
    """Return s_i = (λ f_i − C_iq)/ε: higher is better.

    :param cost: (..., windows) from the query to the windows.
    :param f: (windows,) potentials.
    :param blend: λ in [0, 1]; 0 ranks by distance alone, 1 by the plan's column.
    """
    return (blend * f - cost) / epsilon


def strength(cost: Tensor, f: Tensor, epsilon: float, query_potential: float = 0.0) -> Tensor:
    """Return the match strength p_i in [0, 1] of each window for one query.

    p_i = w / (w + Σ_k b_k exp((g_k − C_ik)/ε)) with w = exp((g_q − C_iq)/ε): how much better
    this query explains the window than the bank does.  The sum is exp(−f_i/ε), so the bank
    itself is not needed.  With λ f in place of f the bank counts for less, as in the score.

    :param cost: (..., windows) from the query to the windows.
    :param f: (windows,) potentials.
    :param query_potential: g_q in units of the cost, the calibrated handicap of a query.
    """
    return torch.sigmoid((query_potential - cost + f) / epsilon)
