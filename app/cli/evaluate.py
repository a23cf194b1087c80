"""``soundsift evaluate``: how good a model is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from app.cli import report
from app.cli.arguments import COMMON, FILE, MODEL, Command, Family, everywhere, option, with_options
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from engine.errors import InputError

_manifest = click.argument("manifest", type=FILE, metavar="MANIFEST.csv")
_model = option("--model", "name or folder (default: the best available)", "MODEL", type=MODEL)


@click.group(cls=Family)
@with_options(*COMMON)
def evaluate() -> None:
    """Measure a model on a manifest of sounds."""


@evaluate.command("zero-shot", cls=Command)
@_manifest
@_model
@option("--blend", "of `evaluate retrieval`", type=float, hidden=True)
@everywhere
def zero_shot(
    invocation: Invocation, manifest: Path, model: str | None, blend: float | None
) -> None:
    """Measure how often the right label is found (columns path and label)."""
    from trainer.evaluation.protocols import evaluate_zero_shot

    if blend is not None:
        raise InputError("--blend belongs to `evaluate retrieval`: tagging uses the model's own")
    _measure(invocation, manifest, model, evaluate_zero_shot)


@evaluate.command("retrieval", cls=Command)
@_manifest
@_model
@option("--blend", "how much of the potential counts, 0 to 1", "P", type=float)
@everywhere
def retrieval(
    invocation: Invocation, manifest: Path, model: str | None, blend: float | None
) -> None:
    """Measure how often captions and sounds find each other (columns path and caption)."""
    from trainer.evaluation.protocols import evaluate_retrieval

    _measure(invocation, manifest, model, partial(evaluate_retrieval, blend=blend))


def _measure(
    invocation: Invocation,
    manifest: Path,
    model: str | None,
    measure: Callable[..., dict[str, Any]],
) -> None:
    from engine.models.catalog import find_model, preferred_model
    from engine.models.match_model import load_audio_encoder, load_text_encoder
    from engine.models.spec import read_spec
    from engine.models.trial import ensure_tried

    folder = find_model(model or preferred_model())
    with progress_bar() as control:
        ensure_tried(folder, control)
        figures = measure(load_audio_encoder(folder), load_text_encoder(folder), manifest, control)
    document = {"model": read_spec(folder).name, **figures}
    invocation.answer(document, report.figures(document))
