import copy
import sys
from dataclasses import replace

import pytest
import torch

from engine.errors import InputError
from engine.models.match_model import TextEncoder, load_model, load_text_encoder
from engine.models.weights import load_tensors
from trainer.loop.schedule import update_average, warm_up_cosine
from trainer.recipes.export import centres
from trainer.recipes.rehearsal import Guard, Rehearsal

WORDS = ["door", "rain", "bell", "wind", "dog", "cat"]


@pytest.fixture
def base(model_folder):
    model = load_model(model_folder)
    model.exemplars = torch.randn(20, 384)
    model.spec = replace(model.spec, exemplars=20)
    return model


def test_an_unchanged_model_has_forgotten_nothing(base, model_folder):
    rehearsal = Rehearsal(base, load_text_encoder(model_folder).tokenizer, 1.0)
    assert rehearsal(copy.deepcopy(base)).item() == pytest.approx(0.0, abs=1e-5)


def test_rehearsal_brings_a_changed_model_back(base, model_folder):
    rehearsal = Rehearsal(base, load_text_encoder(model_folder).tokenizer, 1.0)
    model = copy.deepcopy(base).requires_grad_(True)
    with torch.no_grad():
        model.audio_head.layers[3].weight.add_(0.05 * torch.randn(32, 64))
    before = rehearsal(model).item()
    assert before > 0.01
    optimiser = torch.optim.Adam(model.audio_head.parameters(), lr=1e-3)
    for _ in range(100):
        optimiser.zero_grad()
        rehearsal(model).backward()
        optimiser.step()
    assert rehearsal(model).item() < 0.3 * before


def test_exemplars_are_the_centres_of_what_was_heard():
    groups = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    features = torch.cat([groups + 0.1 * torch.randn(3, 2) for _ in range(50)])
    found = centres(features, 3)
    nearest = torch.cdist(groups, found).min(1).values
    assert (nearest < 0.2).all()
    assert centres(features[:2], 5).shape == (5, 2)


def test_centres_ask_for_what_finds_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(InputError, match=r"install the extra `soundsift\[trainer\]`"):
        centres(torch.randn(9, 2), 3)


def test_shipped_models_carry_exemplars():
    from engine.models.catalog import find_model
    from engine.models.spec import read_spec
    from engine.paths import assets

    folder = find_model("default")
    count = read_spec(folder).exemplars
    tensors = load_tensors(folder / "weights.safetensors", ("exemplars",))
    assert tensors["exemplars"].shape == (count, 384)
    recipe = load_tensors(assets() / "models" / "default-mn04" / "potentials.safetensors")
    assert recipe["exemplars"].shape == (count, 384)
    assert not torch.allclose(recipe["exemplars"], tensors["exemplars"])


def test_the_rate_rises_then_falls_to_its_floor():
    rates = [warm_up_cosine(share / 100, 0.1, 0.01) for share in range(101)]
    assert rates[0] == 0.01
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == 0.01


def test_an_average_follows_floats_and_copies_counters():
    average = {"w": torch.zeros(1), "n": torch.tensor(0)}
    update_average(average, {"w": torch.ones(1), "n": torch.tensor(5)}, 0.9, step=1000)
    assert average["w"].item() == pytest.approx(0.1)
    assert average["n"].item() == 5


@pytest.fixture
def wide(base):
    base.spec = replace(base.spec, bank=tuple(f"{a} {b}" for a in WORDS for b in WORDS))
    base.exemplars = 3 * torch.randn(100, 384)
    base.spec = replace(base.spec, exemplars=100)
    return base


def test_the_guard_sees_no_sound_and_no_text_that_is_rehearsed(wide, model_folder):
    tokenizer = load_text_encoder(model_folder).tokenizer
    rehearsal, guard = Rehearsal(wide, tokenizer, 1.0), Guard.of(wide, tokenizer)
    assert len(rehearsal.sounds) + len(guard.sounds) == 100
    assert torch.cdist(rehearsal.sounds, guard.sounds).min() > 0
    assert len(rehearsal.texts) + len(guard.texts) == len(wide.spec.bank)
    assert guard.agreement(TextEncoder(wide, tokenizer)) == 1.0


def test_the_guard_falls_with_what_is_forgotten(wide, model_folder):
    tokenizer = load_text_encoder(model_folder).tokenizer
    guard, found = Guard.of(wide, tokenizer), []
    direction = torch.randn(32, 64)
    for amount in (0.0, 0.03, 0.1, 1.0):
        model = copy.deepcopy(wide)
        with torch.no_grad():
            model.audio_head.layers[3].weight.add_(amount * direction)
        found.append(guard.agreement(TextEncoder(model, tokenizer)))
    assert found == sorted(found, reverse=True)
    assert found[0] == 1.0 and found[-1] < 0.5


def test_the_guard_hears_of_a_text_tower_that_has_changed(wide, model_folder):
    tokenizer = load_text_encoder(model_folder).tokenizer
    guard, model = Guard.of(wide, tokenizer), copy.deepcopy(wide)
    with torch.no_grad():
        for parameter in model.text_tower.parameters():
            parameter.add_(torch.randn_like(parameter))
    assert guard.agreement(TextEncoder(model, tokenizer)) < 1.0
