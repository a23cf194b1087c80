"""What is promised of tagging with the shipped model, on real sounds where they are present."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.index.build import index_folders
from engine.metadata.ucs_names import categories, plain_name
from engine.models.catalog import find_model
from engine.models.match_model import load_audio_encoder, load_text_encoder
from engine.progress import Control
from engine.search import Searcher
from engine.search.labels import label_vectors
from engine.search.labels.taxonomy import read_taxonomy, ucs
from engine.store import Library
from engine.store.places import rename_sounds
from engine.tags.audit import audit
from engine.tags.suggest import Rules, Tagger
from trainer.data.manifest import csv_rows, labelled_clips, write_manifest
from trainer.evaluation.protocols import evaluate_zero_shot

MAPPING = Path(__file__).parents[1] / "benchmarks" / "tagging" / "ucs_of_valid.csv"


@pytest.fixture(scope="module")
def indexed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library of both splits."""
    path = tmp_path_factory.mktemp("promises") / "library.db"
    with Library(path) as library:
        folders = [data / "sounds" / split for split in ("valid", "esc50_dev")]
        index_folders(library, find_model("default"), folders, Control())
    return path


@pytest.fixture(autouse=True)
def kept_labels(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests read labels once: they keep them in one place."""
    monkeypatch.setattr(label_vectors, "labels_folder", lambda: indexed.with_name("labels"))


@pytest.fixture
def real(indexed: Path, tmp_path: Path) -> Iterator[Library]:
    """Give a copy of it, whose names a test may change."""
    copy = tmp_path / "library.db"
    copy.write_bytes(indexed.read_bytes())
    with Library(copy) as library:
        yield library


def clips(data: Path, library: Library, split: str) -> list[tuple[int, str, str]]:
    """Return (sound id, path, label) of a split."""
    ids = {sound.path: sound_id for sound_id, sound in library.sounds().items()}
    rows = csv_rows(data / "sounds" / "manifest.csv")
    found = [(str(data / "sounds" / row["path"]), row) for row in rows if row["split"] == split]
    return [
        (ids[path], path, row["label" if split == "valid" else "label_merged"])
        for path, row in found
        if path in ids
    ]


def test_tagging_agrees_with_zero_shot_and_a_folder_of_one_kind_stays_it(data, real, tmp_path):
    rows = clips(data, real, "esc50_dev")
    names = sorted({label for _, _, label in rows})
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(names), encoding="utf-8")
    folder = find_model("default")
    tagger = Tagger(real, Searcher(real, folder), read_taxonomy(labels))

    def hits(some: list[tuple[int, str, str]], folder: bool) -> int:
        rules = Rules(least=0.0, most=1, folder=folder, words=False)
        found = tagger.suggest(np.array([i for i, *_ in some]), rules, Control())
        return sum(found[i][0].label.name == label for i, _, label in some)

    manifest = tmp_path / "z.csv"
    write_manifest(manifest, labelled_clips(data, "esc50_dev"), "label")
    sides = load_audio_encoder(folder), load_text_encoder(folder)
    wanted = evaluate_zero_shot(*sides, manifest, Control())["per_clip"]["r1"]
    alone = hits(rows, folder=False)
    assert abs(alone / len(rows) - wanted) <= 0.01
    assert hits(rows, folder=True) >= alone - 0.01 * len(rows)
    one_kind = sum(hits([row for row in rows if row[2] == name], folder=True) for name in names)
    assert one_kind >= 0.95 * alone


def test_a_sound_is_called_what_it_is(data, real):
    with MAPPING.with_name("ucs_of_classes.csv").open(encoding="utf-8", newline="") as file:
        right = {row["label"]: row["catids"].lower().split() for row in csv.DictReader(file)}
    searcher = Searcher(real, find_model("default"))
    rows = [row for row in clips(data, real, "esc50_dev") if row[2] in right]
    names = [searcher.likenesses(i)[:1] for i, *_ in rows]
    known = {plain_name(category): key for key, category in categories().items()}
    hits = [
        bool(name) and known[name[0].text] in right[label]
        for name, (*_, label) in zip(names, rows, strict=True)
    ]
    assert len(rows) >= 400 and np.mean(hits) >= 0.7


@pytest.mark.parametrize(("hidden", "top", "five"), [(False, 0.70, 0.90), (True, 0.40, 0.60)])
def test_ucs_categories_of_real_sounds(data, real, hidden, top, five):
    with MAPPING.open(encoding="utf-8", newline="") as file:
        right = {row["label"]: set(row["catids"].split()) for row in csv.DictReader(file)}
    rows = [row for row in clips(data, real, "valid") if row[2] in right]
    assert len(rows) >= 150
    if hidden:
        rename_sounds(real, [(path, f"/sounds/ZOOM{i:04d}.ogg") for i, path, _ in rows])
    tagger = Tagger(real, Searcher(real, find_model("default")), ucs())
    ids = np.array([i for i, *_ in rows])
    found = tagger.suggest(ids, Rules(least=0.0, most=5), Control())
    first = [found[i][0].label.id in right[label] for i, _, label in rows]
    among = [bool({s.label.id for s in found[i]} & right[label]) for i, _, label in rows]
    assert np.mean(first) >= top and np.mean(among) >= five


def test_exchanged_names_are_found(data, real):
    rows = clips(data, real, "valid")
    dice = random.Random(7)
    chosen = dice.sample(range(len(rows)), 2 * round(0.05 * len(rows)))
    names = [label for _, _, label in rows]
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        names[one], names[other] = names[other], names[one]
    new = [
        f"/s/{name.replace(' ', '_')}_{i:04d}.ogg"
        for (i, *_), name in zip(rows, names, strict=True)
    ]
    rename_sounds(real, [(path, to) for (_, path, _), to in zip(rows, new, strict=True)])
    wrong = {to for to, name, (_, _, label) in zip(new, names, rows, strict=True) if name != label}
    searcher = Searcher(real, find_model("default"))
    found = audit(real, searcher, np.array([i for i, *_ in rows]), Control())
    said = {doubt.path for doubt in found.doubts}
    assert len(said & wrong) >= 0.6 * len(wrong)
    assert len(said & wrong) >= 0.6 * len(said)
