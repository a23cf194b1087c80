"""Nothing that files are called or say steers the terminal; what commands exit with."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from engine.plain_text import one_line, visible
from engine.store import Library
from tests.conftest import accept_tags, tone
from tests.warm import soundsift, started

# A title set, colours, a bell, a C1 sequence, a text that runs backwards, hidden characters, a new
# line that begins like one of ours.
EVIL = "door\x1b]0;owned\x07\x1b[31m\x9b2J\u202egpj.exe\u2066\u200b\u2028\nerror: x\r"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

needs_odd_names = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux has files of such names"
)


def assert_plain(done: subprocess.CompletedProcess[bytes]) -> str:
    for stream in (done.stdout, done.stderr):
        found = FORBIDDEN.search(stream.decode("utf-8"))
        assert found is None, (found, stream)
    assert b"Traceback" not in done.stderr, done.stderr
    text = done.stdout.decode("utf-8")
    assert not any(line.startswith("error: ") for line in text.splitlines())
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / f"Lib {EVIL}"
    made.mkdir()
    for number in range(2):
        soundfile.write(made / f"{number} {EVIL}.wav", tone(300 + 100 * number, 0.5), 32000)
    shutil.copy(made / f"0 {EVIL}.wav", made / f"twin {EVIL}.wav")
    (made / f"broken {EVIL}.wav").write_text("words")
    undecodable = os.fsencode(made) + b"/caf\xe9 \x1b[2J.wav"
    Path(os.fsdecode(undecodable)).write_bytes(b"x")
    return made


@pytest.mark.long
@needs_odd_names
def test_no_command_lets_a_name_steer_the_terminal(folder, tmp_path, model_folder):
    path = tmp_path / "library.db"
    model = tmp_path / "home" / "models" / f"m {EVIL}"
    shutil.copytree(model_folder, model)
    environment = {**os.environ, "SOUNDSIFT_HOME": str(tmp_path / "home")}
    library = ("--library", path)
    first = folder / f"0 {EVIL}.wav"
    sheet, labels = tmp_path / "sheet.csv", tmp_path / f"labels {EVIL}.txt"
    sheet.write_text("door\x1b[31m\u202e\n", encoding="utf-8")
    labels.write_text("door\x1b[31m\u202e\nrain\n", encoding="utf-8")
    assert_plain(soundsift("index", folder, *library, "--model", model_folder, env=environment))
    with Library(path) as opened:
        accept_tags(opened, [(1, f"tag {EVIL}"), (2, f"tag {EVIL}")])
    named = 0
    for arguments in (
        ("search", "door", *library),
        ("search", f"door {EVIL}", *library),
        ("search", f"tag:{EVIL}", *library),
        ("search", "--names", "door", *library),
        ("search", b"door\xff", *library),
        ("similar", first, *library),
        ("similar", folder / f"broken {EVIL}.wav", *library),
        ("similar", folder / f"none {EVIL}.wav", *library),
        ("similar", first, "--plus", b"\xff", *library),
        ("tag", folder, *library, "--taxonomy", labels, "--least", "0", "--write", "--dry-run"),
        ("tag", folder, *library, "--taxonomy", f"none {EVIL}"),
        ("tag", folder, *library, "--audit"),
        ("duplicates", *library),
        ("skipped", *library),
        ("status", *library),
        ("cues", sheet, *library),
        ("export", tmp_path / f"out {EVIL}.csv", *library),
        ("export", tmp_path / f"out {EVIL}.odd", *library),
        ("relink", folder, f"none {EVIL}", *library),
        ("models",),
        ("models", "show", model),
        ("models", "show", f"none {EVIL}"),
        ("models", "use", f"m {EVIL}", *library),
        ("index", b"none\xff\x1b[2J", *library),
        ("similar", b"none\xff\x1b[2J", *library),
        ("status", f"--{EVIL}"),
        (EVIL,),
    ):
        done = soundsift(*arguments, env=environment)
        assert_plain(done)
        assert done.returncode in (0, 1, 2)
        named += rb"\x1b" in done.stdout + done.stderr
        if done.returncode == 0 and arguments[0] not in ("export",):
            exact = soundsift(*arguments, "--json", env=environment)
            assert_plain(exact)
            json.loads(exact.stdout.decode("utf-8"))
    assert named >= 10  # they were shown, spelled out


@needs_odd_names
def test_json_says_names_exactly(folder, tmp_path, model_folder):
    path = tmp_path / "library.db"
    assert_plain(soundsift("index", folder, "--library", path, "--model", model_folder))
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for run, environment in ((soundsift, os.environ), (started, ascii_only)):
        found = run("search", "door", "--json", "--library", path, env=environment)
        paths = {row["path"] for row in json.loads(found.stdout.decode("utf-8"))["results"]}
        assert str(folder / f"0 {EVIL}.wav") in paths
        shown = run("search", "door", "--library", path, env=environment)
        assert shown.returncode == 0 and rb"\x1b" in shown.stdout


def test_what_is_seen_stays_and_what_is_not_is_spelled_out():
    for text in ("Tür – 扉 🔔 𝄞", "👩\u200d🚀", "می\u200cخواهم", "wide\u3000space", "a\tb\nc"):
        assert visible(text) == text
    assert visible("a\u200db\x00\x7f\u202e\udce9") == r"a\u200db\x00\x7f\u202e\udce9"
    assert one_line("a\nb\tc\r") == r"a\nb\tc\r"
    assert not FORBIDDEN.search(one_line(EVIL)) and "\n" not in one_line(EVIL)


def test_the_exit_codes_are_those_of_the_help(tmp_path):
    told = soundsift("--help").stdout.decode()
    for code in ("0 ", "1 ", "2 ", "130"):
        assert f"\n  {code}" in told.split("exit codes:")[1]
    library = ("--library", tmp_path / "none.db")
    for command in (
        "search x",
        "similar x",
        "duplicates",
        "status",
        "skipped",
        "tag x",
        "tag --undo",
    ):
        done = soundsift(*command.split(), *library)
        assert done.returncode == 1 and done.stderr.startswith(b"error: "), command
        assert done.stdout == b"" and len(done.stderr.splitlines()) == 1
    for command in ("nonsense", "search", "search x -n 0", "tag x --least 2", "models fly"):
        assert soundsift(*command.split(), *library).returncode == 2, command


@pytest.mark.parametrize("as_json", [False, True])
def test_a_run_that_could_write_no_file_is_a_problem(tmp_path, model_folder, as_json):
    sounds, path = tmp_path / "sounds", tmp_path / "library.db"
    sounds.mkdir()
    for name in ("door", "rain"):  # AU has no place for tags
        soundfile.write(sounds / f"{name}.au", tone(400, 0.5), 32000)
    assert soundsift("index", sounds, "--library", path, "--model", model_folder).returncode == 0
    labels = tmp_path / "labels.txt"
    labels.write_text("door\nrain\n")
    with Library(path) as opened:
        accept_tags(opened, [(1, "door"), (2, "rain")])
    before = {p.name: p.read_bytes() for p in sounds.iterdir()}
    command = ["tag", sounds, "--library", path, "--taxonomy", labels, "--write"]
    done = soundsift(*command, *(["--json"] if as_json else []))
    assert {p.name: p.read_bytes() for p in sounds.iterdir()} == before
    assert done.returncode == 1, done
    assert done.stderr.startswith(b"error: none of the 2 files could be written: ")
    if as_json:
        assert len(json.loads(done.stdout)["not_written"]) == 2
