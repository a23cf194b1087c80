import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.models.match_model import load_audio_encoder, load_model, load_text_encoder
from engine.models.spec import FORMAT, read_spec
from engine.models.weights import load_checkpoint, load_weights


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(model_folder, tmp_path / "model")
    return tmp_path / "model"


def change(folder: Path, **values: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_model_says_all_that_is_needed_to_use_it(model_folder):
    document = json.loads((model_folder / "model.json").read_text())
    assert document["format"] == FORMAT
    assert document["front_end"]["rate_hz"] == 32000
    assert set(document["sha256"]) == {"weights.safetensors", "tokenizer.json"}
    for name in ("id", "audio_tower", "ranking", "window_s", "provenance", "licences"):
        assert name in document


def test_vectors_are_mapped_and_texts_and_sounds_meet(model_folder):
    text_encoder, audio_encoder = load_text_encoder(model_folder), load_audio_encoder(model_folder)
    texts = text_encoder(["door", "rain bell", "door"])
    assert texts.shape == (3, 32)
    assert torch.allclose(texts[0], texts[2], atol=1e-6)
    assert not torch.allclose(texts[0], texts[1], atol=1e-3)
    features = audio_encoder.features([audio_encoder.log_mel(torch.randn(9000).numpy())])
    assert audio_encoder.model.map_features(features).shape == (1, 32)


def test_the_text_side_loads_no_audio_tower(model_folder):
    names = set(load_model(model_folder, ("text",)).state_dict())
    assert not any(name.startswith("audio_tower") for name in names)


def test_the_id_depends_on_weights_and_preprocessing(make_model):
    first, again = make_model("one", seed=1), make_model("two", seed=1)
    other_text, other_audio = make_model("three", seed=2), make_model("four", seed=1, audio_seed=9)
    ids = [read_spec(folder) for folder in (first, again, other_text, other_audio)]
    assert ids[0].id == ids[1].id
    assert len({spec.id for spec in ids}) == 3
    assert ids[0].audio_id == ids[2].audio_id != ids[3].audio_id


def test_a_newer_format_is_refused(copy):
    change(copy, format=FORMAT + 1)
    with pytest.raises(ModelError, match="update Soundsift"):
        read_spec(copy)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"surprise": 1}, "is damaged"),
        ({"audio_tower": "other"}, "unknown audio tower"),
        ({"format": "one"}, "does not say its format"),
        ({"hop_s": 2.0}, "was changed after it was made"),
        ({"front_end": {"rate_hz": 44100}}, "was changed after it was made"),
    ],
)
def test_a_changed_description_is_refused(copy, values, words):
    change(copy, **values)
    with pytest.raises(ModelError, match=words):
        read_spec(copy)


def test_damaged_weights_are_refused(copy):
    path = copy / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged: download or copy the model again"):
        load_model(copy)


def test_weights_without_a_recorded_hash_are_refused(copy):
    spec = read_spec(copy)
    object.__setattr__(spec, "sha256", {})
    with pytest.raises(ModelError, match="records no hash"):
        load_weights(copy, spec)


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(ModelError, match="is not a model folder"):
        load_model(tmp_path)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    path = tmp_path / "trap.pt"
    path.write_bytes(pickle.dumps({"weight": Trap()}))
    with pytest.raises(ModelError, match="not a readable checkpoint"):
        load_checkpoint(path)
    assert not (tmp_path / "trapped").exists()
