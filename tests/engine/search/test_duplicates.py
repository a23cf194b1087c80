import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.index.build import index_folders
from engine.progress import Control
from engine.search.duplicates import Group, _candidates, _centred, best_of, find_duplicates
from engine.store import SoundRow
from tests.engine.audio.test_alignment import noise


def names(found, kind: str) -> list[list[str]]:
    return [[Path(s.path).name for s in g.sounds] for g in found.groups if g.kind == kind]


def test_copies_and_recodings_are_found_and_others_are_not(library, data, tmp_path):
    from engine.models.catalog import find_model

    folder = tmp_path / "some"
    folder.mkdir()
    clips = sorted((data / "sounds" / "valid").rglob("*.ogg"))[::40]
    for clip in clips:
        shutil.copy(clip, folder)
    shutil.copy(clips[0], folder / "copy.ogg")
    samples, rate = soundfile.read(clips[1])
    soundfile.write(folder / "recoded.wav", samples, rate, subtype="PCM_16")
    soundfile.write(folder / "cut.wav", samples[: len(samples) // 2], rate)
    index_folders(library, find_model("default"), [folder], Control())
    found = find_duplicates(library, 256, Control())
    assert names(found, "same file") == [sorted([clips[0].name, "copy.ogg"])]
    assert names(found, "same sound") == [sorted([clips[1].name, "recoded.wav"])]
    assert names(find_duplicates(library, 256, Control(), exact_only=True), "same sound") == []


def test_dogs_are_not_one_sound(library, data):
    from engine.models.catalog import find_model

    dogs = sorted((data / "sounds" / "esc50_dev" / "esc-50").glob("*-0.ogg"))
    index_folders(library, find_model("default"), dogs[:20], Control())
    assert names(find_duplicates(library, 256, Control()), "same sound") == []
    alike = names(find_duplicates(library, 256, Control(), alike=True), "alike")
    assert alike and names(find_duplicates(library, 256, Control()), "alike") == []


def test_a_library_without_duplicates_has_none(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds / "tones"], Control())
    found = find_duplicates(library, 32, Control(), exact_only=True)
    assert found.groups == ()


def test_waveforms_decide_whatever_a_model_hears(library, model_folder, tmp_path):
    """A model of random weights hears everything alike: no other recording is called the same."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(8):
        soundfile.write(folder / f"take {number}.wav", noise(number), 8000)
    soundfile.write(folder / "louder.flac", -1.5 * noise(3), 8000)
    index_folders(library, model_folder, [folder], Control())
    found = find_duplicates(library, 32, Control(), alike=True)
    assert names(found, "same sound") == [["louder.flac", "take 3.wav"]]
    kinds = [group.kind for group in found.groups]
    assert kinds == sorted(kinds, key=["same file", "same sound", "alike"].index)
    assert all("louder.flac" not in g or "take 3.wav" not in g for g in names(found, "alike"))


def test_a_file_that_cannot_be_read_any_more_is_named(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds], Control())
    gone = sounds / "noises" / "Sound_00.wav"
    gone.unlink()
    found = find_duplicates(library, 32, Control())
    assert found.unread == (str(gone),)
    assert all(str(gone) != s.path for group in found.groups for s in group.sounds)


def test_a_chain_is_no_group():
    """1 agrees with 2, 2 with 3, 3 with 4, and nothing else does."""
    pairs = [(1, 2), (2, 3), (3, 4)]

    def agree(one, other):
        return (one, other) in pairs or (other, one) in pairs

    groups = _centred(pairs, agree)
    assert sorted(map(sorted, groups)) == [[1, 2, 3]]
    assert all(agree(group[0], other) for group in groups for other in group[1:])


def test_what_was_no_candidate_is_compared_with_the_centre():
    groups = _centred([(1, 2), (2, 3), (3, 4)], lambda one, other: True)
    assert sorted(map(sorted, groups)) == [[1, 2, 3, 4]]
    assert _centred([], lambda one, other: True) == []


def test_the_nearest_of_like_length_are_found_whatever_the_blocks(monkeypatch):
    random = np.random.default_rng(0)
    count = 300
    means = random.normal(0, 1, (count, 8)).astype(np.float16)
    lengths = random.uniform(0.1, 20, count)
    lengths[:100] = 5.0
    ids = random.permutation(1000)[:count]
    sounds = {
        int(i): SoundRow(int(i), f"/{i}", float(s), 8000, 1, 16, "wav", False)
        for i, s in zip(ids, lengths, strict=True)
    }
    whole = _found(ids, means, sounds)
    monkeypatch.setattr("engine.search.duplicates._BLOCK", 7)
    monkeypatch.setattr("engine.search.duplicates._COLUMNS", 33)
    assert _found(ids, means, sounds) == whole
    exact = means.astype(np.float64)
    for row in range(count):
        like = np.abs(lengths - lengths[row]) <= 0.02 * np.minimum(lengths, lengths[row]) + 0.15
        like &= np.arange(count) != row
        distances = np.linalg.norm(exact - exact[row], axis=1)
        near = sorted(np.flatnonzero(like), key=lambda i: distances[i])[:16]
        expected = {tuple(sorted((int(ids[row]), int(ids[i])))) for i in near}
        assert expected <= whole


def _found(ids, means, sounds):
    pairs, distances = _candidates(ids, means, sounds, Control())
    assert len(pairs) == len(distances)
    return {tuple(sorted(pair)) for pair in pairs.tolist()}


@pytest.mark.parametrize(
    ("best", "worse"),
    [
        ((44_100, 2, 16, "wav"), (96_000, 1, 24, "wav")),
        ((44_100, 2, None, "mp3"), (22_050, 2, 16, "wav")),
        ((44_100, 2, 16, "flac"), (48_000, 2, None, "opus")),
        ((48_000, 2, None, "alac"), (48_000, 2, None, "aac")),
        ((48_000, 2, 24, "wav"), (96_000, 2, 16, "wav")),
        ((96_000, 2, 24, "wav"), (48_000, 2, 24, "wav")),
    ],
)
def test_the_best_copy_holds_most(best, worse):
    rows = [
        SoundRow(number, f"/{number}", 1.0, rate_hz, channels, bits, codec, False)
        for number, (rate_hz, channels, bits, codec) in enumerate((worse, best))
    ]
    assert best_of(Group(tuple(rows), "same sound")) is rows[1]
    assert best_of(Group(tuple(rows[::-1]), "same sound")) is rows[1]
