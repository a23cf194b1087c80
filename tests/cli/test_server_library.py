"""A library on a server, as users of the command line meet it: what a file answers, it answers."""

import json
from pathlib import Path

import pytest

from app.cli import main
from engine.errors import InputError
from engine.given import given_place
from engine.paths import refuse_other_scheme
from engine.session import open_library
from engine.store import Library, is_library
from engine.store.team import check_address
from tests.postgres import Postgres


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    def asked(*arguments: object) -> dict:
        code = main([*map(str, arguments), "--json"])
        said = capsys.readouterr()
        assert code == 0, said.err
        return json.loads(said.out)

    return asked


@pytest.fixture
def address(server: Postgres) -> str:
    """Return the address of a database without a library."""
    return server.address(server.new_database())


def results(document: dict) -> list[tuple[str, float]]:
    return [(row["path"], pytest.approx(row["score"], abs=1e-4)) for row in document["results"]]


def test_a_server_answers_what_a_file_answers(ask, address, tmp_path, sounds, model_folder):
    (sounds / "broken.wav").write_text("words")
    said = {}
    for place in (tmp_path / "library.db", address):
        on = ("--library", place)
        indexed = ask("index", sounds, "--model", model_folder, *on)
        assert (indexed["heard"], indexed["skipped"]) == (12, 1)
        assert ask("index", sounds, *on)["unchanged"] == 12
        ask("mark", "set", sounds / "tones" / "Sound_01.wav", "--stars", 4, "--note", "near", *on)
        ask("tag", "apply", sounds / "tones", *on)
        status = ask("status", *on)
        assert status.pop("library") == str(place)
        said[place] = (
            status,
            results(ask("search", "--names", "sound tone*", *on)),
            results(ask("search", "stars:>3 note:near", "--names", *on)),
            results(ask("similar", sounds / "noises" / "Sound_02.wav", *on)),
            ask("skipped", *on),
        )
        assert len(said[place][1]) == 6 and len(said[place][2]) == 1
    file, server = said.values()
    assert server == file


def test_a_library_is_copied_to_a_server_and_back(ask, address, tmp_path, sounds, model_folder):
    first, back = tmp_path / "first.db", tmp_path / "back.db"
    ask("index", sounds, "--model", model_folder, "--library", first)
    done = ask("library", "copy", first, address)
    assert (done["to"], done["rows"]["sounds"], done["texts"]) == (address, 12, 0)
    ask("library", "copy", address, back)
    near = ("similar", sounds / "noises" / "Sound_02.wav", "--library")
    assert results(ask(*near, back)) == results(ask(*near, address)) == results(ask(*near, first))
    assert ask("library", "upgrade", "--library", address) == {"upgraded": False}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("repair",), "its server's backups"),
        (("train", "--from-library"), "copy it into one to train on it"),
        (("status",), "cannot be reached"),
    ],
)
def test_what_needs_a_file_says_so_in_a_sentence(arguments, said, capsys):
    pytest.importorskip("psycopg")
    assert main(["--library", "postgresql://user@/db?host=/nowhere", *arguments]) == 1
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1 and told.out == ""


@pytest.mark.parametrize("arguments", [("window",), ()])
def test_no_window_opens_with_a_password_in_its_address(arguments, capsys, monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert main(["--library", "postgresql://mia:secret@db/sounds", *arguments]) == 1
    told = capsys.readouterr().err
    assert "holds a password" in told and "secret" not in told


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "POSTGRESQL", "postgressql", "mysql"])
@pytest.mark.parametrize(
    "arguments", [("--library", "{}", "status"), ("library", "copy", "{}", "x.db")]
)
def test_the_address_of_something_else_is_no_file_and_not_repeated(
    scheme, arguments, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    address = f"{scheme}://mia:secret@studio.example/sounds"
    assert main([one.format(address) for one in arguments]) == 2
    told = capsys.readouterr().err
    assert "postgresql://USER@SERVER/DATABASE" in told and "secret" not in told
    for ask in (Library, is_library, open_library, check_address):
        with pytest.raises(InputError, match="cannot be used: write it as") as caught:
            ask(address)
        assert "secret" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["C:/sounds.db", "C://sounds.db", "root:/SFX", "a/b://c", "x.db"])
def test_what_is_called_a_little_like_an_address_is_a_file(name):
    assert given_place(name) == Path(name)
    refuse_other_scheme(name)


def test_saved_searches_say_whose_they_are_and_are_shared(ask, address, capsys):
    on = ("--library", address)
    with Library(address) as library:
        name = library.database.membership().name
    ask("saved", "add", "Short", "dur:<1s", *on)
    mine = {"name": "Short", "text": "dur:<1s", "author": name, "shared": False}
    assert ask("saved", *on) == {"searches": [mine]}
    ask("saved", "share", "Short", *on)
    assert ask("saved", *on) == {"searches": [mine | {"shared": True}]}
    assert main(["saved", *on]) == 0
    assert capsys.readouterr().out == "Short: dur:<1s  (shared)\n"
    ask("saved", "keep", "Short", *on)
    assert ask("saved", *on) == {"searches": [mine]}


def test_only_a_library_on_a_server_is_upgraded(tmp_path: Path, capsys):
    assert main(["library", "upgrade", "--library", str(tmp_path / "l.db")]) == 1
    assert "only a library on a server" in capsys.readouterr().err
