"""Texts are told apart by a probe that stands in the model's description."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import ModelError
from engine.models.audible import Audible
from engine.models.catalog import find_model
from engine.models.match_model import load_text_encoder
from engine.models.spec import read_spec, write_spec

_HEARD = ("glass breaking", "rain on a roof", "old door", "sirens", "cat", "evil laugh", "siren")
_SOUNDLESS = ("an income tax form", "gravity on the moon", "honesty and patience", "prime numbers")


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_it_is_a_line_of_the_features(copy):
    numbers = (*range(16), -7.5)
    spec = replace(read_spec(copy), audible=tuple(map(float, numbers)))
    features = torch.randn(5, 16)
    expected = features @ torch.arange(16.0) - 7.5
    assert torch.allclose(Audible.of(spec)(features), expected, atol=1e-5)


def test_a_model_without_one_takes_every_text_for_audible(copy):
    assert Audible.of(read_spec(copy))(torch.randn(3, 16)).tolist() == [0.0, 0.0, 0.0]


def test_it_reads_what_was_typed_and_not_the_sentence_made_of_it(copy):
    torch.manual_seed(3)
    audible = tuple(torch.randn(17).tolist())
    write_spec(replace(read_spec(copy), audible=audible), copy)
    encoder = load_text_encoder(copy)
    vectors, odds = encoder.asked([("door", "a bell"), ("rain", "a dog")])
    expected = Audible.of(encoder.model.spec)(encoder.features(["door", "rain"]))
    assert torch.allclose(odds, expected, atol=1e-5)
    assert torch.equal(vectors, encoder.between([("door", "a bell"), ("rain", "a dog")]))


def test_it_is_kept_and_leaves_the_model_what_it_is(copy):
    before = read_spec(copy)
    write_spec(replace(before, audible=tuple([0.5] * 17)), copy)
    after = read_spec(copy)
    assert after.audible == tuple([0.5] * 17)
    assert (after.id, after.audio_id) == (before.id, before.audio_id)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([0.5] * 16, "a number for each text feature and one more"),
        ([0.5] * 18, "a number for each text feature and one more"),
        ([0.5] * 16 + ["1"], "audible has a number that must be"),
        ([0.5] * 16 + [1e30], "audible has a number that must be"),
        ([0.5] * 20_000, "audible must be a list of at most"),
        (0.5, "audible must be a list"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(copy, value, words):
    path = copy / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"audible": value}))
    with pytest.raises(ModelError, match=words):
        read_spec(copy)


def test_the_shipped_model_knows_what_nothing_sounds_like():
    encoder = load_text_encoder(find_model("default"))
    odds = encoder.asked([(text, text) for text in (*_HEARD, *_SOUNDLESS)])[1]
    assert (odds[: len(_HEARD)] > 0).all()
    assert (odds[len(_HEARD) :] < -1).all()
