"""What a new audio tower takes: a module, and a line of the registry."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.models.encoders import audio_tower_entry
from engine.models.foreign import audio_spec
from engine.models.match_model import load_model
from engine.models.spec import TextEncoderSpec, read_spec
from engine.models.text_towers import BertTower
from engine.models.towers import AUDIO_TOWERS
from engine.models.trial import remember_tried
from engine.session import open_library
from tests.conftest import WORDS, write_tokenizer
from trainer.cli import main


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUDIO_TOWERS, "toy", "tests.toy_tower")


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """The folder of a small text encoder."""
    folder = tmp_path / "bert"
    folder.mkdir()
    spec = TextEncoderSpec(len(WORDS), 16, 1, 2, 32, 32, 16)
    sizes = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 32}
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **sizes}))
    save_file(BertTower(spec).state_dict(), folder / "model.safetensors")
    write_tokenizer(folder / "tokenizer.json")
    return folder


@pytest.mark.parametrize("frozen", [False, True], ids=["end to end", "frozen"])
def test_a_tower_that_the_registry_names_is_trained_saved_and_searched_with(
    frozen, table, bert, tmp_path
):
    run, weights = tmp_path / "run", tmp_path / "toy.safetensors"
    made = audio_tower_entry("toy").make(audio_spec("toy", None))
    save_file(made.state_dict(), weights)
    given = ["--threads", "1", "fit", run, "--set", f"csv:{table}", "--encoder", "toy"]
    given += ["--text-encoder", bert, "--weights", weights, "--dimensions", 8]
    given += ["--steps", 2, "--batch", 4, *(["--frozen"] if frozen else ["--audio-rate", 0.01])]
    assert main([str(part) for part in given], show=lambda event: None) == 0
    spec = read_spec(run / "model")
    assert (spec.audio_tower, spec.features) == ("toy", 12)
    assert spec.front_end.rate_hz == 16000
    learnt = load_model(run / "model", ("audio",)).audio_tower.state_dict()
    moved = [n for n, t in made.state_dict().items() if not torch.allclose(t, learnt[n], atol=1e-3)]
    assert bool(moved) != frozen
    remember_tried(run / "model")
    with open_library(tmp_path / "library.db", str(run / "model")) as session:
        assert session.index([table.parent]).heard == 8
        assert len(session.search("a bell")) == 8


def test_a_tower_that_no_registry_names_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(AUDIO_TOWERS, "toy")
    with pytest.raises(SystemExit):
        main(["fit", str(tmp_path / "run"), "--set", "csv:x.csv", "--encoder", "toy"])
    assert "'toy' is not one of 'compact'" in capsys.readouterr().err


def test_help_offers_the_towers_that_the_registry_names(capsys):
    assert main(["fit", "--help"]) == 0
    assert "|toy]" in capsys.readouterr().out.replace("\n", "").replace(" ", "")
