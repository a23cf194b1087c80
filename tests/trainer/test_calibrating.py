"""A model's ranking is calibrated on what searches will meet (trainer/recipes/export.py)."""

import shutil

import pytest
import torch

from engine.index.build import index_folders
from engine.models.folder import write_model
from engine.models.match_model import load_model
from engine.progress import Control
from engine.search import QuerySound, Searcher
from engine.store import Library
from trainer.data.manifest import LabelledClip
from trainer.recipes import export


@pytest.mark.parametrize("asked", [("sirens", "a map of the city"), ("the letter q", "honesty")])
def test_the_strongest_mistake_of_a_search_stands_at_the_divider(
    asked, model_folder, sounds, tmp_path, monkeypatch
):
    monkeypatch.setattr(export, "SOUNDLESS", asked)
    monkeypatch.setattr(export, "MISTAKEN", 0.0)  # none may pass
    model = shutil.copytree(model_folder, tmp_path / "model")
    paths = sorted(sounds.rglob("*.wav"))
    clips = [LabelledClip(path, "valid", "tone", "tone", path.stem) for path in paths]
    export.calibrate(model, clips, Control())
    with Library(tmp_path / "library.db") as library:
        index_folders(library, model, [sounds], Control())
        searcher = Searcher(library, model)
        answers = [searcher.search_text(text, 1) for text in asked]
    evidence = [answer.matches[0].score + answer.asked.zero for answer in answers]
    assert max(evidence) == pytest.approx(0, abs=0.02)


def test_lambda_is_raised_only_for_a_gain_that_can_be_told():
    assert export.least_good({0.0: 0.5649, 0.25: 0.5652, 0.5: 0.5610}) == 0.0
    assert export.least_good({0.0: 0.55, 0.25: 0.58, 0.5: 0.581, 0.75: 0.575}) == 0.25
    assert export.least_good({0.0: 0.5, 0.5: 0.5}) == 0.0


def test_searches_by_sound_are_calibrated_on_what_they_find(
    model_folder, sounds, tmp_path, monkeypatch
):
    base = load_model(model_folder)
    base.metric.factor.data.copy_(3.0 * torch.linalg.qr(torch.randn(32, 32))[0])
    model = tmp_path / "model"
    write_model(model, base, model_folder / "tokenizer.json", torch.randn(50, 384))
    paths = sorted(sounds.rglob("*.wav"))
    clips = [LabelledClip(path, "valid", "tone", "tone", path.stem) for path in paths]
    found: list[torch.Tensor] = []

    def note(alike: torch.Tensor, unlike: torch.Tensor) -> float:
        found.append(alike)
        return 0.0

    monkeypatch.setattr(export, "_youden", note)
    export.calibrate(model, clips, Control())
    with Library(tmp_path / "library.db") as library:
        index_folders(library, model, [sounds], Control())
        searcher = Searcher(library, model)
        answers = {path: searcher.search_sounds([QuerySound(path)], limit=1) for path in paths}
    ranking = searcher.spec.ranking
    heard = {path: answer for path, answer in answers.items() if answer.matches}
    assert len(heard) == len(found[0]) > 5
    for answer, alike in zip(heard.values(), found[0].tolist(), strict=True):
        zero = answer.asked.zero - ranking.audio_query_potential / ranking.epsilon
        assert ranking.epsilon * (answer.matches[0].score + zero) == pytest.approx(alike, abs=0.02)
