"""Labels lean towards sounds that have the tags which they speak of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models import label_reader, label_texts
from engine.models.label_reader import LabelReader
from engine.models.label_texts import (
    HUBNESS,
    NEAR,
    POWER,
    READING,
    RIDGE,
    UNSURE,
    WORTH,
    LabelTexts,
)
from engine.models.match_model import MatchModel, TextEncoder, load_model, load_tokenizer
from engine.paths import assets
from engine.progress import Control
from trainer.recipes.memory import with_memory

TAGS, TEXTS = 6, ["door", "rain", "a sound"]


def tagged(folder: Path, sounds: int) -> MatchModel:
    """Return the model of ``folder`` with a second view at random, and so many exemplars."""
    base = load_model(folder)
    spec = replace(base.spec, tags=TAGS, tag_hidden=8, exemplars=sounds)
    torch.manual_seed(3)
    made = MatchModel(spec)
    kept = {
        n: t for n, t in base.state_dict().items() if not n.startswith(("metric.", "exemplars"))
    }
    made.load_state_dict(kept, strict=False)
    made.metric.factor.data.normal_()
    made.exemplars.normal_()
    for head in (made.audio_head, made.text_head):
        for layer in (head.tags.layers[0], head.tags.layers[3]):
            layer.weight.data.normal_(std=0.5)
    return made.eval().requires_grad_(False)


def reader(model: MatchModel, folder: Path) -> LabelReader:
    return LabelReader(TextEncoder(model, load_tokenizer(folder)))


def test_a_lean_is_the_tags_of_a_text_times_those_of_a_sound(model_folder):
    """Against the same written as least squares, with square roots by singular values."""
    model = tagged(model_folder, 50)
    read = reader(model, model_folder)
    texts = read(TEXTS)
    u = model.map_features(model.exemplars).double().numpy()
    log_odds = model.audio_head.tags.read(model.exemplars).double().numpy()
    z = (log_odds - log_odds.mean(0)) / log_odds.std(0, ddof=1)
    _, values, axes = np.linalg.svd(z / np.sqrt(len(z)), full_matrices=False)
    whitened = z @ axes.T @ np.diag((1 + values**2) ** -0.5) @ axes
    x = u - u.mean(0)
    rank = x.shape[1]
    pull = np.sqrt(RIDGE * (x**2).mean() * len(x)) * np.eye(rank)
    rows = np.concatenate([whitened, np.zeros((rank, TAGS))])
    basis = np.linalg.lstsq(np.concatenate([x, pull]), rows, rcond=None)[0]
    said = model.text_head.tags.read(read.encoder.features(TEXTS)).sigmoid().double().numpy()
    weights = said**POWER / (UNSURE + (said**POWER).sum(1, keepdims=True))
    expected = WORTH * (x @ basis) @ weights.T
    assert np.abs(expected).max() > 0.01
    assert np.allclose(texts.leans(u.astype(np.float32)), expected, atol=1e-4)
    assert np.allclose(texts.leans(u.astype(np.float32)).mean(0), 0.0, atol=1e-4)


def test_what_is_kept_of_a_reading_depends_on_every_constant_of_it():
    used = {name for name in vars(label_reader) if name.isupper() and hasattr(label_texts, name)}
    assert used == {"HUBNESS", "NEAR", "POWER", "RIDGE", "UNSURE", "WORTH"}
    assert sorted(READING) == sorted(getattr(label_texts, name) for name in used)


def test_vectors_are_those_of_the_texts(model_folder):
    read = reader(tagged(model_folder, 50), model_folder)
    assert np.allclose(read(TEXTS).vectors, read.encoder(TEXTS).numpy(), atol=1e-5)


def test_a_text_that_speaks_of_no_tag_leans_to_nothing(model_folder):
    model = tagged(model_folder, 50)
    sure = np.abs(reader(model, model_folder)(TEXTS).directions).max()
    model.text_head.tags.layers[3].bias.data.fill_(-12.0)
    model.text_head.tags.layers[3].weight.data.mul_(0.01)
    assert np.abs(reader(model, model_folder)(TEXTS).directions).max() < 1e-5 < sure


def test_remembered_sounds_tell_too(model_folder):
    model = tagged(model_folder, 0)
    assert not reader(model, model_folder)(TEXTS).directions.any()  # no sound tells what tags are
    whole = remembering(model_folder, 40, sounds=0)
    assert reader(whole, model_folder)(TEXTS).directions.any()


def remembering(folder: Path, kinds: int, **sounds: int) -> MatchModel:
    """Return a model with tags that remembers kinds of sounds at random."""
    model = tagged(folder, **sounds)
    labels = [f"door {n:02}" for n in range(kinds)]
    encoder = TextEncoder(model, load_tokenizer(folder))
    return with_memory(model, encoder, labels, torch.randn(kinds, 384), {}, Control())


def test_what_a_text_comes_to_with_the_kinds_nearest_to_it_is_taken_off(model_folder):
    model = remembering(model_folder, 45, sounds=50)
    model.spec = replace(model.spec, ranking=replace(model.spec.ranking, cost_scale=1.7))
    texts = reader(model, model_folder)(TEXTS)
    u = model.map_features(model.exemplars).numpy()
    kinds = model.map_features(model.memory.sounds.float()).numpy()
    middle = np.concatenate([u, kinds]).mean(0)
    cost = np.linalg.norm(kinds[:, None] - texts.vectors, axis=2) / 1.7
    worth = (kinds - middle) @ texts.directions.T - cost
    nearest = np.sort(worth, axis=0)[-int(np.ceil(NEAR * 45)) :]
    assert len(nearest) == 4
    expected = (u - middle) @ texts.directions.T - HUBNESS * nearest.mean(0)
    assert np.allclose(texts.leans(u), expected, atol=1e-4)


def test_a_text_that_is_near_to_all_sounds_loses_most(model_folder):
    """Against the same model without a memory, of which the zeros say nothing of hubs."""
    model = remembering(model_folder, 45, sounds=50)
    model.text_head.tags.layers[3].bias.data.fill_(-12.0)  # no leans: the distance alone
    model.text_head.tags.layers[3].weight.data.mul_(0.01)
    texts = reader(model, model_folder)(TEXTS)
    kinds = model.map_features(model.memory.sounds.float()).numpy()
    cost = np.linalg.norm(kinds[:, None] - texts.vectors, axis=2)
    lost = -texts.leans(kinds)[0]
    nearest = np.sort(cost, axis=0)[: int(np.ceil(NEAR * 45))]
    assert np.argsort(lost).tolist() == np.argsort(-nearest.mean(0)).tolist()
    model.forget()
    assert np.abs(reader(model, model_folder)(TEXTS).leans(kinds)).max() < 1e-3


@pytest.mark.parametrize("sounds", [0, 1])
def test_a_model_without_tags_or_sounds_has_no_leans(model_folder, sounds):
    plain = load_model(model_folder)
    for model in (plain, tagged(model_folder, sounds)):
        texts = reader(model, model_folder)(TEXTS)
        assert texts.vectors.shape == texts.directions.shape == (3, model.spec.rank)
        heard = np.random.default_rng(0).normal(size=(5, model.spec.rank)).astype(np.float32)
        assert not texts.leans(heard).any()


def test_exemplars_that_are_all_alike_tell_nothing_and_break_nothing(model_folder):
    model = tagged(model_folder, 50)
    model.exemplars.fill_(0.5)
    texts = reader(model, model_folder)(TEXTS)
    assert np.isfinite(texts.table()).all()
    assert np.abs(texts.directions).max() < 1e-3


def test_texts_go_into_one_table_and_come_back():
    rng = np.random.default_rng(1)
    made = LabelTexts(*(rng.normal(size=s).astype(np.float32) for s in ((4, 3), (4, 3), 4)))
    again = LabelTexts.of_table(made.table())
    for name in ("vectors", "directions", "zeros"):
        assert np.array_equal(getattr(again, name), getattr(made, name))
    twice = LabelTexts.joined([made, made])
    assert np.array_equal(twice.table(), np.concatenate([made.table(), made.table()]))


def test_the_shipped_model_hears_the_tag_that_a_label_is_called_by():
    """Of sounds that it remembers, those that its own second view is surest are dogs."""
    folder = assets() / "models" / "default"
    model = load_model(folder, ("text",))
    read = reader(model, folder)
    names = ["dog", "church bell", "rain", "helicopter"]
    texts = read([f"This is a sound of {name}." for name in names])
    asked = model.text_head.tags(read.encoder.features(names))
    sounds = model.memory.sounds.float()
    likeness = (model.audio_head.tags(sounds) @ asked.T).numpy()
    leans = texts.leans(model.map_features(sounds).numpy())
    for column in range(len(names)):
        surest = np.argsort(-likeness[:, column])[:10]
        assert (leans[surest, column] > np.quantile(leans[:, column], 0.95)).mean() >= 0.8
