"""Children are started from source and from a bundle, and only modules that are meant for it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine import children

ROOT = Path(__file__).parents[2]
BUNDLED = """
import sys
from engine.children import be_child
sys.exit(0 if be_child(sys.argv[1:]) else 3)
"""


def bundled(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Do what the program of a bundle does with its arguments."""
    command = [sys.executable, "-c", BUNDLED, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_from_source_python_runs_the_module():
    asked = children.command("trainer", "--from-library")
    assert asked == [sys.executable, "-m", "trainer", "--from-library"]


def test_a_bundle_starts_itself_with_the_name_of_the_module(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    asked = children.command("app.cli", "repair", "--library", "a b.db")
    assert asked == [
        *(sys.executable, "--run-module", "app.cli"),
        *("repair", "--library", "a b.db"),
    ]


def test_on_windows_the_program_with_standard_streams_is_the_child(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "executable", "/there/soundsiftw.exe")
    program = children.command("app.index_process", "{}")[0]
    assert Path(program) == Path("/there/soundsift.exe")


@pytest.mark.parametrize("module", ["os", "app", "engine.models.apart"])
def test_nothing_else_is_started_as_a_child(module):
    with pytest.raises(ValueError, match="is not started as a child"):
        children.command(module)
    assert not children.be_child([children.FLAG, module])


@pytest.mark.parametrize(
    "arguments", [[], ["search", "door"], ["search", "--run-module", "trainer"]]
)
def test_what_users_type_is_no_child(arguments):
    assert not children.be_child(arguments)


@pytest.mark.parametrize("module", children.MODULES)
def test_every_child_can_be_run(module):
    spec = find_spec(module)
    assert spec is not None and (spec.parent != module or find_spec(f"{module}.__main__"))


def test_a_bundled_child_gets_its_own_arguments_and_its_exit_code():
    told = bundled(children.FLAG, "app.cli", "completion", "bash")
    assert told.returncode == 0 and "_SOUNDSIFT_COMPLETE" in told.stdout
    assert bundled(children.FLAG, "app.cli", "no-such-command").returncode == 2
    assert bundled("search", "door").returncode == 3


def test_nothing_but_this_module_starts_python():
    """A ``sys.executable`` elsewhere would be a program that is no Python in a bundle."""
    files = [path for name in ("app", "engine", "trainer") for path in (ROOT / name).rglob("*.py")]
    named = [path.name for path in files if "sys.executable" in path.read_text(encoding="utf-8")]
    assert named == ["children.py"]
