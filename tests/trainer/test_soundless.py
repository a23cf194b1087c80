"""A probe learns which texts speak of a sound (trainer/recipes/audible.py)."""

import json
import shutil

import pytest
import torch

from engine.progress import Control
from trainer.recipes import audible
from trainer.recipes.audible import AudibleTexts, fit_audible, fitted, held_out, weights_of
from trainer.recipes.export import SOUNDLESS, write_recipe
from trainer.recipes.soundless import SOUNDLESS_TOPICS


def told(kinds: list[int], first_soundless: int) -> AudibleTexts:
    return AudibleTexts(("x",) * len(kinds), torch.tensor(kinds), first_soundless)


def test_every_kind_of_sound_counts_alike_and_both_sides_do():
    weights = weights_of(told([0] * 8 + [1] * 2 + [2] * 3 + [3], 2))
    assert weights[:8].sum().item() == pytest.approx(0.25)
    assert weights[8:10].sum().item() == pytest.approx(0.25)
    assert weights[10:].tolist() == pytest.approx([0.125] * 4)


def test_what_can_be_told_apart_is():
    features = torch.randn(400, 6) * 10 + 50
    heard = features[:, 2] > 50
    probe = fitted(features, heard, torch.full((400,), 1 / 400))
    assert ((probe(features) > 0) == heard).double().mean() > 0.97


def test_a_topic_is_never_asked_what_it_was_told():
    kinds = [0] * 160 + [topic for topic in range(1, 17) for _ in range(10)]
    features = 0.5 * torch.randn(320, 17)
    features[torch.arange(160, 320), torch.tensor(kinds[160:])] = 4.0  # known by itself alone
    everything = told(kinds, 1)
    probe = fitted(features, everything.heard, weights_of(everything))
    assert (probe(features[160:]) < 0).double().mean() > 0.7
    assert held_out(features, everything).refused < 0.4


def test_a_probe_is_written_and_nothing_else_changes(model_folder, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    texts = AudibleTexts(("door", "rain", "bell", "dog"), torch.tensor([0, 0, 1, 2]), 1)
    monkeypatch.setattr(audible, "audible_texts", lambda data, bank: texts)
    figures = fit_audible(folder, tmp_path, Control())
    assert 0 <= figures.auroc <= 1
    before = json.loads((model_folder / "model.json").read_text())
    after = json.loads((folder / "model.json").read_text())
    assert len(after.pop("audible")) == 17
    assert after == {name: value for name, value in before.items() if name != "audible"}


def test_a_recipe_takes_it_from_the_model_that_shares_its_text_tower(model_folder, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    described = json.loads((folder / "model.json").read_text()) | {"audible": [0.5] * 17}
    (folder / "model.json").write_text(json.dumps(described))
    write_recipe(tmp_path / "recipe", folder, model_folder)
    assert json.loads((tmp_path / "recipe" / "model.json").read_text())["audible"] == []


def test_texts_of_the_data_folder_are_of_every_kind(data):
    texts = audible.audible_texts(data, ("air burst", "air hiss"))
    counts = torch.bincount(texts.kinds).tolist()
    kinds = counts[: texts.first_soundless]
    assert kinds[:2] + kinds[3:] == [2000, 2, 2000, 2000]
    assert kinds[2] > 1000
    assert counts[texts.first_soundless :] == [len(topic) for topic in SOUNDLESS_TOPICS.values()]
    assert "burst of compressed air" in texts.texts


def test_what_refusals_are_measured_on_is_no_text_that_was_learnt():
    listed = [text for topic in SOUNDLESS_TOPICS.values() for text in topic]
    assert len(set(listed)) == len(listed) > 400
    assert not set(listed) & set(SOUNDLESS)
