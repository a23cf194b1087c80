import shutil
from pathlib import Path

import soundfile

from engine.index.build import index_folders
from engine.progress import Control
from engine.search.duplicates import find_duplicates


def names(groups, exact: bool) -> list[list[str]]:
    return [[Path(s.path).name for s in group.sounds] for group in groups if group.exact == exact]


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
    groups = find_duplicates(library, 256, Control())
    assert names(groups, True) == [sorted([clips[0].name, "copy.ogg"])]
    assert names(groups, False) == [sorted([clips[1].name, "recoded.wav"])]
    assert names(find_duplicates(library, 256, Control(), exact_only=True), False) == []


def test_a_library_without_duplicates_has_none(library, model_folder, sounds):
    index_folders(library, model_folder, [sounds / "tones"], Control())
    groups = find_duplicates(library, 32, Control(), exact_only=True)
    assert groups == []
