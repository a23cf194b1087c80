"""Sounds are heard in bfloat16 only where that is faster, and then they are heard the same."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.index import hear
from engine.index.build import index_folders
from engine.models import precision
from engine.models.match_model import Listener, load_listener
from engine.models.precision import in_best_precision
from engine.paths import assets
from engine.progress import Control


@pytest.fixture(scope="module")
def listener() -> Listener:
    return load_listener(assets() / "models" / "default")


def clock(monkeypatch: pytest.MonkeyPatch, whole_s: float, short_s: float) -> list[torch.dtype]:
    """Let a run take so long in float32 and in bfloat16; return what is run."""
    ran: list[torch.dtype] = []

    def timed(listener: Listener, sounds: list[torch.Tensor]) -> tuple[float, torch.Tensor]:
        ran.append(listener.precision)
        took = whole_s if listener.precision == torch.float32 else short_s
        return took, listener.features(sounds)

    monkeypatch.setattr(precision, "_timed", timed)
    return ran


@pytest.mark.parametrize(
    ("short_s", "chosen", "runs"),
    [(0.5, torch.bfloat16, 4), (0.9, torch.float32, 4), (9.0, torch.float32, 1)],
)
def test_the_faster_precision_is_chosen_and_an_emulated_one_tried_once(
    listener, monkeypatch, short_s, chosen, runs
):
    ran = clock(monkeypatch, 1.0, short_s)
    assert in_best_precision(listener).precision == chosen
    assert ran.count(torch.bfloat16) == runs


def test_a_tower_that_would_hear_something_else_stays_as_it_is(listener, monkeypatch):
    clock(monkeypatch, 1.0, 0.1)
    monkeypatch.setattr(precision, "_ALIKE", 1.1)
    assert in_best_precision(listener) is listener


def test_both_precisions_may_meet_in_one_library(listener):
    short = replace(listener, precision=torch.bfloat16)
    torch.manual_seed(0)
    noise = [torch.randn(128, frames) for frames in (120, 300, 300, 311, 900)]
    tones = [torch.sin(torch.arange(400) * rate).expand(128, 400) for rate in (0.1, 0.7)]
    whole, shortened = (listener.features(noise + tones), short.features(noise + tones))
    assert not torch.equal(whole, shortened)
    assert shortened.dtype == torch.float32
    cosines = torch.nn.functional.cosine_similarity(whole, shortened, dim=1)
    assert float(cosines.min()) > 0.9995
    apart = torch.cdist(listener.model.map_features(whole), listener.model.map_features(shortened))
    others = apart + 9 * torch.eye(len(apart))
    assert float(apart.diagonal().max()) < 0.05
    assert float(apart.diagonal().max()) < 0.2 * float(others.min())


@pytest.mark.parametrize(("fewest", "asked"), [(12, 1), (13, 0)])
def test_only_runs_that_are_long_enough_ask(
    library, model_folder, sounds: Path, monkeypatch, fewest, asked
):
    calls = []
    monkeypatch.setattr(hear, "_WORTH_MEASURING", fewest)
    monkeypatch.setattr(precision, "in_best_precision", lambda given: calls.append(given) or given)
    index_folders(library, model_folder, [sounds], Control())
    assert len(calls) == asked
