"""How long does entropic transport take to converge, beside plain scaling, POT and OTT?

Run with ``python -m benchmarks.solver``; it needs the data folder and, for all rows, POT (the extra
``dev``) and ``pip install ott-jax``.  Costs are those of real pairs: training clips and
their labels as the shipped model embeds them.  Every method solves the same float32 matrix until
it finds the columns' marginals (OTT: its own error) met to 1e-5 (ℓ1), or gives up after the
iterations named in ``MOST``; what error its plan really has is measured afterwards in float64.
Methods take turns; of 256 pairs the median of five rounds is printed, of 4,096 one.  What want of
convergence does to training is the last column: by how much the gradient (π̂ − π)/ε of a batch
differs from the one at the solution, relative to its norm.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import report
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from engine.torch_setup import set_threads
from engine.transport import mahalanobis_cost, sinkhorn
from trainer.data.manifest import TRAIN, datasets_folder, labelled_clips
from trainer.evaluation.protocols import embed_sounds

TOLERANCE = 1e-5
EPSILONS = {256: (0.05, 0.03, 0.01), 4096: (0.05, 0.03)}
MOST = {256: 20_000, 4096: 300}  # iterations after which a method gives up
OTT_WAYS: dict[str, dict[str, int]] = {"OTT": {}, "OTT, Anderson (memory 5)": {"anderson": 5}}
ROUNDS = {256: 5, 4096: 1}

Solution = tuple[Tensor, int]  # plan, iterations
Method = Callable[[Tensor, float, int], Solution]


def real_pairs(count: int) -> tuple[Tensor, Tensor]:
    """Return mapped vectors (count, rank) of clips and of their labels."""
    clips = labelled_clips(datasets_folder(), TRAIN)
    chosen = [clips[i] for i in np.random.default_rng(0).permutation(len(clips))[:count]]
    folder = find_model("default")
    audio_encoder, text_encoder = load_audio_encoder(folder), load_text_encoder(folder)
    heard = embed_sounds(audio_encoder, (clip.path for clip in chosen), Control(), mapped=False)
    labels = sorted({clip.label for clip in chosen})
    place = {label: index for index, label in enumerate(labels)}
    texts = text_encoder(labels)[[place[clip.label] for clip in chosen]]
    return audio_encoder.model.map_features(heard.means()), texts


def ours(cost: Tensor, epsilon: float, most: int) -> Solution:
    """Solve by scaling, finished by Newton's method."""
    solved = sinkhorn(cost, epsilon, tolerance=TOLERANCE, max_iterations=most)
    return solved.plan, solved.iterations


def plain(cost: Tensor, epsilon: float, most: int) -> Solution:
    """Solve by stabilised scaling alone."""
    solved = sinkhorn(cost, epsilon, tolerance=TOLERANCE, max_iterations=most, newton=False)
    return solved.plan, solved.iterations


def short(cost: Tensor, epsilon: float, most: int) -> Solution:
    """Take 100 steps of scaling, as training did before."""
    return plain(cost, epsilon, 100)


def pots(cost: Tensor, epsilon: float, most: int) -> Solution:
    """Solve by POT in the log domain; its threshold is on the ℓ2 norm of the violation."""
    import ot

    n, m = cost.shape
    a, b = torch.full((n,), 1 / n).to(cost), torch.full((m,), 1 / m).to(cost)
    plan, log = ot.bregman.sinkhorn_log(
        a, b, cost, epsilon, most, TOLERANCE / m**0.5, warn=False, log=True
    )
    return plan, int(log["niter"])


def otts(cost: Tensor, epsilon: float, most: int, **options: int) -> Solution:
    """Solve by OTT on the CPU, compiled before it is timed."""
    key = (tuple(cost.shape), epsilon, most, tuple(options.items()))
    plan, iterations = _compiled(key, options)(cost.numpy())
    return torch.from_numpy(np.asarray(plan)), int(iterations)


_KEPT: dict[Any, Callable[[Any], Any]] = {}


def _compiled(key: Any, options: dict[str, int]) -> Callable[[Any], Any]:
    if key in _KEPT:
        return _KEPT[key]
    import jax
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import acceleration
    from ott.solvers.linear import sinkhorn as ott_sinkhorn

    (_, epsilon, most, _) = key
    speed = {}
    if "anderson" in options:
        speed = {"anderson": acceleration.AndersonAcceleration(memory=options["anderson"])}
    solver = ott_sinkhorn.Sinkhorn(threshold=TOLERANCE, max_iterations=most, **speed)

    def solve(cost: Any) -> Any:
        problem = linear_problem.LinearProblem(geometry.Geometry(cost, epsilon=epsilon))
        found = solver(problem)
        return found.matrix, found.n_iters

    compiled = jax.jit(solve).lower(np.zeros(key[0], np.float32)).compile()

    def timed(cost: Any) -> Any:
        return jax.block_until_ready(compiled(cost))

    _KEPT[key] = timed
    return timed


def methods() -> dict[str, Method]:
    """Return what is there to compare."""
    found: dict[str, Method] = {
        "ours: scaling, then Newton": ours,
        "ours: scaling alone": plain,
        "ours: 100 steps of scaling": short,
    }
    if importlib.util.find_spec("ot"):
        found["POT, sinkhorn_log"] = pots
    if importlib.util.find_spec("ott"):
        found |= {name: partial(otts, **options) for name, options in OTT_WAYS.items()}
    return found


def error(plan: Tensor) -> float:
    """Return the larger ℓ1 distance of a plan's marginals from uniform ones."""
    plan = plan.double()
    rows, columns = plan.sum(1), plan.sum(0)
    return max(float((x - 1 / len(x)).abs().sum()) for x in (rows, columns))


def gradient_error(plan: Tensor, exact: Tensor) -> float:
    """Return how far the loss's gradient by ``plan`` is from that by the solution."""
    wanted = torch.eye(len(plan), dtype=torch.float64) / len(plan)
    return float((plan.double() - exact).norm() / (wanted - exact).norm())


def compare(cost: Tensor, epsilon: float) -> list[dict[str, Any]]:
    """Return a row for each method."""
    size = len(cost)
    times: dict[str, list[float]] = {name: [] for name in methods()}
    ends: dict[str, Solution] = {}
    if importlib.util.find_spec("ott"):  # compiling is not solving
        for options in OTT_WAYS.values():
            _compiled((tuple(cost.shape), epsilon, MOST[size], tuple(options.items())), options)
    for _ in range(ROUNDS[size]):
        for name, method in methods().items():
            began = time.perf_counter()
            ends[name] = method(cost, epsilon, MOST[size])
            times[name].append(time.perf_counter() - began)
    exact = sinkhorn(cost.double(), epsilon, tolerance=1e-9, max_iterations=MOST[size]).plan
    own = statistics.median(times[next(iter(times))])
    rows = []
    for name, (plan, iterations) in ends.items():
        took = statistics.median(times[name])
        rows.append(
            {
                "pairs": size,
                "ε": epsilon,
                "method": name,
                "iterations": iterations,
                "seconds": took,
                "times ours": took / own,
                "error of the plan": error(plan),
                "gradient off by": gradient_error(plan, exact),
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=sorted(MOST), choices=MOST)
    sizes = parser.parse_args(arguments).sizes
    warnings.filterwarnings("ignore", category=UserWarning)
    set_threads(None)
    audio, text = real_pairs(max(sizes))
    rows = []
    for size in sizes:
        cost = mahalanobis_cost(audio[:size], text[:size])
        for epsilon in EPSILONS[size]:
            rows += compare(cost, epsilon)
    report("solver", f"Entropic transport of real pairs to {TOLERANCE:g} (ℓ1), float32 costs", rows)


if __name__ == "__main__":
    main()
