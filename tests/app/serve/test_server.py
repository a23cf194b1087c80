"""What a program can ask for, and what it is told when it asks wrongly."""

import json
import signal
import sys
import time
import wave
from pathlib import Path

import pytest
import soundfile

from app.cli import main
from app.serve.answers import problem
from engine import open_library
from engine.errors import AwayError, BusyError, LibraryError, RefusedError, TransientError
from engine.metadata.ucs_names import categories, plain_name
from engine.progress import Control
from engine.store.tags import PERSON, TagRow, put_tags, tag_rows
from engine.tags.run import undo_last
from tests import warm
from tests.app.serve.conftest import END_S, Served, environment
from tests.conftest import tone


def test_a_search_is_answered_as_the_command_line_answers_it_with_ids(server: Served):
    found = server.ask("search", text="low tone dur:<2s", limit=5)
    assert len(found["results"]) == 5 and found["query"] == "low tone dur:<2s"
    for result in found["results"]:
        assert Path(result["path"]).is_file() and result["state"] == "present"
        assert result["id"] > 0 and 0 <= result["strength"] <= 1
    named = server.ask("search", text="sound_03", names=True)
    assert [Path(one["path"]).name for one in named["results"]] == ["Sound_03.wav"]


def test_sounds_are_found_by_sounds_of_the_library_and_by_parts_of_them(server: Served):
    first = server.ask("search", text="sound_03", names=True)["results"][0]
    for name in (first["id"], first["path"], str(first["id"])):
        found = server.ask("similar", sounds=[{"sound": name}], limit=3)
        assert len(found["results"]) == 3
        assert first["id"] not in [one["id"] for one in found["results"]]
    part = {"sound": first["id"], "start_s": 0.1, "end_s": 0.4}
    assert len(server.ask("similar", sounds=[part], plus="rain", limit=4)["results"]) == 4
    status, said = server.refusal("similar", sounds=[{**part, "start_s": 60, "end_s": 61}])
    assert status == 400 and "is not within" in said


def test_sounds_are_found_by_a_file_that_is_sent_along(server: Served, tmp_path: Path):
    soundfile.write(tmp_path / "mine.wav", tone(800, 0.5), 32000)
    data = (tmp_path / "mine.wav").read_bytes()
    for kind in ("application/octet-stream", "audio/wav"):
        heads = server.heads(Content_Type=kind)
        status, found = server.send("/v1/similar-file?limit=3", data, heads)
        assert status == 200 and len(found["results"]) == 3 and found["query"] == "the file"
    heads = server.heads(Content_Type="application/octet-stream")
    status, found = server.send("/v1/similar-file", b"no sound at all", heads)
    assert status == 422 and "soundsift-" not in found["error"]
    assert server.send("/v1/similar-file?limit=x", data, heads)[0] == 400
    assert server.send("/v1/similar-file?path=/etc/passwd", data, heads)[0] == 400


def test_a_sound_is_described(server: Served):
    sound = server.ask("search", text="sound_03", names=True)["results"][0]
    found = server.ask("describe", sound=sound["id"])
    assert found["path"] == sound["path"] and found["rate_hz"] == 32000
    assert found["state"] == "present" and found["collections"] == []
    assert all(0.1 <= one["share"] <= 1 for one in found["sounds_like"])
    assert found["parts"][0]["text"] in {plain_name(one) for one in categories().values()}
    (part,) = found["parts"]
    assert part["start_s"] == 0 and part["end_s"] == pytest.approx(found["duration_s"], abs=0.1)
    assert found["size"] == Path(sound["path"]).stat().st_size


def test_the_library_as_a_whole_and_what_its_user_saved_are_told(server: Served):
    status, said = server.refusal("map")
    assert status == 400 and "there is no map of this library yet" in said
    assert server.refusal("map", level=4)[0] == 400
    assert server.ask("saved-searches") == {"searches": []}


def test_tags_are_suggested_decided_and_undone(server: Served):
    sounds = server.ask("search", text="sound", names=True, limit=3)["results"]
    first, second, third = (one["id"] for one in sounds)
    rows = server.ask("suggest-tags", sounds=[first, second], least=0, most=2)["sounds"]
    assert [row["id"] for row in rows] == [first, second]
    assert all(1 <= len(row["suggestions"]) <= 2 for row in rows)
    with open_library(server.library) as session:
        put_tags(session.library, [TagRow(third, "mine", "accepted", PERSON)])
    decided = server.ask(
        "decide-tags",
        accept=[{"sound": first, "label": "wet"}, {"sound": sounds[1]["path"], "label": "dry"}],
        reject=[{"sound": third, "label": "mine"}],
    )
    assert {(row["id"], row["label"]) for row in decided["changed"]} == {
        (first, "wet"),
        (second, "dry"),
    }
    assert [row["label"] for row in decided["kept"]] == ["mine"]
    told = {tag["label"] for tag in server.ask("describe", sound=first)["tags"]}
    assert "wet" in told
    assert server.ask("search", text="tag:dry")["results"][0]["id"] == second
    patch = pytest.MonkeyPatch()
    patch.setenv("SOUNDSIFT_HOME", str(server.home))
    try:
        with open_library(server.library) as session:
            undo_last(session.library, Control())
            assert {row.label for row in tag_rows(session.library, state="accepted")} == {"mine"}
    finally:
        patch.undo()
    status, said = server.refusal("decide-tags", accept=[{"sound": first, "label": "a\x1b[2Jb"}])
    assert status == 400 and "\x1b" not in said and "cannot be a tag" in said


def test_copies_are_whole_files_or_parts_and_never_take_anothers_place(server: Served):
    sound = server.ask("search", text="sound_03", names=True)["results"][0]
    copy = Path(server.ask("hand-over", sound=sound["id"])["file"])
    assert copy == server.copies / "Sound_03.wav"
    assert copy.read_bytes() == Path(sound["path"]).read_bytes()
    assert server.ask("hand-over", sound=sound["id"])["file"] == str(copy)
    copy.write_bytes(b"somebody's own")
    again = Path(server.ask("hand-over", sound=sound["id"])["file"])
    assert again.name == "Sound_03 (2).wav" and copy.read_bytes() == b"somebody's own"
    part = Path(server.ask("hand-over", sound=sound["id"], start_s=0.1, end_s=0.3)["file"])
    with wave.open(str(part)) as written:
        assert written.getnframes() == 6400 and written.getsampwidth() == 3
    assert sorted(p.name for p in server.copies.iterdir()) == sorted(
        {copy.name, again.name, part.name}
    )


def test_a_server_may_do_no_more_than_it_was_started_with(here):
    with here() as server:
        status = server.ask("status")
        assert status["may_change_tags"] is False and status["hand_over_folders"] == []
        sound = server.ask("search", text="sound_03", names=True)["results"][0]["id"]
        asked = {"accept": [{"sound": sound, "label": "forbidden"}]}
        assert server.refusal("decide-tags", **asked)[0] == 403
        refused = server.refusal("hand-over", sound=sound)
        assert refused[0] == 403 and "--hand-over" in refused[1]
        assert "forbidden" not in str(server.ask("describe", sound=sound)["tags"])


def test_folders_collections_and_counts_are_told(server: Served):
    status = server.ask("status")
    assert status["sounds"] == 12 and status["library"] == str(server.library)
    assert server.send("/v1/status")[1] == status
    (folder,) = server.send("/v1/folders")[1]["folders"]
    assert folder == {"path": str(server.sounds), "sounds": 12, "waiting": 0, "offline": 0}
    assert server.send("/v1/collections")[1] == {"collections": []}


def test_what_is_indexed_meanwhile_is_found(server: Served):
    """Another process indexes; the server is not told, it sees."""
    new = server.sounds / "Fresh thing.wav"
    soundfile.write(new, tone(650, 0.7), 32000)
    query = {"sounds": [{"sound": server.ask("search", text="sound_03")["results"][0]["id"]}]}
    try:
        done = warm.soundsift(
            "index", server.sounds, "--library", server.library, env=environment(server.home)
        )
        assert done.returncode == 0, done.stderr
        found, over = [], time.monotonic() + 60
        while str(new) not in found and time.monotonic() < over:
            time.sleep(0.2)  # it looks every two seconds
            results = server.ask("similar", **query, limit=50)["results"]
            found = [one["path"] for one in results]
        assert str(new) in found
    finally:
        new.unlink()
        warm.soundsift(
            "index", server.sounds, "--library", server.library, env=environment(server.home)
        )


@pytest.mark.parametrize(
    ("what", "fields", "status", "words"),
    [
        ("search", {}, 400, "text"),
        ("search", {"text": "door", "limit": 100000}, 400, "limit"),
        ("search", {"text": "x" * 3000}, 400, "text"),
        ("search", {"text": "dur:soon"}, 400, "dur:soon is not understood"),
        ("search", {"text": "door", "more": 1}, 400, "more"),
        ("similar", {"sounds": []}, 400, "sounds"),
        ("similar", {"sounds": [{"sound": 10**15}]}, 404, "no sound 1000000000000000"),
        ("describe", {"sound": 9**40}, 404, "no sound"),
        ("describe", {"sound": "9" * 40}, 404, "no sound"),
        ("suggest-tags", {"sounds": [1], "taxonomy": "/etc/passwd"}, 400, "taxonomy"),
    ],
)
def test_a_question_that_makes_no_sense_is_one_sentence(
    server: Served, what, fields, status, words
):
    told = server.refusal(what, **fields)
    assert told[0] == status and words in told[1] and "\n" not in told[1]
    assert "Traceback" not in told[1] and "pydantic" not in told[1]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_question_is_one_sentence(server: Served, body):
    status, found = server.send("/v1/search", body)
    assert status == 400 and found["error"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (RefusedError, 403),
        (BusyError, 503),
        (AwayError, 503),
        (TransientError, 503),
        (LibraryError, 500),
    ],
)
def test_a_program_is_told_whether_to_ask_again(kind, status):
    assert problem(kind("the server is away")) == (status, "the server is away")


def test_every_path_is_in_the_document(server: Served):
    status, document = server.send("/openapi.json")
    assert status == 200 and document["openapi"].startswith("3.1")
    for path, ways in document["paths"].items():
        for way, told in ways.items():
            assert told["summary"] and told["operationId"]
            assert "$defs" not in json.dumps(told) and "#/$defs" not in json.dumps(told)
            if way == "get":
                assert server.send(path)[0] == 200
            else:
                assert server.send(path, b"[]")[0] in (400, 415)
    body = document["paths"]["/v1/search"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"text", "limit", "names"}
    assert body["schema"]["required"] == ["text"]


def test_a_second_server_on_the_same_port_is_one_sentence(server: Served, capsys):
    assert main(["serve", "--library", str(server.library), "--port", str(server.port)]) == 1
    out, errors = capsys.readouterr()
    (line,) = errors.splitlines()
    assert not out and line.startswith(f"error: port {server.port} is in use, perhaps by another")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_a_server_that_is_stopped_ends_without_a_traceback(start):
    server = start()
    server.ask("status")
    server.process.send_signal(signal.SIGTERM)
    said = server.process.communicate(timeout=END_S)
    assert server.process.returncode == 130
    assert said == ("", "stopped: what is done so far is kept\n")


def test_a_server_ends_with_whoever_started_it(start):
    server = start("--until-closed")
    server.ask("status")
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(END_S) == 0


def test_without_a_library_nothing_is_served(tmp_path, capsys):
    pytest.importorskip("mcp", reason="the extra `serve` is not installed")
    assert main(["serve", "--library", str(tmp_path / "none.db"), "--port", "0"]) == 1
    assert "there is no library" in capsys.readouterr().err


def test_a_file_is_no_folder_to_copy_into(server: Served, tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    options = ["--library", str(server.library), "--port", "0", "--hand-over", str(file)]
    assert main(["serve", *options]) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_without_its_packages_serving_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert main(["serve", "--library", str(tmp_path / "library.db")]) == 1
    assert "install soundsift[serve]" in capsys.readouterr().err
