"""Why a sound matched, on a library that was really indexed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine import open_library
from engine.metadata.ucs_names import categories
from engine.models.match_model import load_model
from engine.search import QuerySound
from engine.search.explain import explain
from engine.search.reference_texts import ReferenceTexts


@pytest.fixture
def session(tmp_path, sounds, model_folder):
    with open_library(tmp_path / "l.db", str(model_folder)) as opened:
        opened.index(sounds)
        yield opened


def test_the_strongest_moment_is_the_one_that_was_found(session):
    for answer in (
        session.searcher.search_text("a door"),
        session.searcher.search_sounds(
            [QuerySound(Path(next(iter(session.library.sounds().values())).path))]
        ),
    ):
        for match in answer.matches[:3]:
            moments = explain(session.searcher, answer, match.sound.id)
            best = max(moments, key=lambda moment: moment.strength)
            assert (best.start_s, best.end_s) == (match.start_s, match.end_s)
            assert best.strength == pytest.approx(match.strength, abs=1e-5)


def test_a_filter_alone_explains_nothing(session):
    answer = session.searcher.search_text("fmt:wav")
    assert explain(session.searcher, answer, answer.matches[0].sound.id) == ()


def test_likenesses_are_shares_of_the_bank(session):
    names = ReferenceTexts(session.library, session.model_folder)
    index = session.searcher.index
    sound_id = next(iter(session.library.sounds()))
    everything = names.likenesses(index, sound_id, 0.0)
    assert sum(likeness.share for likeness in everything) == pytest.approx(1.0, abs=1e-4)
    assert [x.share for x in everything] == sorted((x.share for x in everything), reverse=True)
    assert {x.text for x in everything} == set(names.names)
    assert names.likenesses(index, 12345) == ()
    least = everything[2].share
    assert names.likenesses(index, sound_id, least) == everything[:3]


def test_a_sound_is_described_by_names_and_not_by_genres(session, monkeypatch):
    category = categories()["rockbrk"]
    bank = ("rocks break", "Rock and roll", "Music", category.explanation, "a door", "rocks misc")
    spec = session.searcher.spec
    model = load_model(session.model_folder, ())
    rank = model.bank_vectors.shape[1]
    fake = SimpleNamespace(spec=replace(spec, bank=bank), bank_vectors=torch.zeros(len(bank), rank))
    monkeypatch.setattr("engine.models.match_model.load_model", lambda *given: fake)
    held = SimpleNamespace(potentials=torch.zeros(len(bank)))
    monkeypatch.setattr("engine.models.bank.Bank.of", lambda *given: held)
    names = ReferenceTexts(session.library, session.model_folder)
    assert names.names == ("rocks break", "Music", "a door", "rocks")
    shares = names.shares(np.zeros((1, rank), np.float32))
    np.testing.assert_allclose(shares, [[2 / 6, 2 / 6, 1 / 6, 1 / 6]], atol=1e-6)
