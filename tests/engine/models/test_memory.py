"""A text is drawn towards the sounds that were called what it says (engine/models/memory.py)."""

import pytest
import torch
from torch.nn.functional import normalize

from engine.errors import ModelError
from engine.models.match_model import TextEncoder, load_model, load_text_encoder, load_tokenizer
from engine.models.memory import FAR, NEAR, SHARE, TEMPERATURE, Memory, Recollection
from engine.models.spec import read_spec, write_spec
from engine.models.weights import AUDIO_PREFIX, load_tensors, save_weights, tensors_sha256

WIDTH = 6


def unit(embeddings: torch.Tensor) -> torch.Tensor:
    return normalize(embeddings, dim=-1)


@pytest.fixture
def memory() -> Memory:
    """Two sounds, of which the first has two captions; captions point along the axes."""
    made = Memory(texts=3, sounds=2, width=WIDTH, features=4)
    made.texts.copy_(torch.eye(WIDTH)[:3])
    made.sound_of.copy_(torch.tensor([0, 0, 1]))
    made.sounds.copy_(torch.eye(4)[:2])
    return made


def recalled(memory: Memory, features: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
    return Recollection(memory, lambda sounds: sounds, unit)(features, embeddings)


def test_a_text_moves_by_the_softmax_of_cosines_to_the_nearest_captions(memory):
    features, embeddings = torch.randn(200, WIDTH), unit(torch.randn(200, 4))
    features[:100] = memory.texts[torch.arange(100) % 3] + 0.3 * torch.randn(100, WIDTH)
    middle = memory.texts.mean(0)
    expected = []
    for text, own in zip(features, embeddings, strict=True):
        cosines = [
            torch.cosine_similarity(text - middle, key - middle, dim=0) for key in memory.texts
        ]
        alike = torch.stack([max(cosines[:2]), cosines[2]])
        sound = unit(torch.softmax(alike / TEMPERATURE, 0) @ memory.sounds)
        share = SHARE * min(1.0, max(0.0, float(alike.max() - FAR) / (NEAR - FAR)))
        expected.append(unit((1 - share) * own + share * sound))
    found = recalled(memory, features, embeddings)
    assert torch.allclose(found, torch.stack(expected), atol=1e-5)
    assert not torch.allclose(found, embeddings, atol=0.01)


def test_a_text_that_no_caption_is_near_to_stays(memory):
    away = memory.texts.mean(0) + torch.eye(WIDTH)[5]  # at right angles to all captions
    embedding = unit(torch.randn(1, 4))
    assert torch.allclose(recalled(memory, away[None], embedding), embedding)


def test_both_captions_of_a_sound_recall_it(memory):
    embeddings = unit(torch.tensor([[0.0, 0.0, 1.0, 0.0]])).repeat(3, 1)
    found = recalled(memory, memory.texts, embeddings)
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert found[0, 0] > 0.3
    assert found[2, 1] > 0.3
    assert found[0, 1].abs() < 0.01


def test_texts_are_moved_alone_as_in_a_crowd(memory):
    features, embeddings = torch.randn(300, WIDTH), unit(torch.randn(300, 4))
    together = recalled(memory, features, embeddings)
    pairs = zip(features, embeddings, strict=True)
    alone = [recalled(memory, f[None], e[None])[0] for f, e in pairs]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_a_model_keeps_its_memory_and_searches_with_it(model_folder, remembering):
    before, after = load_text_encoder(model_folder), load_text_encoder(remembering)
    assert after.model.spec.id != before.model.spec.id
    rain = after.model.map_features(after.model.memory.sounds)[1]

    def nearness(encoder: TextEncoder, text: str) -> float:
        return float(torch.cosine_similarity(encoder([text])[0], rain, dim=0))

    assert nearness(after, "rain") > nearness(before, "rain") + 0.1
    assert not torch.allclose(after.model.bank_vectors, before.model.bank_vectors)
    asked, _ = after.asked([("rain", "This is a sound of rain.")])
    assert torch.cosine_similarity(asked[0], rain, dim=0) > nearness(before, "rain") + 0.1
    by_metric = after.model.metric(after.embed(["rain", "dog"]))
    assert torch.allclose(by_metric, after(["rain", "dog"]), atol=1e-6)


def test_what_is_recalled_is_embedded_by_the_model_as_it_is(remembering):
    model = load_model(remembering)
    tokenizer = load_tokenizer(remembering)
    before = TextEncoder(model, tokenizer)(["rain"])
    model.audio_head.layers[3].bias += 1.0  # as personal training would change it
    assert not torch.allclose(TextEncoder(model, tokenizer)(["rain"]), before, atol=1e-3)


@pytest.mark.parametrize("place", [-1, 2, 10**12])
def test_a_memory_of_sounds_that_are_not_there_is_refused(remembering, place):
    tensors = load_tensors(remembering / "weights.safetensors")
    tensors["memory.sound_of"][1] = place
    save_weights(tensors, remembering / "weights.safetensors")
    hashed = tensors_sha256(tensors, AUDIO_PREFIX)  # as a forger would
    write_spec(read_spec(remembering).with_files(remembering, hashed), remembering)
    with pytest.raises(ModelError, match="its memory speaks of sounds that are not there"):
        load_model(remembering)


def test_a_model_without_memory_has_none(model_folder):
    assert load_model(model_folder).memory is None
    names = load_tensors(model_folder / "weights.safetensors")
    assert not [name for name in names if name.startswith("memory.")]


def test_who_forgets_is_as_if_there_had_been_no_memory(model_folder, remembering):
    model, tokenizer = load_model(remembering), load_tokenizer(remembering)
    model.forget()
    assert (model.spec.memory_texts, model.spec.memory_sounds) == (0, 0)
    assert model.filed is None
    assert (model.spec.filed_sounds, model.spec.categories) == (0, ())
    expected = load_text_encoder(model_folder)(["rain", "dog"])
    assert torch.allclose(TextEncoder(model, tokenizer)(["rain", "dog"]), expected, atol=1e-3)
