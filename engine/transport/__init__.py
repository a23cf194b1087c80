"""Optimal transport between embeddings: pure tensors, no files, no SQL.

Every function takes costs or vectors on any device and of any floating type, with leading
batch dimensions where its docstring shows ``...``.  Plans are written
π_ij = a_i b_j exp((f_i + g_j − C_ij)/ε) with potentials f and g (Peyré & Cuturi,
*Computational Optimal Transport*, 2019, section 4.4).
"""

from engine.transport.cost import mahalanobis_cost, map_vectors
from engine.transport.partial import PartialPlan, partial_sinkhorn
from engine.transport.potentials import bank_potentials, library_potential, scores, strength
from engine.transport.relaxed import relaxed_potentials
from engine.transport.sinkhorn import Sinkhorn, sinkhorn

__all__ = [
    "PartialPlan",
    "Sinkhorn",
    "bank_potentials",
    "library_potential",
    "mahalanobis_cost",
    "map_vectors",
    "partial_sinkhorn",
    "relaxed_potentials",
    "scores",
    "sinkhorn",
    "strength",
]
