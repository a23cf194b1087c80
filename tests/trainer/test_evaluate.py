import csv
from pathlib import Path

import pytest

from engine.errors import AudioError, InputError
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from trainer.evaluation.protocols import evaluate_retrieval, evaluate_zero_shot, read_manifest


def manifest(folder: Path, column: str, rows: list[tuple[str, str]]) -> Path:
    path = folder / "manifest.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", column), *rows])
    return path


@pytest.fixture
def sides(model_folder):
    return load_audio_encoder(model_folder), load_text_encoder(model_folder)


FIGURES = {"r1", "r5", "r10", "map"}


def test_zero_shot_gives_the_documented_figures(sides, sounds):
    rows = [(str(p.relative_to(sounds)), p.parent.name) for p in sounds.rglob("*.wav")]
    figures = evaluate_zero_shot(*sides, manifest(sounds, "label", rows), Control())
    assert set(figures) == {"per_clip", "plain", "paper", "modality_gap", "clips", "classes"}
    assert (figures["clips"], figures["classes"]) == (12, 2)
    assert all(set(figures[p]) == FIGURES for p in ("per_clip", "plain", "paper"))
    assert figures["per_clip"]["r5"] == 1.0


def test_retrieval_gives_the_documented_figures(sides, sounds):
    paths = sorted(sounds.rglob("*.wav"))
    rows = [(str(p.relative_to(sounds)), f"sound {n % 5}") for n, p in enumerate(paths)]
    rows += [(path, text + " door") for path, text in rows]
    figures = evaluate_retrieval(*sides, manifest(sounds, "caption", rows), Control())
    for protocol in ("plain", "bank", "paper"):
        for way in ("text_to_audio", "audio_to_text"):
            assert set(figures[protocol][way]) == {"r1", "r5", "r10", "map10"}
    assert set(figures["library"]["text_to_audio"]) == {"r1", "r5", "r10", "map10"}
    assert (figures["clips"], figures["captions"], figures["distinct_captions"]) == (12, 24, 10)


def test_the_modality_gap_is_in_the_units_of_embeddings_not_of_the_metric(sides, sounds):
    audio_encoder, text_encoder = sides
    rows = [(str(p.relative_to(sounds)), p.parent.name) for p in sounds.rglob("*.wav")]
    by_label, by_caption = sounds / "label", sounds / "caption"
    by_label.mkdir()
    by_caption.mkdir()
    rows = [(f"../{path}", text) for path, text in rows]

    def gaps() -> list[float]:
        tagged = evaluate_zero_shot(*sides, manifest(by_label, "label", rows), Control())
        found = evaluate_retrieval(*sides, manifest(by_caption, "caption", rows), Control())
        return [tagged["modality_gap"], found["modality_gap"]]

    before = gaps()
    for model in (audio_encoder.model, text_encoder.model):
        model.metric.factor.mul_(3.0)
    assert min(before) > 0
    assert gaps() == pytest.approx(before, rel=1e-5)


def test_the_library_ranks_by_distance_where_nothing_is_blended_or_all_means_the_same(
    sides, sounds
):
    paths = [str(p.relative_to(sounds)) for p in sorted(sounds.rglob("*.wav"))]
    texts = [f"sound {n}" for n in range(len(paths))]
    path = sounds / "meant.csv"
    for meanings, blend in ((["same"] * len(paths), 1.0), (texts, 0.0)):
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = zip(paths, texts, meanings, strict=True)
            csv.writer(file).writerows([("path", "caption", "meaning"), *rows])
        figures = evaluate_retrieval(*sides, path, Control(), blend)
        assert figures["blend"] == blend
        assert figures["library"]["text_to_audio"] == figures["plain"]["text_to_audio"]


def test_a_blend_that_is_no_share_is_told(sides, sounds):
    path = manifest(sounds, "caption", [("noises/Sound_00.wav", "a dog")])
    with pytest.raises(InputError, match="--blend is a share from 0 to 1, not 2"):
        evaluate_retrieval(*sides, path, Control(), 2.0)


@pytest.mark.parametrize(
    ("column", "rows", "words"),
    [
        ("label", [], "lists no files"),
        ("name", [("x.wav", "y")], "has no column named label"),
        ("label", [("none.wav", "dog")], "line 2: there is no file"),
        ("label", [("noises/Sound_00.wav", " ")], "line 2: the label is empty"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told(sounds, column, rows, words):
    with pytest.raises(InputError, match=words):
        read_manifest(manifest(sounds, column, rows), "label")


def test_a_clip_that_cannot_be_heard_is_told(sides, sounds):
    (sounds / "broken.wav").write_text("words")
    path = manifest(sounds, "label", [("broken.wav", "dog")])
    with pytest.raises(AudioError, match=r"broken\.wav cannot be evaluated"):
        evaluate_zero_shot(*sides, path, Control())
