"""What a start of the command line imports, and what is drawn where somebody looks."""

import io
import sys

import pytest

from app.cli.progress_bar import progress_bar
from engine.progress import Progress
from tests.test_architecture import loaded_by

HEAVY = {"torch", "numpy", "sqlalchemy", "PySide6", "tqdm"}
METADATA = {"email", "zipfile"}  # which reading the metadata of packages takes along


@pytest.mark.parametrize(
    "arguments", ["--help", "search --help", "tag write --help", "models --help", "train --help"]
)
def test_help_imports_nothing_that_it_does_not_need(arguments):
    loaded = loaded_by(f"from app.cli import main; assert main({arguments.split()}) == 0")
    assert not (HEAVY | METADATA) & loaded


def test_models_are_listed_without_the_library(own_home):
    assert not HEAVY & loaded_by("from app.cli import main; assert main(['models']) == 0")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch, is_terminal):
    errors = io.StringIO()
    monkeypatch.setattr(errors, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", errors)
    with progress_bar() as control:
        control.report(Progress("listening\x1b", 1, 2))
        control.report(Progress("solving", 0))
    said = errors.getvalue()
    assert (r"listening\x1b:" in said, "solving:" in said) == (is_terminal, is_terminal)
