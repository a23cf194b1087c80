"""A text encoder is loaded once, whoever asks for it, and read in one precision at a time."""

import copy
from threading import Barrier, Thread

import pytest
import torch

from engine.models import match_model, precision
from engine.search.text_side import TextSide
from engine.session import open_library


@pytest.fixture
def loads(monkeypatch) -> list[object]:
    """Return the encoders that were loaded."""
    found, load = [], match_model.load_text_encoder

    def counted(folder):
        found.append(load(folder))
        return found[-1]

    monkeypatch.setattr(match_model, "load_text_encoder", counted)
    return found


def took(monkeypatch, short_s: float) -> list[torch.dtype]:
    """Let bfloat16 take so much of a second, and float32 all of it; return what is tried."""
    tried: list[torch.dtype] = []

    def timed(encoder, texts) -> tuple[float, torch.Tensor]:
        tried.append(encoder.precision)
        return (1.0 if encoder.precision == torch.float32 else short_s), torch.ones(2, 3)

    monkeypatch.setattr(precision, "_timed", timed)
    return tried


def test_threads_that_ask_at_once_share_one_encoder(model_folder, loads):
    side, begin, found = TextSide(model_folder), Barrier(4), []

    def ask() -> None:
        begin.wait(60)
        found.append(side.encoder)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert {id(encoder) for encoder in found} == {id(loads[0])}


def test_a_first_search_for_an_unknown_word_loads_one_text_side(
    model_folder, sounds, tmp_path, loads
):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds / "tones")
        loads.clear()
        session.search("doors wherever")  # the words are looked up in a thread of their own
        session.tagger("audioset")
        session.search("rain")
    assert len(loads) == 1


def test_a_copy_of_a_searcher_shares_its_text_side(model_folder, sounds, tmp_path, loads):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds / "tones")
        loads.clear()
        other = copy.copy(session.searcher)
        other.text_queries(["door"])
        session.search("door")
    assert len(loads) == 1


@pytest.mark.parametrize(("short_s", "chosen"), [(0.5, "bfloat16"), (2.0, "float32")])
def test_the_best_precision_is_looked_for_once(model_folder, monkeypatch, short_s, chosen):
    tried = took(monkeypatch, short_s)
    side = TextSide(model_folder)
    assert not side.is_loaded
    assert side.precision == "float32"
    before = side.read_labels(["door"])
    side.speed_up()
    assert side.precision == chosen
    so_far = len(tried)
    side.speed_up()
    assert len(tried) == so_far > 0
    same = side.read_labels(["door"]).vectors == before.vectors  # none is kept of before
    assert same.all() == (chosen == "float32")


def test_a_library_is_warm_when_everything_is_loaded(model_folder, sounds, tmp_path):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds / "tones")
        session.search("tone")
        session.tagger("audioset")
        assert not session.is_warm  # or nobody would make the rest as fast as it can be
        assert session.warm_up()
        assert session.is_warm
