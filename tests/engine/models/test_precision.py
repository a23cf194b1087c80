"""Towers compute in bfloat16 only where that is faster, and then they say the same."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.index import ears
from engine.index.build import index_folders
from engine.models import precision
from engine.models.match_model import (
    AudioEncoder,
    TextEncoder,
    load_audio_encoder,
    load_text_encoder,
)
from engine.models.precision import in_best_precision
from engine.paths import assets
from engine.progress import Control


@pytest.fixture(scope="module")
def audio_encoder() -> AudioEncoder:
    return load_audio_encoder(assets() / "models" / "default")


@pytest.fixture(scope="module")
def text_encoder() -> TextEncoder:
    return load_text_encoder(assets() / "models" / "default")


@pytest.fixture(params=["audio_encoder", "text_encoder"])
def encoder(request: pytest.FixtureRequest) -> AudioEncoder | TextEncoder:
    return request.getfixturevalue(request.param)


def clock(monkeypatch: pytest.MonkeyPatch, whole_s: float, short_s: float) -> list[torch.dtype]:
    """Let a run take so long in float32 and in bfloat16; return what is run."""
    ran: list[torch.dtype] = []

    def timed(encoder, inputs) -> tuple[float, torch.Tensor]:
        ran.append(encoder.precision)
        took = whole_s if encoder.precision == torch.float32 else short_s
        return took, encoder.features(inputs)

    monkeypatch.setattr(precision, "_timed", timed)
    return ran


@pytest.mark.parametrize(
    ("short_s", "chosen", "runs"),
    [(0.5, torch.bfloat16, 4), (0.96, torch.float32, 4), (9.0, torch.float32, 1)],
)
def test_the_faster_precision_is_chosen_and_an_emulated_one_tried_once(
    encoder, monkeypatch, short_s, chosen, runs
):
    ran = clock(monkeypatch, 1.0, short_s)
    found = in_best_precision(encoder)
    assert found.precision == chosen
    assert ran.count(torch.bfloat16) == runs
    if chosen == torch.bfloat16:
        assert in_best_precision(found) is found


def test_a_tower_that_would_say_something_else_stays_as_it_is(encoder, monkeypatch):
    clock(monkeypatch, 1.0, 0.1)
    monkeypatch.setattr(precision, "_ALIKE", 1.1)
    assert in_best_precision(encoder) is encoder


def test_what_is_not_converted_is_not_copied(encoder, monkeypatch):
    clock(monkeypatch, 1.0, 0.5)
    short, model = in_best_precision(encoder), encoder.model
    there = {tensor.data_ptr() for tensor in model.state_dict().values()}
    new = [n for n, tensor in short.model.state_dict().items() if tensor.data_ptr() not in there]
    assert new
    assert all("_tower." in name for name in new)
    assert {short.model.state_dict()[name].dtype for name in new} == {torch.bfloat16}
    assert torch.bfloat16 not in {tensor.dtype for tensor in model.state_dict().values()}


def test_texts_ask_for_the_same_in_both_precisions(text_encoder, monkeypatch):
    clock(monkeypatch, 1.0, 0.5)
    short = in_best_precision(text_encoder)
    asked = [("rain on a roof", "This is a sound of rain on a roof."), ("squeak", "ZOOM0123")]
    asked += [("heavy wooden door slams shut in a long corridor, then steps", "door"), ("", "a")]
    whole, audible = text_encoder.asked(asked)
    shortened, audible_so = short.asked(asked)
    assert not torch.equal(whole, shortened)
    assert shortened.dtype == torch.float32
    model = text_encoder.model
    heard = model.map_features(model.exemplars)
    cost, cost_so = torch.cdist(whole, heard), torch.cdist(shortened, heard)
    evidence = (cost - cost_so).abs() / model.spec.ranking.cost_scale / model.spec.ranking.epsilon
    assert float(evidence.max()) < 0.1  # in log-odds of a match: a strength of 50 stays one of 50
    assert float((audible - audible_so).abs().max()) < 0.2


def test_both_precisions_may_meet_in_one_library(audio_encoder, monkeypatch):
    clock(monkeypatch, 1.0, 0.5)
    short = in_best_precision(audio_encoder)
    assert short.precision == torch.bfloat16
    torch.manual_seed(0)
    noise = [torch.randn(128, frames) for frames in (120, 300, 300, 311, 900)]
    tones = [torch.sin(torch.arange(400) * rate).expand(128, 400) for rate in (0.1, 0.7)]
    whole, shortened = (audio_encoder.features(noise + tones), short.features(noise + tones))
    assert not torch.equal(whole, shortened)
    assert shortened.dtype == torch.float32
    cosines = torch.nn.functional.cosine_similarity(whole, shortened, dim=1)
    assert float(cosines.min()) > 0.9995
    apart = torch.cdist(
        audio_encoder.model.map_features(whole), audio_encoder.model.map_features(shortened)
    )
    converted_each_time = replace(audio_encoder, precision=torch.bfloat16)
    assert torch.equal(shortened, converted_each_time.features(noise + tones))
    kept = {weight.dtype for weight in audio_encoder.model.parameters()}
    assert kept == {torch.float32}  # those of what was asked stay as they were
    others = apart + 9 * torch.eye(len(apart))
    assert float(apart.diagonal().max()) < 0.05
    assert float(apart.diagonal().max()) < 0.2 * float(others.min())


@pytest.mark.parametrize(("fewest", "asked"), [(12, 1), (13, 0)])
def test_only_runs_that_are_long_enough_ask(
    library, model_folder, sounds: Path, monkeypatch, fewest, asked
):
    calls = []
    monkeypatch.setattr(ears, "_MANY", fewest)
    monkeypatch.setattr(precision, "in_best_precision", lambda given: calls.append(given) or given)
    index_folders(library, model_folder, [sounds], Control())
    assert len(calls) == asked
