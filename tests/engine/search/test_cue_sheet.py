from pathlib import Path

import numpy as np
import pytest

from engine.errors import InputError
from engine.index.build import index_folders
from engine.progress import Control
from engine.search import Searcher
from engine.search.cue_sheet import Cue, cues_to_dict, keywords, read_cue_sheet, solve_cues
from engine.search.cues import CueRules
from engine.search.rank import least_strength
from engine.store import Library


@pytest.fixture
def library(tmp_path: Path, model_folder: Path, sounds: Path):
    with Library(tmp_path / "library.db") as opened:
        index_folders(opened, model_folder, [sounds], Control())
        yield opened


def sheet(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sheet.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_sheets_are_read_with_and_without_a_header(tmp_path):
    found = read_cue_sheet(sheet(tmp_path, "\ufeffscene,cue,locked\n1,door,\n2,,\n3,rain,/a.wav\n"))
    assert found == [Cue(2, "door"), Cue(4, "rain", "/a.wav")]
    assert read_cue_sheet(sheet(tmp_path, "Szene;Sound\n1;Tür, schwer\n")) == [
        Cue(2, "Tür, schwer")
    ]
    assert read_cue_sheet(sheet(tmp_path, "a door, slowly\n\nrain\n")) == [
        Cue(1, "a door,  slowly"),
        Cue(3, "rain"),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "cue\n", "cue,locked\n,\n"])
def test_a_sheet_without_cues_is_told(tmp_path, text):
    with pytest.raises(InputError, match="contains no cues"):
        read_cue_sheet(sheet(tmp_path, text))


def test_what_is_no_sheet_is_told(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00d")
    with pytest.raises(InputError, match="not UTF-8"):
        read_cue_sheet(tmp_path / "x.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_cue_sheet(tmp_path / "none.csv")


def test_every_clip_is_used_once_and_locks_are_kept(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    wanted = ["door", "rain", "bell", "wind", "dog"]
    locked = sounds / "tones" / "Sound_05.wav"
    cues = [Cue(n, text, str(locked) if n == 2 else None) for n, text in enumerate(wanted)]
    answers = solve_cues(library, searcher, cues, CueRules(alternates=2))
    assert [clip.sound.path for clip in answers[2].assigned] == [str(locked)]
    paths = [clip.sound.path for answer in answers for clip in answer.assigned]
    assert len(set(paths)) == len(paths)
    for answer in answers:
        assert len(answer.assigned) <= 2
        if answer.cue.locked is None:
            strengths = [clip.strength for clip in answer.assigned]
            assert all(s >= least_strength(searcher.spec.ranking) for s in strengths)
    document = cues_to_dict(answers)
    assert [row["line"] for row in document["cues"]] == [0, 1, 2, 3, 4]
    assert all(row["unmatched"] == (not row["assigned"]) for row in document["cues"])


def test_a_cue_that_says_nothing_and_an_unknown_lock_are_told(library, model_folder):
    searcher = Searcher(library, model_folder)
    with pytest.raises(InputError, match="line 3 contains no word: --"):
        solve_cues(library, searcher, [Cue(3, "--")], CueRules())
    with pytest.raises(InputError, match=r"line 1 is locked to /no\.wav, which is not"):
        solve_cues(library, searcher, [Cue(1, "door", "/no.wav")], CueRules())


def test_offers_of_many_cues_are_those_of_each_alone(library, model_folder, monkeypatch):
    searcher = Searcher(library, model_folder)
    monkeypatch.setattr("engine.search.vector_index._GATHERED", 3)
    monkeypatch.setattr("engine.search.vector_index._QUERIES", 2)
    queries = searcher.text_side.read_labels(["door", "rain", "a bell", "dog", "cat"]).vectors
    together = searcher.index.best_each(queries, 4)
    for query, found in zip(queries, together, strict=True):
        alone = searcher.index.best(query[None], 4, None)
        assert np.array_equal(np.sort(alone), np.sort(found))


def test_words_that_say_nothing_are_not_looked_for_in_names():
    assert keywords(Cue(1, "The door, in a STORM")) == (("door",), ("storm",))
