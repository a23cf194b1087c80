"""How commands are called: options in any place, wrong usage, and the flags that `tag` had."""

import re
from pathlib import Path

import click
import pytest

from app.cli import main
from app.cli.arguments import positions
from app.cli.program import COMMANDS
from engine.errors import InputError
from engine.session import Session
from engine.store import Library
from engine.tags.audit import Audit
from engine.tags.restoring import Undone
from engine.tags.suggest import Rules
from engine.tags.tagging import Naming, TagOrder, TagOutcome


@pytest.fixture
def library(tmp_path: Path) -> str:
    path = tmp_path / "library.db"
    Library(path).close()
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("serach door", "No such command 'serach'. Did you mean 'search'?"),
        ("search door --nmaes", "No such option '--nmaes'. Did you mean '--names'?"),
        ("status --libary x", "No such option '--libary'. Did you mean '--library'?"),
        ("models shwo default", "No such command 'shwo'. Did you mean 'show'?"),
        ("evaluate zero-short x.csv", "No such command 'zero-short'. Did you mean 'zero-shot'?"),
        ("tag udno", "No such command 'udno'. Did you mean 'undo'?"),
        ("search", "Missing argument 'TEXT...'."),
        ("completion", "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish."),
        ("search x -n 0", "Invalid value for '-n': 0 is not in the range x>=1."),
        ("tag x --least nan", "Invalid value for '--least': nan is not a number."),
        ("status more", "Got unexpected extra argument (more)."),
        ("similar a.wav --start", "Option '--start' requires an argument."),
        ("duplicates --exact --alike", "--exact and --alike exclude each other: give one of them."),
        ("evaluate", "Missing command."),
        ("search door -wood", "No such option '-w'. To leave a word out, put all words in quotes"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_do(arguments, said, capsys):
    assert main(arguments.split()) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.startswith(f"error: {said}")
    (line,) = errors.splitlines()
    shown = re.search(r"See `soundsift (.*)--help`\.$", line)
    assert shown is not None
    assert main([*shown[1].split(), "--help"]) == 0  # it is there


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_it_takes(name, capsys):
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out.lower()
    assert "usage: soundsift" in said and name in said and "--help" in said
    assert main([name, "-h"]) == 0


def test_what_may_be_left_out_stands_in_brackets(capsys):
    for name, shown in (("demo", "[FOLDER]"), ("models show", "[NAME]"), ("export", "[TEXT...]")):
        assert main([*name.split(), "--help"]) == 0
        assert shown in capsys.readouterr().out
    assert main(["search", "--help"]) == 0
    assert "[TEXT...]" not in capsys.readouterr().out


def test_the_version_is_there_alone(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--library", "L", "--json"],
        ["--library", "L", "--json", "status"],
        ["--json", "status", "--library", "L"],
        ["--library", "elsewhere", "status", "--library=L", "--json"],
    ],
)
def test_what_every_command_takes_may_stand_before_it_too(arguments, library, capsys):
    assert (
        main([library if part == "L" else part.replace("=L", f"={library}") for part in arguments])
        == 0
    )
    assert f'"library": "{library}"' in capsys.readouterr().out


def test_options_may_stand_before_the_name_of_what_is_done(library, capsys):
    for arguments in (["--library", library, "undo"], ["undo", "--library", library]):
        assert main(["tag", *arguments]) == 1
        assert "nothing to undo" in capsys.readouterr().err
    for arguments in (["--from", "none", "get", "default"], ["get", "default", "--from", "none"]):
        assert main(["models", *arguments]) == 1
        assert "none cannot be read: it does not exist" in capsys.readouterr().err
    assert main(["models", "--json"]) == 0
    assert capsys.readouterr().out.startswith('{\n "models"')


def asked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Return the query that `search` reads of arguments."""
    found: list[str] = []

    def parse(text: str) -> None:
        found.append(text)
        raise InputError("this is enough")

    monkeypatch.setattr("engine.search.grammar.parse", parse)
    assert main(["search", *arguments]) == 1
    return found[0]


def test_a_phrase_or_a_number_that_begins_like_an_option_is_a_text(monkeypatch):
    for arguments, query in (
        (["-wood door"], "-wood door"),
        (["--names", "-wood door", "-n", "3", "oak"], "-wood door oak"),
        (["-n", "3", "-1", "-.5"], "-1 -.5"),
        (["door", "--", "-wood", "--names"], "door -wood --names"),
        (["door", "-"], "door -"),
        (["-n3", "door", "OR", "gate"], "door OR gate"),
    ):
        assert asked(monkeypatch, *arguments) == query


def test_the_values_of_options_are_no_arguments():
    params = [
        click.Option(["--least"]),
        click.Option(["-n"]),
        click.Option(["--dry"], is_flag=True),
    ]
    given = ["--least", "1", "a", "--dry", "-n", "b", "-n5", "--least=2", "-x y", "-q", "--", "-c"]
    assert [given[place] for place in positions(given, params)] == ["a", "-x y", "-c"]


NAMED = ["--creator", "ABC", "--source", "Lib"]


@pytest.mark.parametrize(
    ("old", "new", "order"),
    [
        ([], ["suggest"], TagOrder()),
        (["--apply"], ["apply"], TagOrder(apply=True)),
        (
            ["--write", "--keep-time"],
            ["write", "--keep-time"],
            TagOrder(write=True, keep_time=True),
        ),
        (
            ["--rename", *NAMED],
            ["rename", *NAMED],
            TagOrder(rename=Naming(creator="ABC", source="Lib")),
        ),
        (
            ["--write", "--rename", *NAMED, "--user", "u", "--dry-run"],
            ["write", "--rename", *NAMED, "--user", "u", "--dry-run"],
            TagOrder(
                write=True, rename=Naming(creator="ABC", source="Lib", user="u"), dry_run=True
            ),
        ),
        (
            ["--apply", "--accept", "0.7", "--least", "0.1", "--most", "2", "--per-clip"],
            ["apply", "--accept", "0.7", "--least", "0.1", "--most", "2", "--per-clip"],
            TagOrder(Rules(0.1, 2, folder=False), apply=True, accept=0.7),
        ),
        (["--no-words"], ["suggest", "--no-words"], TagOrder(Rules(words=False))),
        (["--dry-run"], None, TagOrder(dry_run=True)),
    ],
)
def test_every_flag_that_tag_had_still_does_what_its_command_does(
    old, new, order, library, monkeypatch
):
    ran = []

    def tag(session, sounds, order, taxonomy, control):
        ran.append((sounds, order, taxonomy))
        return TagOutcome("model", taxonomy, order, {}, {})

    monkeypatch.setattr(Session, "tag", tag)
    common = ["--taxonomy", "audioset", "--library", library]
    wanted = ((Path("a b"), Path("c")), order, "audioset")
    assert main(["tag", "a b", "c", *old, *common]) == 0
    assert main(["tag", *old, *common, "a b", "c"]) == 0
    if new is not None:
        assert main(["tag", *new, "a b", "c", *common]) == 0
        assert main(["tag", *common, *new, "a b", "c"]) == 0
    assert ran and all(one == wanted for one in ran)


def test_taking_back_and_comparing_names_were_flags_too(library, monkeypatch, capsys):
    ran = []

    def undo(session, control):
        ran.append("undo")
        return Undone(1, 2, 3, ())

    def audit(session, sounds, control):
        ran.append(sounds)
        return Audit(0, 0, ())

    monkeypatch.setattr(Session, "undo_tags", undo)
    monkeypatch.setattr(Session, "audit", audit)
    for old, new in ((["--undo"], ["undo"]), (["--audit", "x"], ["audit", "x"])):
        for arguments in (old, new):
            assert main(["tag", *arguments, "--library", library, "--json"]) == 0
        half = capsys.readouterr().out
        assert half[: len(half) // 2] == half[len(half) // 2 :]
    assert ran == ["undo", "undo", (Path("x"),), (Path("x"),)]


def test_a_folder_that_is_called_like_a_command_is_meant_by_its_path(
    library, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("undos").mkdir()
    found = []

    def tag(session, sounds, *rest):
        found.append(sounds)
        raise InputError("this is enough")

    monkeypatch.setattr(Session, "tag", tag)
    for name in ("undos", "./undo"):
        assert main(["tag", name, "--library", library]) == 1
    assert found == [(Path("undos"),), (Path("undo"),)]
