"""From costs of a test set to figures under every protocol, each with its standard error."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trainer.evaluation.metrics import of_each_query, standard_error
from trainer.evaluation.rankings import joint_plan, joint_plan_of_code, library_scores, owners

Figures = dict[str, float]
BLENDS = (0.5, 1.0)  # λ of the library's ranking: chosen on no data, so both are printed
ERROR = "se "  # before a figure's name: its standard error over the test sample


@dataclass(frozen=True)
class EmbeddedSet:
    """A test set as a model sees it: ``cost`` (clips, texts) and what belongs together.

    Costs are in units of ``epsilon``'s; clips of one ``group`` are of one recording.
    """

    cost: Tensor
    relevant: Tensor
    epsilon: float
    texts: Sequence[str]
    groups: Sequence[Hashable]
    paths: Sequence[Path] = ()


def retrieval_figures(exam: EmbeddedSet, name: str) -> Figures:
    """Return retrieval both ways, as ``NAME PROTOCOL t2a R@1`` and so on, and mean R@1.

    Each caption of each sound is a query of its own; for a sound any of its captions counts.
    """
    clip, text = exam.relevant.nonzero().T
    asked = [exam.groups[int(number)] for number in clip]
    figures: Figures = {}
    for protocol, scores in _rankings(exam).items():
        start = f"{name} {protocol}"
        forward = of_each_query(scores.T[text], exam.relevant.T[text])
        figures |= _figures(f"{start} t2a", forward, asked)
        if protocol.startswith("library"):
            continue  # a clip's potential moves no text
        backward = of_each_query(scores, exam.relevant)
        figures |= _figures(f"{start} a2t", backward, exam.groups)
        ways = [figures[f"{start} {way} R@1"] for way in ("t2a", "a2t")]
        figures[f"{start} mean R@1"] = sum(ways) / 2
    return figures


def tagging_figures(exam: EmbeddedSet, name: str) -> Figures:
    """Return zero-shot tagging, as ``NAME PROTOCOL R@1``, and mAP@10 of searching by class.

    mAP of tagging counts all texts; classes that no clip has are offered, but not searched for.
    """
    text = exam.relevant.any(0).nonzero()[:, 0]
    figures: Figures = {}
    for protocol, scores in _rankings(exam).items():
        found = of_each_query(scores.T[text], exam.relevant.T[text])
        figures |= _figures(f"{name} {protocol} t2a", {"map": found["map"]}, None)
        if not protocol.startswith("library"):
            found = of_each_query(scores, exam.relevant, None)
            figures |= _figures(f"{name} {protocol}", found, exam.groups)
    return figures


def unconverged_share(log: Path) -> float:
    """Return the share of a run's solves without convergence, by its log; 0 without solver."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    shares = [event["unconverged"] for event in map(json.loads, lines) if "unconverged" in event]
    return float(shares[-1]) if shares else 0.0


def _rankings(exam: EmbeddedSet) -> dict[str, Tensor]:
    """Return scores (clips, texts) under every protocol."""
    cost, epsilon = exam.cost, exam.epsilon
    owner = owners(exam.relevant)
    found = {
        "plain": -cost,
        "paper": joint_plan(cost, epsilon),
        "paper_code": joint_plan_of_code(cost),
    }
    for blend in BLENDS:
        found[f"library {blend:g}"] = library_scores(cost.T, owner, epsilon, blend).T
    return found


def _figures(start: str, found: dict[str, Tensor], clusters: Sequence[Hashable] | None) -> Figures:
    names = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "map": "mAP"}
    figures: Figures = {}
    for key, values in found.items():
        name = f"{start} {names[key]}"
        figures[name] = float(values.mean())
        figures[ERROR + name] = standard_error(values, clusters)
    return figures


def of_labels(labels: Sequence[str], names: Sequence[str]) -> Tensor:
    """Return (clips, names): which name is a clip's label."""
    return torch.tensor([[own == name for name in names] for own in labels])
