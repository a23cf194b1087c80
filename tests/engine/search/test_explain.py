"""Why a sound matched, on a library that was really indexed."""

from pathlib import Path

import pytest

from engine import open_library
from engine.search import QuerySound
from engine.search.explain import explain


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
