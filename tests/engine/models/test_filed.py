"""Examples of categories in a model folder (engine/models/filed.py)."""

from dataclasses import replace

import pytest
import torch

from engine.errors import ModelError
from engine.models.filed import NONE
from engine.models.match_model import load_audio_encoder, load_model, load_text_encoder
from engine.models.spec import read_spec, write_spec
from engine.models.weights import load_tensors, save_weights
from tests.engine.models.forging import change_weights


def test_examples_are_loaded_where_they_are_asked_for(remembering):
    whole = load_model(remembering)
    alone = load_model(remembering, ("filed",))
    assert torch.equal(alone.filed.sounds, whole.filed.sounds)
    assert alone.filed.categories.tolist() == [[1, NONE, NONE], [2, 0, NONE]]
    assert whole.spec.categories == ("AMBFarm", "ANMLDog", "RAIN")
    assert load_audio_encoder(remembering).model.filed is None
    assert load_text_encoder(remembering).model.filed is None


@pytest.mark.parametrize("place", [-2, 3, 10**12])
def test_examples_of_categories_that_are_not_there_are_refused(remembering, place):
    change_weights(remembering, lambda tensors: tensors["filed.categories"].fill_(place))
    with pytest.raises(ModelError, match="its examples of categories are none"):
        load_model(remembering)


def test_examples_that_are_no_numbers_are_refused(remembering):
    change_weights(remembering, lambda tensors: tensors["filed.sounds"][1].fill_(float("nan")))
    with pytest.raises(ModelError, match="its examples of categories are none"):
        load_model(remembering)


def test_examples_without_categories_are_refused(remembering):
    write_spec(replace(read_spec(remembering), categories=()), remembering)
    with pytest.raises(ModelError, match="filed_sounds without categories, or the reverse"):
        read_spec(remembering)


def test_other_examples_are_another_model(remembering):
    spec = read_spec(remembering)
    assert replace(spec, filed_sounds=3).id != spec.id
    assert replace(spec, filed_sounds=3).audio_id == spec.audio_id


def test_many_examples_take_eight_bits_and_come_back_nearly(tmp_path):
    sounds, path = 5 * torch.randn(1000, 64).abs(), tmp_path / "w.safetensors"
    sounds[7] = 0
    save_weights({"filed.sounds": sounds, "other": sounds}, path)
    assert path.stat().st_size < 1000 * 64 * 3.2
    found = load_tensors(path)["filed.sounds"]
    assert ((found - sounds).abs().amax(1) <= sounds.amax(1) / 250).all()
    assert torch.equal(found[7], sounds[7])
    save_weights({"filed.sounds": found}, path)
    assert torch.equal(load_tensors(path)["filed.sounds"], found)  # and stay what they are
    save_weights({"filed.sounds": sounds[:999]}, path)
    assert torch.equal(load_tensors(path)["filed.sounds"], sounds[:999].half().float())
