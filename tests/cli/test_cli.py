"""The command line as its users meet it: a process, its output and its exit code."""

import json
import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests import warm
from tests.conftest import encode

ENGLISH_ONLY_KEYS = {"query", "also", "model", "results", "strong", "took_ms"}


def soundsift(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.soundsift(*arguments, **more))  # type: ignore[arg-type]


def started(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return warm.as_text(warm.started(*arguments, **more))


def document(*arguments: object) -> dict:
    done = soundsift(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_problem(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_a_screen_the_window_says_so():
    bare = {k: v for k, v in os.environ.items() if "DISPLAY" not in k and "QPA" not in k}
    assert_problem(started(env=bare), "no screen")
    assert_problem(started("window", env=bare), "no screen")


def test_a_window_is_not_opened_with_what_is_no_file(tmp_path):
    assert_problem(started("window", tmp_path / "none.wav"), "it does not exist")


@pytest.fixture
def library(tmp_path: Path, sounds: Path, model_folder: Path) -> Path:
    path = tmp_path / "library.db"
    done = soundsift("index", sounds, "--library", path, "--model", model_folder)
    assert done.returncode == 0, done.stderr
    return path


def test_index_search_similar_status_and_skipped_speak_json(tmp_path, sounds, model_folder):
    (sounds / "broken.wav").write_text("words")
    path = tmp_path / "library.db"
    report = document("index", sounds, "--library", path, "--model", model_folder)
    assert (report["heard"], report["skipped"], report["model"]) == (12, 1, "random")
    found = document("search", "a", "low", "door", "-n", 3, "--library", path)
    assert set(found) == ENGLISH_ONLY_KEYS
    assert found["query"] == "a low door"
    assert [r["rank"] for r in found["results"]] == [1, 2, 3]
    assert set(found["results"][0]) == {
        "rank",
        "path",
        "score",
        "strength",
        "start_s",
        "end_s",
        "keyword_match",
        "words",
        "words_share",
        "duration_s",
        "lufs",
        "range_lu",
        "peak_db",
        "tags",
        "stars",
        "colour",
        "note",
        "used",
        "project",
    }
    first = sounds / "tones" / "Sound_05.wav"
    alike = document("similar", first, "--start", 0.1, "-n", 2, "--library", path)
    assert len(alike["results"]) == 2
    named = document("search", "--names", "sound 07", "--library", path)
    assert [Path(r["path"]).name for r in named["results"]] == ["Sound_07.wav"]
    status = document("status", "--library", path)
    assert status["hours"] > 0
    assert {k: status[k] for k in ("sounds", "windows", "embedded", "missing", "offline")} == {
        "sounds": 12,
        "windows": 12,
        "embedded": 12,
        "missing": 0,
        "offline": 0,
    }
    (skip,) = document("skipped", "--library", path)["skipped"]
    assert skip == {
        "path": str(sounds / "broken.wav"),
        "reason": "broken.wav is not a sound file, or its header is damaged",
    }


def test_every_command_works_in_a_python_started_for_it(tmp_path, library, sounds, model_folder):
    """Forks have imported more than a command does; the commands left out others start."""
    labels, table = tmp_path / "labels.txt", tmp_path / "table.csv"
    labels.write_text("door\nrain\n")
    table.write_text("cue\ndoor\n")
    manifest, moved = sounds / "manifest.csv", tmp_path / "moved"
    manifest.write_text("path,label\ntones/Sound_01.wav,tone\nnoises/Sound_00.wav,rain\n")
    for command in (
        ("similar", sounds / "tones" / "Sound_01.wav"),
        ("cues", table),
        ("duplicates",),
        ("export", tmp_path / "out.csv"),
        ("tag", sounds, "--taxonomy", labels, "--least", 0.01),
        ("relink", sounds, moved),
        ("repair",),
        ("models", "use", model_folder),
        ("evaluate", "zero-shot", moved / manifest.name, "--model", model_folder),
        ("demo", tmp_path / "demo"),
    ):
        if command[0] == "relink":
            sounds.rename(moved)
        done = started(*command, "--json", "--library", library)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert json.loads(done.stdout)


def test_people_get_lines_they_can_read(library):
    done = soundsift("search", "door", "--library", library, "-n", 4)
    assert done.returncode == 0
    assert "Sound_" in done.stdout
    assert "model random" in done.stdout
    assert "12" in soundsift("status", "--library", library).stdout
    assert "no files were skipped" in soundsift("skipped", "--library", library).stdout


def test_damaged_files_are_listed_and_their_decoders_say_nothing(tmp_path, model_folder):
    folder, path = tmp_path / "damaged", tmp_path / "library.db"
    folder.mkdir()
    samples = np.random.default_rng(0).normal(0, 0.1, (44100 * 3, 2))
    for name in ("x.mp3", "x.flac", "x.ogg"):
        soundfile.write(folder / name, samples, 44100)
    encode(folder / "x.m4a", "aac", duration_s=3.0)
    for whole in sorted(folder.iterdir()):
        data, middle = whole.read_bytes(), whole.stat().st_size // 2
        (folder / f"cut{whole.suffix}").write_bytes(data[:middle])
        (folder / f"hole{whole.suffix}").write_bytes(data[:middle] + data[middle + 3001 :])
    done = soundsift("index", folder, "--library", path, "--model", model_folder)
    assert (done.returncode, done.stderr) == (0, "")
    query = folder / "hole.mp3"
    done = soundsift("similar", query, "--library", path)
    assert (done.returncode, done.stderr) == (0, "")
    listed = document("skipped", "--library", path)
    assert {Path(row["path"]).name for row in listed["skipped"]} == {"cut.m4a", "hole.m4a"}
    damaged = {Path(row["path"]).name: row["reason"] for row in listed["damaged"]}
    named = {f"{what}.{of}" for what in ("cut", "hole") for of in ("mp3", "flac", "ogg")}
    assert set(damaged) == named
    assert all(reason.startswith("damaged: ") for reason in damaged.values())
    status = document("status", "--library", path)
    assert (status["sounds"], status["skipped"], status["damaged"]) == (10, 2, 6)
    lines = soundsift("skipped", "--library", path).stdout
    assert (
        lines.index("cut.m4a")
        < lines.index("as far as they could be read")
        < lines.index("cut.flac")
    )


def test_problems_are_told_in_one_sentence(tmp_path, library, model_folder):
    none = tmp_path / "none"
    assert_problem(soundsift("status", "--library", none), "run `soundsift index FOLDER` first")
    assert_problem(soundsift("index", none, "--library", tmp_path / "new.db"), "does not exist")
    wrong = soundsift("index", tmp_path, "--library", tmp_path / "new.db", "--model", "nonsense")
    assert_problem(wrong, "there is no model named nonsense")
    assert not (tmp_path / "new.db").exists()
    assert_problem(soundsift("search", " ", "--library", library), "the search is empty")
    assert_problem(soundsift("similar", none, "--library", library), "does not exist")
    assert_problem(soundsift("models", "show", "nonsense"), "there is no model named nonsense")
    assert_problem(soundsift("models", "get"), "which model?")
    words = tmp_path / "words.db"
    words.write_text("these are words " * 500)
    assert_problem(soundsift("status", "--library", words), "is not a Soundsift library")
    done = soundsift("evaluate", "zero-shot", none, "--model", model_folder)
    assert_problem(done, "cannot be read as CSV")


def test_a_read_only_place_is_told(sounds, model_folder):
    path = Path("/proc/soundsift/library.db")
    done = soundsift("index", sounds, "--library", path, "--model", model_folder)
    assert_problem(done, "/proc/soundsift")


def as_an_ordinary_user(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run soundsift without root's right to read and write everything."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read everything, and setpriv is not there to change that")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    command = [*prefix, sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_file_without_read_permission_is_skipped_and_heard_when_it_may_be_read(
    tmp_path, sounds, model_folder
):
    closed = sounds / "tones" / "Sound_01.wav"
    closed.chmod(0)
    path = tmp_path / "library.db"
    arguments = ("index", sounds, "--library", path, "--model", model_folder, "--json")
    done = as_an_ordinary_user(*arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["skipped"] == 1
    (skip,) = document("skipped", "--library", path)["skipped"]
    assert skip["reason"] == "Sound_01.wav cannot be read: permission denied"
    closed.chmod(0o600)
    again = json.loads(as_an_ordinary_user(*arguments).stdout)
    assert (again["heard"], again["skipped"]) == (1, 0)


def test_a_folder_that_may_not_be_looked_into_is_a_skipped_row(tmp_path, sounds, model_folder):
    (sounds / "tones").chmod(0)
    path = tmp_path / "library.db"
    done = as_an_ordinary_user("index", sounds, "--library", path, "--model", model_folder)
    (sounds / "tones").chmod(0o700)
    assert done.returncode == 0, done.stderr
    (skip,) = document("skipped", "--library", path)["skipped"]
    assert skip == {"path": str(sounds / "tones"), "reason": "Permission denied"}


def test_a_library_in_a_read_only_folder_is_told(tmp_path, sounds, model_folder):
    home = tmp_path / "closed"
    home.mkdir()
    home.chmod(0o500)
    arguments = ("index", sounds, "--library", home / "library.db", "--model", model_folder)
    assert_problem(as_an_ordinary_user(*arguments), "cannot be opened: check its folder")


def test_sounds_in_a_read_only_folder_are_indexed(tmp_path, sounds, model_folder):
    for folder in (sounds / "tones", sounds / "noises", sounds):
        folder.chmod(0o500)
    path = tmp_path / "library.db"
    done = as_an_ordinary_user("index", sounds, "--library", path, "--model", model_folder)
    for folder in (sounds, sounds / "tones", sounds / "noises"):
        folder.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert document("status", "--library", path)["sounds"] == 12


def test_export_writes_a_table(library, tmp_path):
    path = tmp_path / "all.csv"
    told = document("export", path, "--library", library)
    assert told == {"file": str(path), "sounds": 12}
    assert len(path.read_text(encoding="utf-8-sig").splitlines()) == 13
    done = soundsift("export", tmp_path / "all.docx", "--library", library)
    assert_problem(done, "unknown file type")


def test_wrong_usage_ends_with_2():
    assert started("serach", "door").returncode == 2
    assert started("search").returncode == 2
    assert started("search", "x", "-n", "0").returncode == 2


def test_help_and_version_are_there():
    assert "soundsift index" in soundsift("--help").stdout
    assert soundsift("--version").stdout.strip()
    assert soundsift("train", "--help").returncode == 0


def test_no_model_is_a_sentence(tmp_path, sounds, library, model_folder):
    shutil.copytree(model_folder, tmp_path / "copy")
    other = tmp_path / "other.db"
    soundsift("index", sounds, "--library", other, "--model", tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy")
    assert_problem(soundsift("search", "door", "--library", other), "there is no model named")


def test_models_are_used_by_name_or_folder(library, make_model):
    other = make_model("other", seed=3)
    used = document("models", "use", other, "--library", library)
    assert used["model"] == "other"
    assert used["features_kept"]
    assert document("search", "door", "--library", library)["model"] == "other"
    assert document("status", "--library", library)["model"] == "other"


def test_indexing_with_another_model_is_refused_before_anything_is_lost(
    library, make_model, sounds
):
    other = make_model("stranger", seed=4, audio_seed=4)
    done = soundsift("index", sounds, "--library", library, "--model", other)
    assert_problem(done, "run `soundsift models use")
    assert document("status", "--library", library)["embedded"] == 12


def has_sounds(library: Path) -> bool:
    """Tell whether a library that is being made holds headers, which come before what is heard."""
    try:
        with closing(sqlite3.connect(f"{library.as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT EXISTS (SELECT 1 FROM sounds)").fetchone()[0])
    except sqlite3.OperationalError:  # it is not there yet, or has no tables
        return False


def test_ctrl_c_ends_cleanly_and_keeps_what_was_done(tmp_path, sounds, model_folder):
    many = tmp_path / "many"
    for number in range(20):
        shutil.copytree(sounds, many / str(number))
    path = tmp_path / "library.db"
    command = [sys.executable, "-m", "app.cli", "index", str(many), "--library", str(path)]
    process = subprocess.Popen(
        [*command, "--model", str(model_folder)], stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not has_sounds(path):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130)
    assert "Traceback" not in errors
    if process.returncode == 130:
        assert "stopped: what is done so far is kept" in errors
    again = document("index", many, "--library", path, "--model", model_folder)
    assert again["found"] == 240
    assert document("status", "--library", path)["embedded"] == 240


def test_a_reader_that_goes_away_is_no_problem(library):
    command = f"{sys.executable} -m app.cli search door --library '{library}' | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=os.environ)
    assert "Traceback" not in done.stderr


def test_demo_sounds_are_made_once_and_are_a_manifest(tmp_path):
    made = document("demo", tmp_path / "demo")
    assert made["made"] >= 30
    assert document("demo", tmp_path / "demo")["made"] == 0
    assert (tmp_path / "demo" / "descriptions.csv").is_file()


def test_the_grammar_works_and_teaches(library):
    found = document("search", "tone", "in:noises", "dur:<0.7s", "-n", 20, "--library", library)
    assert found["results"]
    assert all("noises" in r["path"] and r["duration_s"] < 0.7 for r in found["results"])
    assert_problem(soundsift("search", "door dur:soon", "--library", library), "write dur:<2s")
    assert_problem(soundsift("search", "door OR", "--library", library), "OR goes between")
    listed = document("search", "--names", "-Sound_05 fmt:wav", "--library", library)
    assert len(listed["results"]) == 11


def test_several_files_and_texts_are_searched_with(library, sounds):
    files = [sounds / "tones" / f"Sound_{n:02d}.wav" for n in (1, 3)]
    found = document("similar", *files, "--plus", "rain", "--minus", "door", "--library", library)
    paths = {result["path"] for result in found["results"]}
    assert not paths & {str(file) for file in files}
    done = soundsift("similar", *files, "--start", "0.1", "--library", library)
    assert_problem(done, "--start and --end select a part of one file")


def test_a_cue_sheet_is_solved(library, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("cue\ndoor\nrain\n")
    cues = document("cues", sheet, "--alternates", 2, "--library", library)["cues"]
    assert [(cue["line"], cue["text"]) for cue in cues] == [(2, "door"), (3, "rain")]
    for cue in cues:
        assert cue["unmatched"] == (not cue["assigned"])
        for clip in cue["assigned"]:
            assert set(clip) == {"path", "score", "strength", "start_s", "end_s"}
    assert "of 2 cues have a clip" in soundsift("cues", sheet, "--library", library).stdout
    none = soundsift("cues", tmp_path / "none.csv", "--library", library)
    assert_problem(none, "none.csv cannot be read")


def test_duplicates_relink_and_offline_folders(library, sounds, tmp_path):
    shutil.copy(sounds / "tones" / "Sound_01.wav", sounds / "tones" / "copy.wav")
    assert document("index", sounds, "--library", library)["heard"] == 1
    groups = document("duplicates", "--exact", "--library", library)["groups"]
    assert [sorted(Path(p).name for p in g["paths"]) for g in groups] == [
        ["Sound_01.wav", "copy.wav"]
    ]
    moved = tmp_path / "moved"
    sounds.rename(moved)
    status = document("status", "--library", library)
    assert (status["sounds"], status["offline"], status["missing"]) == (0, 13, 0)
    assert "is offline" in soundsift("status", "--library", library).stdout
    assert_problem(soundsift("index", sounds, "--library", library), "13 sounds are offline")
    assert document("relink", sounds, moved, "--library", library) == {"relinked": 13}
    assert document("status", "--library", library)["sounds"] == 13


def test_watching_is_ended_by_ctrl_c(tmp_path, sounds, model_folder):
    path = tmp_path / "library.db"
    command = ["index", sounds, "--watch", "--library", path, "--model", model_folder]
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout])
    reader.start()
    try:
        assert "12 indexed" in lines.get(timeout=60)
        shutil.copy(sounds / "tones" / "Sound_01.wav", sounds / "tones" / "copy.wav")
        assert "1 indexed" in lines.get(timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)  # it waited, or listened
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
