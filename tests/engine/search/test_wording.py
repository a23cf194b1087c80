"""What the text tower is given of what was typed."""

import numpy as np
import pytest

from engine.models.match_model import load_text_encoder
from engine.search import Searcher
from engine.search.wording import telling_part, wordings
from engine.store import FileFacts, Library


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("door creak", "door creak"),
        ("door creak sound effect", "door creak"),
        ("Door Creak Sound-FX", "Door Creak"),
        ("sound effects of rain", "rain"),
        ("a recording of a door", "door"),
        ("recordings of rain in the woods", "rain in the woods"),
        ("rain loop, stereo", "rain"),
        ("foley footsteps 01", "footsteps"),
        ("footsteps 12", "footsteps"),
        ("two knocks", "two knocks"),
        ("3 knocks", "3 knocks"),
        ("recorder music", "recorder music"),
        ("the sound of rain", "the sound of rain"),
        ("of mice and men", "of mice and men"),
        ("sound effect", "sound effect"),
        ("stereo loop 01", "stereo loop 01"),
        ("007", "007"),
    ],
)
def test_words_of_the_trade_are_not_told_unless_nothing_else_was_said(typed, told):
    assert telling_part(typed) == told


def test_a_query_is_said_as_typed_and_as_a_sentence():
    assert wordings("HeavyDoor") == ("HeavyDoor", "This is a sound of heavy door.")
    assert wordings("rain sfx") == ("rain", "This is a sound of rain.")


def test_a_query_lies_between_both_wordings(tmp_path, model_folder):
    facts = FileFacts("/s/a.wav", 1, 1, "", 1.0, 48000, 1, 16, "wav")
    with Library(tmp_path / "l.db") as library:
        library.put_sounds([(facts, [])])
        found = Searcher(library, model_folder).text_queries(["door", "rain"]).vectors
    text_encoder = load_text_encoder(model_folder)
    for vector, text in zip(found, ("door", "rain"), strict=True):
        z = text_encoder.model.text_head(text_encoder.features(wordings(text))).mean(0)
        u = text_encoder.model.metric(z / z.norm()).detach().numpy()
        assert np.allclose(vector, u, atol=1e-5)
