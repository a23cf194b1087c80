from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import AudioError, InputError, LibraryError
from engine.index.build import index_folders
from engine.progress import Control
from engine.search import Searcher, search_names
from engine.store import Library
from tests.conftest import tone


@pytest.fixture
def library(tmp_path: Path, model_folder: Path, sounds: Path):
    with Library(tmp_path / "library.db") as opened:
        index_folders(opened, model_folder, [sounds], Control())
        yield opened


def test_a_search_gives_every_sound_once_best_first(library, model_folder):
    answer = Searcher(library, model_folder).search_text("door", 50)
    assert len({match.sound.id for match in answer.matches}) == len(answer.matches) == 12
    strong, weak = answer.matches[: answer.strong], answer.matches[answer.strong :]
    assert all(0.5 <= match.strength <= 1 for match in strong)
    assert all(0 <= match.strength < 0.5 for match in weak)
    for part in (strong, weak):
        scores = [match.score for match in part]
        assert scores == sorted(scores, reverse=True)


def test_a_sound_is_most_like_itself_and_is_left_out(library, model_folder, sounds, tmp_path):
    searcher = Searcher(library, model_folder)
    path = sounds / "tones" / "Sound_05.wav"
    answer = searcher.search_sound(path, limit=20)
    assert str(path) not in {match.sound.path for match in answer.matches}
    roundabout = sounds / "noises" / ".." / "tones" / "Sound_05.wav"
    answer = searcher.search_sound(roundabout, limit=20)
    assert str(path) not in {match.sound.path for match in answer.matches}
    copy = tmp_path / "copy.wav"
    copy.write_bytes(path.read_bytes())
    best = searcher.search_sound(copy, limit=3).matches[0]
    assert best.sound.path == str(path)


def test_a_part_of_a_file_can_be_searched_with(library, model_folder, sounds, tmp_path):
    _, rate = soundfile.read(sounds / "tones" / "Sound_07.wav")
    inner, _ = soundfile.read(sounds / "tones" / "Sound_07.wav")
    both = tmp_path / "both.wav"
    noise = np.random.default_rng(0).normal(0, 0.3, rate)
    soundfile.write(both, np.concatenate([noise, inner]), rate)
    found = Searcher(library, model_folder).search_sound(both, start_s=1.0, limit=1)
    assert Path(found.matches[0].sound.path).name == "Sound_07.wav"


@pytest.mark.parametrize(("start", "end"), [(5.0, None), (-1.0, None), (0.5, 0.2)])
def test_a_part_outside_the_file_is_told(library, model_folder, sounds, start, end):
    searcher = Searcher(library, model_folder)
    with pytest.raises(InputError, match="does not lie in Sound_01"):
        searcher.search_sound(sounds / "tones" / "Sound_01.wav", start, end)


def test_a_file_that_cannot_be_heard_is_told(library, model_folder, tmp_path):
    (tmp_path / "x.wav").write_text("words")
    with pytest.raises(AudioError, match="is not a sound file"):
        Searcher(library, model_folder).search_sound(tmp_path / "x.wav")


def test_an_empty_search_is_told(library, model_folder):
    with pytest.raises(InputError, match="the search is empty"):
        Searcher(library, model_folder).search_text("  ")
    with pytest.raises(InputError, match="holds no word"):
        search_names(library, "--")


def test_an_empty_library_says_what_to_do(tmp_path, model_folder):
    with (
        Library(tmp_path / "empty.db") as empty,
        pytest.raises(LibraryError, match="run `soundsift index FOLDER`"),
    ):
        Searcher(empty, model_folder)


def test_another_version_of_the_model_is_refused(library, make_model):
    with pytest.raises(LibraryError, match="indexed with another version"):
        Searcher(library, make_model("newer", seed=9))


def test_long_files_show_their_best_moment(tmp_path, model_folder):
    rate = 16000
    parts = [np.random.default_rng(n).normal(0, 0.1, 10 * rate) for n in range(2)]
    needle = tone(1500, 10.0, rate)
    soundfile.write(tmp_path / "long.wav", np.concatenate([parts[0], needle, parts[1]]), rate)
    soundfile.write(tmp_path / "needle.flac", needle, rate)
    with Library(tmp_path / "library.db") as library:
        index_folders(library, model_folder, [tmp_path / "long.wav"], Control())
        found = Searcher(library, model_folder).search_sound(tmp_path / "needle.flac", limit=1)
    assert (found.matches[0].start_s, found.matches[0].end_s) == (10.0, 20.0)


def test_names_are_searched_beside_it(library):
    answer = search_names(library, "sound 05")
    assert [Path(match.sound.path).name for match in answer.matches] == ["Sound_05.wav"]
    assert answer.matches[0].keyword_match
