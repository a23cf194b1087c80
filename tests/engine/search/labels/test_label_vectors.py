"""What models make of labels: kept on disk, and read while others search."""

import os
from threading import Event, Thread

import numpy as np
import pytest

from engine.paths import labels_folder
from engine.progress import Cancelled, Control
from engine.search.labels import label_vectors
from engine.search.labels.label_vectors import LabelVectors
from engine.search.labels.taxonomy import ucs
from engine.search.text_side import TextSide
from engine.session import Session, open_library


@pytest.fixture
def searcher(library, model_folder, hearing):
    return hearing({"/a.wav": ["tone"], "/b.wav": ["door"]})


@pytest.fixture
def read(monkeypatch):
    """Return how many texts were embedded, call by call."""
    counts: list[int] = []
    embed = TextSide.read_labels

    def read_labels(self, texts):
        counts.append(len(texts))
        return embed(self, texts)

    monkeypatch.setattr(TextSide, "read_labels", read_labels)
    return counts


def test_labels_are_read_once_and_kept_to_the_last_bit(searcher, read):
    first = LabelVectors.of(ucs(), searcher)
    total = sum(read)
    assert total == len(first.texts.vectors) > 500
    again = LabelVectors.of(ucs(), searcher)
    assert sum(read) == total
    assert np.array_equal(again.texts.table(), first.texts.table())
    assert np.array_equal(again.handicaps, first.handicaps)


def test_labels_are_kept_by_precision(searcher, read, monkeypatch):
    cold = LabelVectors.of(ucs(), searcher).texts.table()
    monkeypatch.setattr(TextSide, "precision", "bfloat16")
    LabelVectors.of(ucs(), searcher)
    assert sum(read) == 2 * len(cold)
    monkeypatch.setattr(TextSide, "precision", "float32")
    assert np.array_equal(LabelVectors.of(ucs(), searcher).texts.table(), cold)
    assert sum(read) == 2 * len(cold)


def test_labels_that_were_read_in_two_precisions_are_not_kept(searcher, read, monkeypatch):
    found = iter(["float32", "bfloat16"])
    monkeypatch.setattr(TextSide, "precision", property(lambda side: next(found)))
    LabelVectors.of(ucs(), searcher)
    assert not labels_folder().exists() or not list(labels_folder().iterdir())


@pytest.mark.parametrize("harm", [lambda data: data[:-4], lambda data: data[:-1] + b"x", bytes])
def test_a_damaged_file_is_made_again(searcher, read, harm):
    first = LabelVectors.of(ucs(), searcher)
    (path,) = labels_folder().iterdir()
    path.write_bytes(harm(path.read_bytes()) if harm is not bytes else b"")
    total = sum(read)
    again = LabelVectors.of(ucs(), searcher)
    assert sum(read) == 2 * total
    assert np.array_equal(again.texts.table(), first.texts.table())


def test_only_what_was_used_last_is_kept(searcher, read):
    LabelVectors.of(ucs(), searcher)
    (kept,) = labels_folder().iterdir()
    old = [labels_folder() / f"{n:032x}.vectors" for n in range(16)]
    for age, path in enumerate([kept, *reversed(old)]):
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    for name in (f"{99:032x}.vectors.7.part", "mine"):
        (labels_folder() / name).touch()
    LabelVectors.of(ucs(), searcher)  # is used, and so later than the others
    label_vectors._forget_old(labels_folder())
    left = {path.name for path in labels_folder().iterdir()}
    assert left == {kept.name, "mine", *(path.name for path in old[1:])}


def test_reading_labels_can_be_stopped(searcher, read):
    with pytest.raises(Cancelled):
        LabelVectors.of(ucs(), searcher, Control(cancel=lambda: len(read) > 0))
    assert len(read) == 1
    assert not labels_folder().exists()


def test_others_search_while_labels_are_read(tmp_path, sounds, model_folder, monkeypatch):
    reading, searched = Event(), Event()
    embed = TextSide.read_labels

    def read_labels(self, texts):
        reading.set()
        assert searched.wait(60)
        return embed(self, texts)

    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds / "tones")
        assert len(session.search("tone")) > 0
        monkeypatch.setattr(TextSide, "read_labels", read_labels)
        thread = Thread(target=Session.tagger, args=(session,))
        thread.start()
        assert reading.wait(60)
        assert len(session.search("tone")) > 0
        searched.set()
        thread.join()
