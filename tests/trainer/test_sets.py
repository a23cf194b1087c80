"""Data sets in the layouts that their users have on disk."""

import csv
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import InputError
from trainer.data.left_out import LeftOut
from trainer.data.manifest import labelled_clips
from trainer.data.sets import read_set


def sound(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(320), 32000)
    return path


def table(path: Path, *rows: tuple) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def test_audiocaps_as_the_papers_users_have_it(tmp_path):
    table(tmp_path / "train.csv", ("file_name", "caption"), ("Ya.wav", "A dog"), ("Yb.wav", "Rain"))
    five = ("file_name", *(f"caption_{n}" for n in range(1, 6)))
    table(tmp_path / "val.csv", five, ("Yc.wav", "one", "two", "three", "four", "five"))
    for name in ("Ya", "Yb"):
        sound(tmp_path / "waveforms" / "train" / f"{name}.wav")
    sound(tmp_path / "waveforms" / "val" / "Yc.wav")
    train = read_set(f"audiocaps:{tmp_path}", "train")
    assert [(s.path.name, s.captions) for s in train] == [
        ("Ya.wav", ("A dog",)),
        ("Yb.wav", ("Rain",)),
    ]
    (valid,) = read_set(f"audiocaps:{tmp_path}", "val")
    assert valid.captions == ("one", "two", "three", "four", "five")


def test_audiocaps_as_its_authors_publish_it(tmp_path):
    header = ("audiocap_id", "youtube_id", "start_time", "caption")
    table(
        tmp_path / "test.csv",
        header,
        (1, "abc", 30, "a bell"),
        (2, "abc", 30, "a bell rings"),
        (3, "gone", 0, "silence"),
    )
    sound(tmp_path / "test" / "abc_30.wav")
    missing: list[Path] = []
    (found,) = read_set(f"audiocaps:{tmp_path}", "test", lambda path, why: missing.append(path))
    assert found.captions == ("a bell", "a bell rings")
    assert [path.stem for path in missing] == ["gone"]


def empty(path: Path) -> Path:
    """Make a file: what is read here is its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("a1b-2_c3d4e.m4a", "Ya1b-2_c3d4e.wav", "a1b-2_c3d4e_30.flac", "Ya1b-2_c3d4e_30.ogg"),
        *("Ya1b-2_c3d4e_30.000_40.000.wav", "a1b-2_c3d4e_30000_40000.mp3", "7.opus"),
        *("a1b-2_c3d4e_000030.wav", "a1b-2_c3d4e_30_37.WAV"),
    ],
)
@pytest.mark.parametrize("home", ["train", "waveforms/train", "audio", "."])
def test_a_clip_of_audiocaps_is_found_however_it_was_saved(tmp_path, name, home):
    header = ("audiocap_id", "youtube_id", "start_time", "caption")
    table(tmp_path / "dataset" / "train.csv", header, (7, "a1b-2_c3d4e", 30, "a bell"))
    saved = empty(tmp_path / home / name)
    (found,) = read_set(f"audiocaps:{tmp_path}", "train")
    assert found.path.samefile(saved)


@pytest.mark.parametrize("name", ["a1b-2_c3d4e_40_50.wav", "a1b-2_c3d4.wav", "x_30.wav"])
def test_a_clip_of_another_time_or_video_is_not_taken_for_it(tmp_path, name):
    header = ("audiocap_id", "youtube_id", "start_time", "caption")
    table(tmp_path / "train.csv", header, (7, "a1b-2_c3d4e", 30, "a bell"))
    empty(tmp_path / "train" / name)
    with pytest.raises(InputError, match=r"the first of 1 would be .*a1b-2_c3d4e\.wav"):
        read_set(f"audiocaps:{tmp_path}", "train")


def test_the_second_audiocaps_stands_in_a_folder_beside_the_sounds(tmp_path):
    header = ("audiocap_id", "youtube_id", "start_time", "caption")
    tables = tmp_path / "dataset2.0"
    table(tables / "val.csv", header, *((n, "a1b-2_c3d4e", 30, f"bell {n}") for n in range(5)))
    empty(tmp_path / "val" / "a1b-2_c3d4e_30.wav")
    for folder in (tables, tmp_path):
        (found,) = read_set(f"audiocaps:{folder}", "val")
        assert found.captions == tuple(f"bell {n}" for n in range(5))


def test_a_table_of_names_finds_files_that_carry_times(tmp_path):
    table(tmp_path / "test.csv", ("file_name", "caption_1"), ("Ya1b-2_c3d4e.wav", "a bell"))
    saved = empty(tmp_path / "waveforms" / "test" / "Ya1b-2_c3d4e_30.000_40.000.m4a")
    (found,) = read_set(f"audiocaps:{tmp_path}", "test")
    assert found.path.samefile(saved)


@pytest.mark.parametrize(
    ("told", "saved"),
    [
        ("rain&amp;storm.wav", "rain&storm.wav"),
        ("Chris&#39; Elevator.wav", "Chris' Elevator.wav"),
        ("rain & storm.wav", "rain &amp; storm.wav"),
        (" e ieio ieai.wav", "e ieio ieai.flac"),
        ("Who? What: no.wav", "Who_ What_ no.wav"),
        ("Café 1.5 Dr.Who.wav", unicodedata.normalize("NFD", "Café 1.5 Dr.Who.wav")),
    ],
)
def test_odd_characters_of_clothos_names_are_seen_through(tmp_path, told, saved):
    table(tmp_path / "clotho_captions_evaluation.csv", ("file_name", "caption_1"), (told, "a"))
    path = empty(tmp_path / "clotho_audio_evaluation" / "evaluation" / saved)
    (found,) = read_set(f"clotho:{tmp_path}", "test")
    assert found.path.samefile(path)


def test_of_two_names_that_differ_in_odd_characters_none_is_guessed(tmp_path):
    table(tmp_path / "train.csv", ("file_name", "caption_1"), ("rain?.wav", "a"), ("b.wav", "b"))
    for name in ("rain!.wav", "rain_.wav", "b.wav"):
        empty(tmp_path / "train" / name)
    (found,) = read_set(f"clotho:{tmp_path}", "train")
    assert found.path.name == "b.wav"


def test_every_folder_is_listed_once_however_many_sounds_are_missing(tmp_path, monkeypatch):
    rows = [(f"{n}.wav", "a bell") for n in range(300)]
    table(tmp_path / "train.csv", ("file_name", "caption"), *rows)
    empty(tmp_path / "waveforms" / "train" / "7.wav")
    asked: list[Path] = []
    listdir, is_file = os.listdir, Path.is_file

    def listing(folder):
        asked.append(Path(folder))
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", listing)
    monkeypatch.setattr(Path, "is_file", lambda path: asked.append(path) or is_file(path))
    (found,) = read_set(f"audiocaps:{tmp_path}", "train")
    assert found.path.name == "7.wav"
    assert len(asked) == len(set(asked))
    assert len(asked) < 300 + 40  # a last look for each, and the folders


def test_clotho_as_its_authors_publish_it(tmp_path):
    header = ("file_name", *(f"caption_{n}" for n in range(1, 6)))
    name = "clotho_captions_development.csv"
    table(tmp_path / name, header, ("Santa Motor.wav", "a", "b", "c", "d", "e"))
    sound(tmp_path / "development" / "Santa Motor.wav")
    (found,) = read_set(f"clotho:{tmp_path}", "train")
    assert found.captions == ("a", "b", "c", "d", "e")


def test_esc50_by_folds(tmp_path):
    rows = [(f"{fold}-1-A-0.wav", fold, 0, "crying_baby") for fold in (1, 2, 5)]
    table(tmp_path / "meta" / "esc50.csv", ("filename", "fold", "target", "category"), *rows)
    for name, *_ in rows:
        sound(tmp_path / "audio" / name)
    found = read_set(f"esc50:{tmp_path}", "1,5")
    assert [s.path.name[0] for s in found] == ["1", "5"]
    assert found[0].captions == ("crying baby",)
    with pytest.raises(InputError, match="no fold 9"):
        read_set(f"esc50:{tmp_path}", "9")


def test_urbansound8k_by_folds(tmp_path):
    header = ("slice_file_name", "fold", "class")
    table(tmp_path / "metadata" / "UrbanSound8K.csv", header, ("x.wav", 3, "dog_bark"))
    sound(tmp_path / "audio" / "fold3" / "x.wav")
    (found,) = read_set(f"urbansound8k:{tmp_path}", "3")
    assert found.captions == ("dog bark",)


@pytest.mark.parametrize("below", [".", "ESC-50-master"])
def test_esc50_as_its_archive_unpacks(tmp_path, below):
    rows = ("1-1-A-0.wav", 1, "dog")
    table(tmp_path / below / "meta" / "esc50.csv", ("filename", "fold", "category"), rows)
    empty(tmp_path / below / "audio" / "1-1-A-0.ogg")
    (found,) = read_set(f"esc50:{tmp_path}", "1")
    assert found.captions == ("dog",)


@pytest.mark.parametrize("home", ["audio/fold3", "fold3", "audio", "UrbanSound8K/audio/fold3"])
def test_urbansound8k_with_its_folders_and_without(tmp_path, home):
    header = ("slice_file_name", "fold", "class")
    root = tmp_path / "UrbanSound8K" if "Urban" in home else tmp_path
    table(root / "metadata" / "UrbanSound8K.csv", header, ("x.wav", 3, "dog_bark"))
    saved = empty(tmp_path / home / "x.flac")
    (found,) = read_set(f"urbansound8k:{tmp_path}", "3")
    assert found.path.samefile(saved)


def test_what_is_left_out_is_one_line_and_a_file(tmp_path, capsys):
    listing = tmp_path / "run" / "skipped.txt"
    with LeftOut(listing) as skipped:
        for number in range(1200):
            skipped(tmp_path / f"{number}.wav", "there is no such file")
    with skipped:
        skipped(Path("odd.wav"), "none of it could be read")
    with skipped:
        pass
    many, one = capsys.readouterr().err.splitlines()
    assert many.startswith(
        f"skipped 1,200 sounds, the first of them {tmp_path / '0.wav'}: there is"
    )
    assert many.endswith(f"all are listed in {listing}")
    assert one == "skipped odd.wav: none of it could be read"
    lines = listing.read_text().splitlines()
    assert len(lines) == 1200
    assert lines[-1] == f"{tmp_path / '1199.wav'}: there is no such file"


def test_a_folder_whose_names_are_captions(tmp_path):
    sound(tmp_path / "sub" / "Heavy_Door-01.wav")
    sound(tmp_path / "ZOOM0001.wav")
    told: list[str] = []
    (found,) = read_set(f"folder:{tmp_path}", tell=lambda path, why: told.append(path.name))
    assert found.captions == ("heavy door",)
    assert told == ["ZOOM0001.wav"]


def test_a_manifest_with_missing_files_and_empty_captions_goes_on_and_tells(tmp_path):
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    path = tmp_path / "m.csv"
    table(path, ("path", "caption"), ("a.wav", "a door"), ("b.wav", " "), ("c.wav", "a dog"))
    told: dict[str, str] = {}
    (found,) = read_set(f"csv:{path}", tell=lambda p, why: told.update({p.name: why}))
    assert found.captions == ("a door",)
    assert told == {"b.wav": "its caption is empty", "c.wav": "there is no such file"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense", "is not a data set: write KIND:FOLDER"),
        ("imagenet:/x", "is not a data set"),
        ("clotho:/no/such/folder", "where is the clotho data"),
    ],
)
def test_what_is_no_data_set_is_told(name, sentence):
    with pytest.raises(InputError, match=sentence):
        read_set(name)


def test_a_set_of_which_nothing_is_there_is_told(tmp_path):
    path = tmp_path / "m.csv"
    table(path, ("path", "caption"), ("gone.wav", "a door"))
    with pytest.raises(InputError, match="has no sounds with captions"):
        read_set(f"csv:{path}")
    table(path, ("file", "text"), ("gone.wav", "a door"))
    with pytest.raises(InputError, match="needs the columns path and caption"):
        read_set(f"csv:{path}")


@pytest.mark.parametrize(
    ("kind", "place", "header"),
    [
        ("esc50", "meta/esc50.csv", ("filename", "fold", "category")),
        ("urbansound8k", "metadata/UrbanSound8K.csv", ("slice_file_name", "fold", "class")),
        ("soundsift", "sounds/manifest.csv", ("path", "split", "label", "label_merged", "group")),
    ],
)
def test_a_table_that_lacks_a_column_or_is_no_unicode_is_told(tmp_path, kind, place, header):
    path = tmp_path / place
    for number, name in enumerate(header):
        table(path, (*header[:number], *header[number + 1 :]), ("x",) * len(header))
        with pytest.raises(InputError, match=rf"{path} has no column named {name}$"):
            read_set(f"{kind}:{tmp_path}", "1")
    path.write_bytes(",".join(header).encode() + b"\n\xff\xfe")
    with pytest.raises(InputError, match=f"{path} cannot be read as CSV"):
        read_set(f"{kind}:{tmp_path}", "1")


def test_a_row_that_ends_early_is_a_sound_without_a_class(tmp_path):
    header = ("filename", "fold", "category")
    table(tmp_path / "meta" / "esc50.csv", header, ("a.wav", 1), ("b.wav", 1, "dog"))
    for name in ("a.wav", "b.wav"):
        empty(tmp_path / "audio" / name)
    told: list[str] = []
    (found,) = read_set(f"esc50:{tmp_path}", "1", lambda path, why: told.append(why))
    assert (found.captions, told) == (("dog",), ["its caption is empty"])


def test_the_projects_own_data(data):
    found = read_set(f"soundsift:{data}", "valid")
    assert len(found) == 412
    assert all(len(s.captions) == 1 for s in found)
    merged = {clip.path.resolve(): clip.merged for clip in labelled_clips(data, "valid")}
    assert all(s.meaning == merged[s.path] for s in found)


def test_several_splits_are_read_as_one_and_a_wrong_name_is_told(data):
    both = [labelled_clips(data, split) for split in ("valid", "kitchen20_dev")]
    assert len(labelled_clips(data, "valid, kitchen20_dev")) == sum(map(len, both))
    with pytest.raises(InputError, match="no split named trian"):
        labelled_clips(data, "valid,trian")


def test_the_papers_caption_files_are_read(data, tmp_path):
    import shutil

    for split in ("train", "val", "test"):
        shutil.copy(data / "text" / f"audiocaps_{split}.csv", tmp_path / f"{split}.csv")
    with (tmp_path / "test.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    sound(tmp_path / "waveforms" / "test" / first["file_name"])
    (found,) = read_set(f"audiocaps:{tmp_path}", "test")
    assert len(found.captions) == 5
