"""What is promised of the models: measured on real sounds where they are present."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.demo.collection import descriptions, make_demo_sounds
from engine.index.build import index_folders
from engine.models.catalog import find_model, get_model
from engine.models.compact import Compact
from engine.models.match_model import load_audio_encoder, load_model, load_text_encoder
from engine.models.pair import Pair
from engine.models.spec import read_spec
from engine.paths import assets
from engine.progress import Control
from engine.search import Searcher
from engine.store import Library
from trainer.data.manifest import labelled_clips, write_manifest
from trainer.evaluation.protocols import evaluate_retrieval, evaluate_zero_shot
from trainer.recipes.teacher import load_teacher


@pytest.fixture(scope="module")
def folders(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return both models' folders, the better one made from its authors' checkpoint."""
    home = tmp_path_factory.mktemp("models home")
    before = os.environ.get("SOUNDSIFT_HOME")
    os.environ["SOUNDSIFT_HOME"] = str(home)
    try:
        checkpoint = data / "weights" / "mn04_as_mAP_432.pt"
        better = get_model("default-mn04", checkpoint, Control())
        return {"default": find_model("default"), "default-mn04": better}
    finally:
        if before is None:
            del os.environ["SOUNDSIFT_HOME"]
        else:
            os.environ["SOUNDSIFT_HOME"] = before


@pytest.fixture(scope="module")
def manifest(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    def write(split: str, column: str) -> Path:
        path = tmp_path_factory.mktemp("manifest") / f"{split}.csv"
        write_manifest(path, labelled_clips(data, split), column)
        return path

    return write


def test_both_models_tell_texts_of_sounds_from_others_alike(folders):
    probes = [read_spec(folder).audible for folder in folders.values()]
    assert probes[0]
    assert probes[0] == probes[1]  # of one text tower


def test_the_shipped_model_is_small_and_complete():
    folder = assets() / "models" / "default"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 60_000_000
    model = load_model(folder)
    assert isinstance(model.audio_tower, Compact)
    assert model.spec.provenance
    assert model.spec.licences
    assert (folder / "README.md").stat().st_size > 500


def test_the_better_model_hears_with_its_authors_tower_and_with_ours(folders, data):
    own, pair = (load_model(folder, ("audio",)).audio_tower for folder in folders.values())
    assert isinstance(pair, Pair)
    authors = load_teacher(data / "weights" / "mn04_as_mAP_432.pt")
    for ours, theirs in ((pair.compact, own), (pair.efficientat, authors)):
        held = ours.state_dict()
        for name, tensor in theirs.state_dict().items():
            assert torch.equal(held[name].half(), tensor.half()), name


@pytest.mark.parametrize(
    ("name", "r1", "r5"), [("default", 0.5, 0.85), ("default-mn04", 0.88, 0.97)]
)
def test_zero_shot_on_classes_that_were_never_trained_on(folders, manifest, name, r1, r5):
    sides = load_audio_encoder(folders[name]), load_text_encoder(folders[name])
    figures = evaluate_zero_shot(*sides, manifest("esc50_dev", "label"), Control())
    assert figures["classes"] == 22
    assert figures["per_clip"]["r1"] >= r1
    assert figures["per_clip"]["r5"] >= r5


@pytest.mark.parametrize("name", ["default", "default-mn04"])
def test_labels_find_their_validation_clips(folders, manifest, name):
    sides = load_audio_encoder(folders[name]), load_text_encoder(folders[name])
    figures = evaluate_retrieval(*sides, manifest("valid", "caption"), Control())
    assert figures["plain"]["text_to_audio"]["r10"] >= 0.65
    bank, plain = figures["bank"]["text_to_audio"], figures["plain"]["text_to_audio"]
    assert bank["map10"] >= plain["map10"] - 1e-9


@pytest.mark.parametrize(("name", "least"), [("default", 15), ("default-mn04", 20)])
def test_descriptions_find_the_demo_sounds_in_the_top_three(folders, tmp_path, name, least):
    make_demo_sounds(tmp_path / "demo", Control())
    with Library(tmp_path / "library.db") as library:
        index_folders(library, folders[name], [tmp_path / "demo"], Control())
        searcher = Searcher(library, folders[name])
        found = 0
        for file, description in descriptions():
            best = searcher.search_text(description, 3).matches
            found += file in {Path(match.sound.path).name for match in best}
    assert len(descriptions()) >= 30
    assert found >= least
