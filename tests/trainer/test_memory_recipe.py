"""A model is given a memory of what it was trained on (trainer/recipes/memory.py)."""

from collections.abc import Sequence

import pytest
import torch

from engine.errors import InputError
from engine.models.match_model import TextEncoder, load_model, load_tokenizer
from engine.models.spec import read_spec
from engine.models.weights import load_tensors
from engine.paths import assets
from engine.progress import Cancelled, Control
from trainer.recipes.memory import MOST_WORDINGS, with_filed, with_memory

OTHER = {"rain": ("wet weather", "drizzle", "a shower")}
LABELS = ("rain", "", "dog", "rain")


def features_of_label(encoder: TextEncoder, texts: Sequence[str]) -> torch.Tensor:
    return torch.cat([encoder.features([text]) for text in texts])


def test_every_label_is_remembered_with_two_wordings_and_the_mean_of_its_sounds(model_folder):
    base = load_model(model_folder)
    encoder = TextEncoder(base, load_tokenizer(model_folder))
    features = torch.randn(4, 384)
    made = with_memory(base, encoder, LABELS, features, OTHER, Control())
    assert (made.spec.memory_texts, made.spec.memory_sounds) == (4, 2)
    assert made.memory.sound_of.tolist() == [0, 1, 1, 1]
    texts = ["dog", "rain", *OTHER["rain"][:MOST_WORDINGS]]
    assert torch.allclose(made.memory.texts, features_of_label(encoder, texts), atol=1e-4)
    assert torch.allclose(made.memory.sounds[0], features[2])
    assert torch.allclose(made.memory.sounds[1], (features[0] + features[3]) / 2)
    assert base.memory is None
    assert base.spec.memory_texts == 0
    for name, tensor in base.state_dict().items():
        assert torch.equal(tensor, made.state_dict()[name])


def test_remembering_anew_forgets_the_old_memory(model_folder):
    base = load_model(model_folder)
    encoder = TextEncoder(base, load_tokenizer(model_folder))
    first = with_memory(base, encoder, LABELS, torch.randn(4, 384), {}, Control())
    again = with_memory(first, encoder, ("cat",), torch.randn(1, 384), {}, Control())
    assert (again.spec.memory_texts, again.spec.memory_sounds) == (1, 1)
    assert again.memory.texts.shape[0] == 1


def test_sounds_are_examples_of_all_categories_of_their_labels(model_folder):
    base, features = load_model(model_folder), torch.randn(4, 384)
    filed = {"rain": ("RAIN", "AMBFarm"), "dog": ("ANMLDog",), "cat": ("ANMLCat",)}
    made = with_filed(base, LABELS, features, filed)
    assert made.spec.categories == ("AMBFarm", "ANMLDog", "RAIN")
    assert made.spec.filed_sounds == 3
    assert torch.equal(made.filed.sounds, features[[0, 2, 3]])
    assert made.filed.categories.tolist() == [[2, 0, -1], [1, -1, -1], [2, 0, -1]]
    assert base.filed is None
    assert (base.spec.filed_sounds, base.spec.categories) == (0, ())


def test_sounds_that_belong_nowhere_are_no_examples(model_folder):
    base = load_model(model_folder)
    with pytest.raises(InputError, match="no sound has a label that belongs to a category"):
        with_filed(base, LABELS, torch.randn(4, 384), {"cat": ("ANMLCat",)})


def test_it_can_be_cancelled(model_folder):
    base = load_model(model_folder)
    encoder = TextEncoder(base, load_tokenizer(model_folder))
    control = Control(cancel=lambda: True)
    with pytest.raises(Cancelled):
        with_memory(base, encoder, LABELS, torch.randn(4, 384), OTHER, control)


def test_shipped_models_remember_the_same_captions_each_by_its_own_ears():
    folder = assets() / "models" / "default"
    shared, recipe = read_spec(folder), read_spec(assets() / "models" / "default-mn04")
    assert shared.memory_texts > shared.memory_sounds > 1000
    counts = (recipe.memory_texts, recipe.memory_sounds)
    assert counts == (shared.memory_texts, shared.memory_sounds)
    assert shared.filed_sounds == recipe.filed_sounds > 6000
    assert shared.categories == recipe.categories
    own = load_tensors(folder / "weights.safetensors", ("memory.", "filed."))
    other = load_tensors(assets() / "models" / "default-mn04" / "potentials.safetensors")
    assert own["memory.sounds"].shape == other["memory.sounds"].shape
    assert not torch.allclose(own["memory.sounds"], other["memory.sounds"])
    assert "memory.texts" not in other
    assert own["filed.sounds"].shape == other["filed.sounds"].shape
    assert not torch.allclose(own["filed.sounds"], other["filed.sounds"])
    assert "filed.categories" not in other
