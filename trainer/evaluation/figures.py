"""Pictures of a run: its curves, the joint space (paper figure 1), a plan (figure 3).

They need the extra ``soundsift[trainer]`` (matplotlib and scikit-learn); without it a run
goes without pictures, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.transport import mahalanobis_cost, sinkhorn

if TYPE_CHECKING:
    from engine.models.match_model import MatchModel
    from engine.models.text_towers import CaptionTokenizer
    from trainer.evaluation.validation import Validation

_PAIRS = 10  # in the plan, as in the paper
_POINTS = 500
_FEWEST_POINTS = 4  # t-SNE asks for more than its perplexity


def draw_run(
    folder: Path,
    model: MatchModel,
    tokenizer: CaptionTokenizer,
    validation: Validation | None,
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Write ``curves.png``, and of a run with validation ``space.png`` and ``plan.png``."""
    try:
        import matplotlib
        import sklearn  # noqa: F401
    except ImportError:
        tell({"event": "note", "text": "no pictures: install the extra soundsift[trainer]"})
        return
    matplotlib.use("Agg")
    draw_curves(folder / "log.jsonl", folder / "curves.png")
    if validation is not None:
        with torch.inference_mode():
            u, v = validation.embed(model)
        relevant = validation.relevant
        draw_space(u, v, relevant, folder / "space.png")
        draw_plan(u, v, relevant, validation.texts, model.spec.ranking.epsilon, folder / "plan.png")


def draw_curves(log: Path, target: Path) -> None:
    """Draw loss and validation of a run's log over its steps."""
    from matplotlib import pyplot

    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    events = [json.loads(line) for line in lines]
    losses = [(e["step"], e["loss"]) for e in events if e["event"] == "loss"]
    checks = [e for e in events if e["event"] == "validation"]
    figure, axes = pyplot.subplots(1, 2 if checks else 1, figsize=(10 if checks else 5, 4))
    left = axes[0] if checks else axes
    if losses:
        left.plot(*zip(*losses, strict=True))
    left.set(xlabel="step", ylabel="loss")
    for name in ("text_to_audio_r1", "audio_to_text_r1", "text_to_audio_r10"):
        points = [(e["step"], e[name]) for e in checks if name in e]
        if points:
            axes[1].plot(*zip(*points, strict=True), label=name.replace("_", " "))
    if checks:
        axes[1].set(xlabel="step", ylabel="recall", ylim=(0, 1))
        axes[1].legend()
    figure.tight_layout()
    figure.savefig(target, dpi=120)
    pyplot.close(figure)


def draw_space(u: Tensor, v: Tensor, relevant: Tensor, target: Path) -> None:
    """Draw sounds and captions of the joint space by t-SNE, a colour a caption."""
    from matplotlib import pyplot
    from sklearn.manifold import TSNE

    first = relevant.float().argmax(1)[:_POINTS]
    named = sorted(set(first.tolist()))
    u = u[:_POINTS]
    both = torch.cat([u, v[named]])
    if len(both) < _FEWEST_POINTS:
        return
    perplexity = float(min(30, max(2, (len(both) - 1) // 3)))
    places = TSNE(perplexity=perplexity, random_state=0, init="pca").fit_transform(both.numpy())
    figure, axes = pyplot.subplots(figsize=(7, 6))
    x, y = places.T
    axes.scatter(x[: len(u)], y[: len(u)], s=8, c=first.tolist(), cmap="hsv", label="sounds")
    rest = slice(len(u), None)
    axes.scatter(
        x[rest], y[rest], s=60, c=named, cmap="hsv", marker="*", edgecolors="k", label="captions"
    )
    axes.legend()
    axes.set(xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(target, dpi=120)
    pyplot.close(figure)


def draw_plan(
    u: Tensor, v: Tensor, relevant: Tensor, texts: list[str], epsilon: float, target: Path
) -> None:
    """Draw the true and the inferred plan between ten sounds and ten of their captions."""
    from matplotlib import pyplot

    chosen: dict[int, int] = {}
    for clip, text in enumerate(relevant.float().argmax(1).tolist()):
        chosen.setdefault(text, clip)
    pairs = list(chosen.items())[:_PAIRS]
    columns = [text for text, _ in pairs]
    plan = sinkhorn(mahalanobis_cost(u[[clip for _, clip in pairs]], v[columns]), epsilon).plan
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 5))
    truth = torch.eye(len(pairs)) / len(pairs)
    for axis, matrix, title in zip(axes, (truth, plan), ("true", "inferred"), strict=True):
        axis.imshow(matrix.numpy(), cmap="viridis", vmin=0, vmax=1 / len(pairs))
        axis.set(title=title, ylabel="sounds", xticks=range(len(pairs)), yticks=[])
        names = [texts[column][:24] for column in columns]
        axis.set_xticklabels(names, rotation=60, ha="right", fontsize=7)
    figure.tight_layout()
    figure.savefig(target, dpi=120)
    pyplot.close(figure)
