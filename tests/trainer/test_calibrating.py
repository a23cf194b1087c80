"""A model's ranking is calibrated on what searches will meet (trainer/recipes/export.py)."""

import shutil

import pytest

from engine.index.build import index_folders
from engine.progress import Control
from engine.search import Searcher
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
