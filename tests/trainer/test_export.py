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
