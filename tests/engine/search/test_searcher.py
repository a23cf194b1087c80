import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.errors import AudioError, InputError, LibraryError
from engine.index.build import index_folders
from engine.models import precision
from engine.progress import Control
from engine.search import QuerySound, Searcher, search_names
from engine.search.rank import least_strength
from engine.store import Library
from tests.conftest import tone


@pytest.fixture
def library(tmp_path: Path, model_folder: Path, sounds: Path):
    with Library(tmp_path / "library.db") as opened:
        index_folders(opened, model_folder, [sounds], Control())
        yield opened


def test_a_search_gives_every_sound_once_best_first(library, model_folder):
    searcher = Searcher(library, model_folder)
    answer = searcher.search_text("door", 50)
    assert len({match.sound.id for match in answer.matches}) == len(answer.matches) == 12
    strong, weak = answer.matches[: answer.strong], answer.matches[answer.strong :]
    least = least_strength(searcher.spec.ranking)
    assert all(least <= match.strength <= 1 for match in strong)
    assert all(0 <= match.strength < least for match in weak)
    for figures in ([m.score for m in answer.matches], [m.strength for m in answer.matches]):
        assert figures == sorted(figures, reverse=True)


def test_a_warm_searcher_reads_texts_in_the_best_precision_and_finds_the_same(
    library, model_folder, monkeypatch
):
    took = {torch.float32: 1.0, torch.bfloat16: 0.5}
    monkeypatch.setattr(
        precision, "_timed", lambda encoder, texts: (took[encoder.precision], torch.ones(2, 3))
    )
    searcher = Searcher(library, model_folder)
    cold = searcher.search_text("door", 12).matches
    searcher.warm_up()
    assert searcher.text_side.precision == "bfloat16"
    warm = searcher.search_text("door", 12).matches
    assert [m.strength for m in warm] != [m.strength for m in cold]
    strengths = {match.sound.id: match.strength for match in cold}
    assert all(abs(m.strength - strengths[m.sound.id]) < 0.02 for m in warm)
    searcher.warm_up()  # after more was indexed
    assert [m.strength for m in searcher.search_text("door", 12).matches] == [
        m.strength for m in warm
    ]


def test_a_sound_is_most_like_itself_and_is_left_out(library, model_folder, sounds, tmp_path):
    searcher = Searcher(library, model_folder)
    path = sounds / "tones" / "Sound_05.wav"
    answer = searcher.search_sounds([QuerySound(path)], limit=20)
    assert str(path) not in {match.sound.path for match in answer.matches}
    roundabout = sounds / "noises" / ".." / "tones" / "Sound_05.wav"
    answer = searcher.search_sounds([QuerySound(roundabout)], limit=20)
    assert str(path) not in {match.sound.path for match in answer.matches}
    copy = tmp_path / "copy.wav"
    copy.write_bytes(path.read_bytes())
    best = searcher.search_sounds([QuerySound(copy)], limit=3).matches[0]
    assert best.sound.path == str(path)


def test_a_part_of_a_file_can_be_searched_with(library, model_folder, sounds, tmp_path):
    _, rate = soundfile.read(sounds / "tones" / "Sound_07.wav")
    inner, _ = soundfile.read(sounds / "tones" / "Sound_07.wav")
    both = tmp_path / "both.wav"
    noise = np.random.default_rng(0).normal(0, 0.3, rate)
    soundfile.write(both, np.concatenate([noise, inner]), rate)
    found = Searcher(library, model_folder).search_sounds([QuerySound(both, 1.0)], limit=1)
    assert Path(found.matches[0].sound.path).name == "Sound_07.wav"


@pytest.mark.parametrize(
    ("start", "end"),
    [(5.0, None), (-1.0, None), (0.5, 0.2), (math.nan, None), (1e308, None), (0.0, 1e308)],
)
def test_a_part_outside_the_file_is_told(library, model_folder, sounds, start, end):
    searcher = Searcher(library, model_folder)
    with pytest.raises(
        InputError, match=r"is not within Sound_01|(nan|1e\+308) is no place in Sound_01"
    ):
        searcher.search_sounds([QuerySound(sounds / "tones" / "Sound_01.wav", start, end)])


def test_a_file_that_cannot_be_heard_is_told(library, model_folder, tmp_path):
    (tmp_path / "x.wav").write_text("words")
    with pytest.raises(AudioError, match="is not a sound file"):
        Searcher(library, model_folder).search_sounds([QuerySound(tmp_path / "x.wav")])


def test_an_empty_search_is_told(library, model_folder):
    with pytest.raises(InputError, match="the search is empty"):
        Searcher(library, model_folder).search_text("  ")
    with pytest.raises(InputError, match="holds no word"):
        search_names(library, "--")


def test_an_empty_library_says_what_to_do(tmp_path, model_folder):
    with (
        Library(tmp_path / "empty.db") as empty,
        pytest.raises(LibraryError, match="index a folder of sounds first"),
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
        found = Searcher(library, model_folder).search_sounds(
            [QuerySound(tmp_path / "needle.flac")], limit=1
        )
    assert (found.matches[0].start_s, found.matches[0].end_s) == (10.0, 20.0)


def test_names_are_searched_beside_it(library):
    answer = search_names(library, "sound 05")
    assert [Path(match.sound.path).name for match in answer.matches] == ["Sound_05.wav"]
    assert answer.matches[0].keyword_match


def test_filters_alone_list_sounds_that_hold_no_words(library, model_folder):
    searched = Searcher(library, model_folder).search_text("fmt:wav", 3)
    for answer in (searched, search_names(library, "fmt:wav", 3)):
        assert len(answer.matches) == 3 and answer.asked is None
        assert not any(match.keyword_match for match in answer.matches)


def test_words_and_sound_count_together(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    answer = searcher.search_text("sound 07", 12)
    assert Path(answer.matches[0].sound.path).name == "Sound_07.wav"
    assert answer.matches[0].keyword_match
    assert answer.strong >= 1
    assert len(answer.matches) == 12


def test_a_result_says_which_words_it_holds_and_how_much_they_are(library, model_folder):
    matches = Searcher(library, model_folder).search_text("sound 07 tones rain", 12).matches
    best = matches[0]
    assert best.words == ("07", "tones") and not best.keyword_match
    others = {match.words: match.words_share for match in matches[1:]}
    assert set(others) == {("tones",), ()}
    assert others[()] == 0.0 < others[("tones",)] < best.words_share <= 1.0


def test_filters_narrow_what_is_ranked(library, model_folder):
    searcher = Searcher(library, model_folder)
    answer = searcher.search_text("tone in:noises dur:<0.7s", 20)
    assert answer.matches
    for match in answer.matches:
        assert "noises" in match.sound.path
        assert match.sound.duration_s < 0.7
    excluded = searcher.search_text("tone -noises", 20)
    assert {Path(m.sound.path).parent.name for m in excluded.matches} == {"tones"}
    assert searcher.search_text("tone dur:>1h").matches == ()
    listed = searcher.search_text("in:tones", 20)
    assert len(listed.matches) == 6


def test_either_description_will_do(library, model_folder):
    searcher = Searcher(library, model_folder)
    door, rain, either = (
        {match.sound.id: match.score for match in searcher.search_text(text, 12).matches}
        for text in ("door", "rain", "door OR rain")
    )
    for sound_id, score in either.items():
        assert score == pytest.approx(max(door[sound_id], rain[sound_id]), abs=1e-3)


def test_several_sounds_count_by_their_barycentre(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    files = [sounds / "tones" / f"Sound_{n:02d}.wav" for n in (1, 3, 5)]
    answer = searcher.search_sounds([QuerySound(path) for path in files], 20)
    assert not {str(path) for path in files} & {match.sound.path for match in answer.matches}
    windows = searcher.index.windows
    ids = {sound.path: i for i, sound in library.sounds().items()}
    rows = [int(np.flatnonzero(windows.sound_ids == ids[str(path)])[0]) for path in files]
    middle = np.asarray(windows.vectors[rows]).astype(float).mean(0)
    cost = np.linalg.norm(np.asarray(windows.vectors).astype(float) - middle, axis=1)
    ranking = searcher.spec.ranking
    score = (ranking.blend * windows.potentials - cost / ranking.cost_scale) / ranking.epsilon
    order = [int(windows.sound_ids[row]) for row in np.argsort(-score) if row not in rows]
    found = sorted(answer.matches, key=lambda match: -match.score)
    assert [match.sound.id for match in found] == order


def test_texts_are_added_to_a_sound_and_subtracted(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    path = sounds / "tones" / "Sound_01.wav"

    def order(**texts: str) -> list[int]:
        matches = searcher.search_sounds([QuerySound(path)], limit=20, **texts).matches
        return [match.sound.id for match in sorted(matches, key=lambda match: -match.score)]

    plain, plus, minus = order(), order(plus="rain"), order(minus="rain")
    assert set(plain) == set(plus) == set(minus)
    assert plain != plus or plain != minus
    assert order(plus="rain", minus="rain") == plain
    filtered = searcher.search_sounds([QuerySound(path)], limit=20, plus="in:tones")
    assert {Path(m.sound.path).parent.name for m in filtered.matches} == {"tones"}


def test_a_recording_can_be_searched_with(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    samples, rate = soundfile.read(sounds / "tones" / "Sound_05.wav", dtype="float32")
    doubled = np.repeat(samples, 2)  # at twice the rate the same sound
    answer = searcher.search_sounds([QuerySound(samples=doubled, rate_hz=2 * rate)], 1)
    assert Path(answer.matches[0].sound.path).name == "Sound_05.wav"


def test_a_sound_that_was_not_yet_heard_is_found_by_its_words(library, model_folder, tmp_path):
    from engine.store import FileFacts, Header

    facts = FileFacts("/new/squeaky hinge.wav", 1, 1, "", 2.0, 48000, 1, 16, "wav")
    library.put_headers([(facts, Header(description="rusty"))])
    searcher = Searcher(library, model_folder)
    best = searcher.search_text("squeaky hinge", 5).matches[0]
    assert best.sound.path == "/new/squeaky hinge.wav"
    assert best.keyword_match
    assert (best.words, best.words_share) == (("squeaky", "hinge"), 1.0)
    least = least_strength(searcher.spec.ranking)
    assert best.strength > least  # both words are rare, and nothing speaks against them
    assert (best.start_s, best.end_s) == (0.0, 2.0)
    assert searcher.search_text("squeaky hinge dur:<3s").matches[0].sound == best.sound
    others = searcher.search_text("squeaky hinge dur:<1s", 50).matches
    assert best.sound not in [match.sound for match in others]


def test_what_is_indexed_later_is_seen_after_a_refresh(library, model_folder, sounds):
    searcher = Searcher(library, model_folder)
    soundfile.write(sounds / "later.wav", tone(777, 0.5), 32000)
    index_folders(library, model_folder, [sounds], Control())
    assert len(searcher.search_text("tone", 50).matches) == 12
    searcher.refresh()
    assert len(searcher.search_text("tone", 50).matches) == 13
