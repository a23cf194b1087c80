"""What a run remembers of its steps: how plans were solved, and which weights were best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from trainer.objectives.losses import Solve

_MAY_FAIL = 0.01  # share of solves without convergence that passes without a warning


class Solves:
    """How the solvers of a transport loss ended, over all steps."""

    def __init__(self) -> None:
        self.count, self.unconverged = 0, 0
        self.last: Solve | None = None

    def __call__(self, solve: Solve) -> None:
        """Take notice of one."""
        self.last, self.count = solve, self.count + 1
        self.unconverged += not solve.converged

    @property
    def share(self) -> float:
        """The share that did not converge."""
        return self.unconverged / max(1, self.count)

    def state(self) -> dict[str, Any]:
        """Return what the log says of them; nothing of a loss without a solver."""
        if self.last is None:
            return {}
        return {
            "iterations": self.last.iterations,
            "marginal_error": float(f"{self.last.marginal_error:.2e}"),
            "unconverged": round(self.share, 4),
        }

    def warning(self) -> str | None:
        """Return a sentence if gradients were not exact too often."""
        if self.share <= _MAY_FAIL:
            return None
        return (
            f"the plan did not converge in {self.share:.1%} of the steps, so their gradients "
            "are not exact: a larger epsilon helps"
        )


@dataclass(frozen=True)
class Best:
    """The validation that was best so far, and how many have come since.

    Its weights lie in a file of their own until the run ends.
    """

    score: float = -math.inf
    step: int = 0
    stale: int = 0

    def after(self, figures: Mapping[str, float], name: str, step: int) -> Best:
        """Return the best after one more validation, whose figure ``name`` decides.

        :raises InputError: there is no such figure, or it is no number.
        """
        score = figures.get(name)
        if score is None:
            raise InputError(
                f"the validation has no figure {name} to stop by: choose one of "
                + ", ".join(sorted(figures))
            )
        if math.isnan(score):
            raise InputError(f"the validation's {name} is not a number at step {step}")
        if score > self.score:
            return Best(score, step, 0)
        return Best(self.score, self.step, self.stale + 1)

    def file(self, folder: Path) -> Path:
        """Return where its weights lie."""
        return folder / f"best-{self.step}.safetensors"

    def forget_others(self, folder: Path) -> None:
        """Delete the weights of all other steps."""
        for path in folder.glob("best-*.safetensors"):
            if path != self.file(folder):
                path.unlink()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the checkpoint."""
        return asdict(self)
