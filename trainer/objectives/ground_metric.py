"""The ground metric while it is learnt: c(x, y) = sqrt((x − y)ᵀ M (x − y)), paper eq. 9.

Whatever is learnt here ends as a factor L of M = LᵀL, which is all that a finished model
knows (:class:`engine.models.match_model.Metric`).

==============  ============================================================================
``full``        a factor L (rank × d), pulled towards where it starts as strongly as asked
``diagonal``    one scale a dimension
``euclidean``   the identity, nothing to learn
``projected``   M itself, projected onto the positive semi-definite cone after each step
``paper_code``  what the paper's published code does, for side-by-side runs only: it reads
                only the diagonal of M, and its projection changes nothing
==============  ============================================================================

M of the last two starts at the identity, or, as the paper's appendix A.1 has it, at
(A + Aᵀ)/2 + 1 of a random A (:func:`symmetric_start`).  Costs are in units of a constant, or
of the largest of their batch (:func:`scaled_cost`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.models.match_model import Metric
from engine.transport import mahalanobis_cost

_FLOOR = 1e-6  # as in mahalanobis_cost: the root's gradient is infinite at 0


class GroundMetric(nn.Module):
    """A metric on embeddings (…, d) of length 1, learnt through :meth:`cost`."""

    def forward(self, z: Tensor) -> Tensor:
        """Return mapped vectors u = L z (…, rank)."""
        return z @ self.factor().T

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the ground cost (n, m) of embeddings x (n, d) and y (m, d)."""
        return mahalanobis_cost(self(x), self(y))

    def factor(self) -> Tensor:
        """Return L (rank, d)."""
        raise NotImplementedError

    def penalty(self) -> Tensor | float:
        """Return what is added to the loss."""
        return 0.0

    def project(self) -> None:
        """Return to the set of metrics, after a step has left it."""


class FullMetric(GroundMetric):
    """Learn the factor; M is positive semi-definite by construction.

    :param metric: the model's, whose factor is trained in place.
    :param pull: weight of ‖L − L₀‖², which keeps a free L from over-fitting small sets; L₀ is
        the identity, or what a trained model's metric is.
    """

    def __init__(self, metric: Metric, pull: float = 0.0) -> None:
        super().__init__()
        self.inner, self.pull = metric, pull
        self.register_buffer("start", metric.factor.detach().clone())

    def factor(self) -> Tensor:
        """Return L (rank, d)."""
        return self.inner.factor

    def penalty(self) -> Tensor | float:
        """Return ``pull`` ‖L − L₀‖²."""
        if not self.pull:
            return 0.0
        return self.pull * (self.inner.factor - self.get_buffer("start")).square().sum()


class DiagonalMetric(GroundMetric):
    """Learn one scale a dimension."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dimensions))

    def factor(self) -> Tensor:
        """Return the diagonal L (d, d)."""
        return torch.diag(self.scale)


class EuclideanMetric(GroundMetric):
    """Learn nothing: L is the identity."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("identity", torch.eye(dimensions))

    def factor(self) -> Tensor:
        """Return the identity (d, d)."""
        return self.get_buffer("identity")


class ProjectedMetric(GroundMetric):
    """Learn M and project it after each step (the paper's section 3.2, done right).

    The nearest positive semi-definite matrix in the Frobenius norm: symmetrise, then clamp
    the eigenvalues at 0 (Higham, *Linear Algebra and its Applications*, 1988).

    :param start: M to begin with (d, d), projected at once: eq. 9 takes a root.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(start.clone())
        self.project()

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the ground cost (n, m) from M, over no n×m×d tensor."""
        mapped_x, mapped_y = x @ self.matrix, y @ self.matrix
        square = (mapped_x * x).sum(-1)[:, None] + (mapped_y * y).sum(-1)[None, :]
        cross = mapped_x @ y.T
        square = square - cross - x @ mapped_y.T  # M need not be symmetric during a step
        return square.clamp(min=_FLOOR).sqrt()

    def factor(self) -> Tensor:
        """Return the symmetric root of M (d, d)."""
        values, vectors = torch.linalg.eigh((self.matrix + self.matrix.T) / 2)
        root: Tensor = (vectors * values.clamp(min=0.0).sqrt()) @ vectors.T
        return root

    @torch.no_grad()
    def project(self) -> None:
        """Replace M by the nearest positive semi-definite matrix."""
        values, vectors = torch.linalg.eigh((self.matrix + self.matrix.T) / 2)
        self.matrix.copy_((vectors * values.clamp(min=0.0)) @ vectors.T)


class PaperCodeMetric(GroundMetric):
    """Do what the paper's published code does, which is not what the paper says.

    Its product over ``"ijk,ikj,kk->ij"`` reads the diagonal of M alone; clamping the
    *singular* values of M at 0 projects nothing, since they are never negative (and U S Vᵀ is
    M again), so that no projection is needed here.

    :param start: M to begin with (d, d).
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter(start.clone())

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """Return distances under the diagonal of M."""
        weight = self.matrix.diagonal()
        square = (x.square() @ weight)[:, None] + (y.square() @ weight)[None, :]
        square = square - 2.0 * (x * weight) @ y.T
        return square.clamp(min=_FLOOR).sqrt()

    def factor(self) -> Tensor:
        """Return the diagonal L (d, d); where M's diagonal is negative, 0."""
        return torch.diag(self.matrix.diagonal().clamp(min=0.0).sqrt())


METRICS = ("full", "diagonal", "euclidean", "projected", "paper_code")
WITH_START = ("projected", "paper_code")  # whose parameter is M
STARTS = ("identity", "symmetric")
SCALES = ("fixed", "batch_max")


def make_ground_metric(
    name: str, metric: Metric, pull: float = 0.0, start: str = "identity"
) -> GroundMetric:
    """Return the metric of that name for a model's (rank × d) ``metric``.

    :param start: one of :data:`STARTS`, for those metrics whose parameter is M.
    :raises KeyError: there is none of that name; there are :data:`METRICS`.
    """
    dimensions = metric.factor.shape[1]

    def matrix() -> Tensor:
        return symmetric_start(dimensions) if start == "symmetric" else torch.eye(dimensions)

    makers: dict[str, Callable[[], GroundMetric]] = {
        "full": lambda: FullMetric(metric, pull),
        "diagonal": lambda: DiagonalMetric(dimensions),
        "euclidean": lambda: EuclideanMetric(dimensions),
        "projected": lambda: ProjectedMetric(matrix()),
        "paper_code": lambda: PaperCodeMetric(matrix()),
    }
    return makers[name]()


def symmetric_start(dimensions: int) -> Tensor:
    """Return (A + Aᵀ)/2 + 1 (d, d), drawn with torch's seed (the paper's appendix A.1).

    The 1 is added to every entry, as it is printed.  The paper does not say how A is drawn;
    here its entries are uniform in [0, 1), which keeps the diagonal, all that ``paper_code``
    reads of M, above 0.
    """
    a = torch.rand(dimensions, dimensions)
    return (a + a.T) / 2 + 1.0


def scaled_cost(cost: Tensor, scale: str, constant: float = 1.0) -> Tensor:
    """Return costs over a ``constant`` (``fixed``) or over their largest (``batch_max``).

    The gradient passes through the largest: the loss then does not depend on the scale of M,
    and its gradient does not pretend so.
    """
    return cost / (cost.max() if scale == "batch_max" else constant)
