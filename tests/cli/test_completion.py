"""Completion in bash, zsh and fish: what a shell asks, and what it is answered."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from tests import warm
from tests.test_architecture import loaded_by

SHELLS = ("bash", "zsh", "fish")


def answers(shell: str, *words: str) -> list[str]:
    """Return what a shell is answered that asks how to go on from the last word."""
    place = words[-1] if shell == "fish" else str(len(words))
    asked = {
        "_SOUNDSIFT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(["soundsift", *words]),
        "COMP_CWORD": place,
    }
    done = warm.as_text(warm.soundsift(env={**os.environ, **asked}))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sea"], ["plain,search"]),
        (["search", "--na"], ["plain,--names"]),
        (["--lib"], ["plain,--library"]),
        (["models", "u"], ["plain,use"]),
        (["models", "use", "default-m"], ["plain,default-mn04"]),
        (["index", "--model", "default-m"], ["plain,default-mn04"]),
        (["tag", "u"], ["plain,undo"]),
        (["tag", "--taxonomy", "aud"], ["plain,audioset"]),
        (["tag", "write", "--key"], []),
        (["tag", "write", "--keep"], ["plain,--keep-time"]),
        (["tag", "folder", "--le"], ["plain,--least"]),
        (["tag", "folder", "--und"], []),  # a flag that is a command now
        (["similar", "/tm"], ["file,/tm"]),
        (["tag", "/tm"], ["file,/tm"]),
        (["tag", "write", "/tm"], ["file,/tm"]),
        (["--library", "/tm"], ["file,/tm"]),
        (["status", "--library", "/tm"], ["file,/tm"]),
        (["models", "use", "/tm"], ["file,/tm"]),
        (["completion", "z"], ["plain,zsh"]),
        (["evaluate", "z"], ["plain,zero-shot"]),
        (["train", "fi"], ["plain,fit"]),
        (["train", "--from"], ["plain,--from-library"]),
        (["train", "fit", "run", "--epo"], ["plain,--epochs"]),
        (["train", "fit", "run", "--loss", "par"], ["plain,partial"]),
        (["train", "match", "--loss", "par"], ["plain,partial"]),
        (["train", "average", "/tm"], ["file,/tm"]),
        (["experiment", "figure"], [f"plain,figure{n}" for n in (2, 4, 5)]),
    ],
)
def test_commands_options_names_and_files_are_completed(words, offered):
    assert answers("bash", *words) == offered


def test_other_shells_are_told_what_commands_do():
    said = "list the files that could not be read, or only in part, and why"
    assert answers("zsh", "ski") == ["plain", "skipped", said]
    assert answers("fish", "ski") == [f"plain,skipped\t{said}"]


def test_every_command_is_offered_where_none_is_begun():
    offered = answers("bash", "")
    assert "plain,search" in offered and "plain,completion" in offered
    assert [line for line in answers("bash", "tag", "") if "flags" in line] == []


def test_the_name_of_a_model_cannot_steer_the_shell(own_home, model_folder):
    shutil.copytree(model_folder, own_home / "models" / "evil\x1b[2J")
    assert answers("bash", "models", "use", "evil") == [r"plain,evil\x1b[2J"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_program_by_the_protocol(shell, capsys):
    assert main(["completion", shell]) == 0
    script, errors = capsys.readouterr()
    assert errors == "" and f"_SOUNDSIFT_COMPLETE={shell}_complete" in script
    assert main(["completion", "--help"]) == 0
    assert f"soundsift completion {shell} > " in capsys.readouterr().out


def test_the_script_is_one_document_for_those_who_ask_for_json(capsys):
    assert main(["completion", "fish", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["shell"] == "fish" and "_SOUNDSIFT_COMPLETE" in document["script"]


def test_another_shell_is_none(capsys, monkeypatch):
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err
    monkeypatch.setenv("_SOUNDSIFT_COMPLETE", "tcsh_complete")
    assert main([]) == 1


@pytest.fixture
def in_bash(tmp_path: Path):
    """Return a function that lets bash complete a line, with the script as users have it."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    program = tmp_path / "bin" / "soundsift"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app.cli "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "soundsift.bash"
    script.write_bytes(warm.soundsift("completion", "bash").stdout)
    places = f"{program.parent}{os.pathsep}{os.environ['PATH']}"

    def run(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in ("soundsift", *words))
        lines = (
            f"source '{script}'",
            f"COMP_WORDS=({line}); COMP_CWORD={len(words)}",
            "$(complete -p soundsift | sed 's/.*-F \\([^ ]*\\).*/\\1/') soundsift",
            'printf "%s\\n" "${COMPREPLY[@]}"',
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", "\n".join(lines)],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": places},
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return run


def test_bash_completes_a_command_and_an_option(in_bash):
    assert in_bash("dupl") == ["duplicates"]
    assert in_bash("tag", "write", "--cre") == ["--creator"]


@pytest.mark.parametrize(("line", "module"), [("search --", "finding"), ("train --", "train")])
def test_completing_imports_nothing_heavy_and_no_command_but_the_one_that_is_there(line, module):
    loaded = loaded_by(
        "import os\n"
        "os.environ |= {'_SOUNDSIFT_COMPLETE': 'bash_complete',\n"
        f" 'COMP_WORDS': 'soundsift {line}', 'COMP_CWORD': '2'}}\n"
        "from app.cli import main\n"
        "assert main([]) == 0\n"
        "there = {n for n in ('finding', 'library', 'train') if f'app.cli.{n}' in sys.modules}\n"
        f"assert there == {{'{module}'}}, there"
    )
    assert not {"torch", "numpy", "sqlalchemy", "PySide6"} & loaded
