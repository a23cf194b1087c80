"""The paper's figures 4 and 5: what captions find, as a sheet to look at.

Some captions of the test set, and the first three sounds that each loss finds for each; the
captions' own sounds are marked.  The sheet is Markdown; with matplotlib (the extra
``soundsift[trainer]``) it is a picture, too, of the sounds' log-mels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from engine.audio.decode import decode
from engine.models.frontend import LogMel
from engine.models.spec import FrontEnd
from trainer.experiments.measure import EmbeddedSet
from trainer.experiments.tables import Arm

SHEETS = {"figure4": 4, "figure5": 5}  # the seed that draws the captions
_LOSSES = {"m-LTM": Arm(), "contrastive": Arm("contrastive", metric="euclidean")}
_CAPTIONS, _SHOWN = 6, 3


class Data(Protocol):
    """What can train an arm and rank a test set with it."""

    protocol: str

    def exam(self, arm: Arm, seed: int) -> EmbeddedSet:
        """Return what an arm makes of the test set."""


@dataclass(frozen=True)
class Found:
    """The first sounds found for a caption, and which of them carry it."""

    loss: str
    caption: str
    paths: Sequence[Path]
    right: Sequence[bool]


def run_sheet(name: str, data: Data, folder: Path) -> str:
    """Train both losses, write ``NAME.md`` and ``NAME.png``, and return the Markdown."""
    exams = {loss: data.exam(arm, 1) for loss, arm in _LOSSES.items()}
    found = [row for loss, exam in exams.items() for row in first_three(exam, loss, SHEETS[name])]
    text = sheet(name, found)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    try:
        import matplotlib
    except ImportError:
        return text + "\n\n(no picture: install the extra soundsift[trainer])"
    matplotlib.use("Agg")
    _draw(found, folder / f"{name}.png")
    return text + f"\n\nPicture: {folder / name}.png"


def first_three(exam: EmbeddedSet, loss: str, seed: int) -> list[Found]:
    """Return the first three sounds of some captions, by distance."""
    rng = np.random.default_rng(seed)
    asked = exam.relevant.any(0).nonzero()[:, 0].tolist()
    chosen = sorted(rng.permutation(asked)[:_CAPTIONS].tolist())
    rows = []
    for text in chosen:
        best = exam.cost[:, text].argsort(stable=True)[:_SHOWN].tolist()
        right = [bool(exam.relevant[clip, text]) for clip in best]
        rows.append(Found(loss, exam.texts[text], [exam.paths[clip] for clip in best], right))
    return rows


def sheet(name: str, found: Sequence[Found]) -> str:
    """Return what was found as Markdown; what carries the caption is bold."""
    lines = [f"### {name}: the first three sounds for captions, by distance", ""]
    lines += ["| caption | loss | first | second | third |", "|---|---|---|---|---|"]
    captions = dict.fromkeys(row.caption for row in found)
    for row in (row for caption in captions for row in found if row.caption == caption):
        cells = [
            f"**{path.stem}**" if right else path.stem
            for path, right in zip(row.paths, row.right, strict=True)
        ]
        cells += [""] * (_SHOWN - len(cells))
        lines.append(f"| {row.caption} | {row.loss} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _draw(found: Sequence[Found], target: Path) -> None:
    """Draw log-mels, a row for each caption and loss, the captions' own framed in red."""
    from matplotlib import pyplot

    front_end = FrontEnd()
    log_mel = LogMel(front_end)
    figure, axes = pyplot.subplots(
        len(found), _SHOWN, figsize=(9, 1.3 * len(found)), squeeze=False, layout="constrained"
    )
    for row, line in zip(found, axes, strict=True):
        for axis in line:
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(row.loss, fontsize=7)
        line[0].set_title(row.caption[:60], fontsize=7, loc="left")
        for axis, path, right in zip(line, row.paths, row.right, strict=False):
            samples = torch.from_numpy(decode(path, front_end.rate_hz))
            _image(axis, log_mel(samples), right)
    figure.savefig(target, dpi=110)
    pyplot.close(figure)


def _image(axis: Any, frames: Tensor, right: bool) -> None:
    axis.imshow(frames.numpy(), origin="lower", aspect="auto", cmap="magma")
    for spine in axis.spines.values():
        spine.set(edgecolor="red" if right else "black", linewidth=3 if right else 0.5)
