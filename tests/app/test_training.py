"""What `soundsift train` prints of the trainer's events."""

import json

import pytest

from app.cli.train import shower
from tests.app.test_report import TRAINED

EVENTS = [
    {"event": "loss", "step": 25, "loss": 2.0},
    {"event": "warning", "step": 500, "text": "the plan did not converge"},
    {"event": "way", "way": 1.0},
    {**TRAINED, "event": "chosen"},
    {**TRAINED, "event": "personal"},
]


def told(whole: bool, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return what these events put on standard output and standard error."""
    for event in EVENTS:
        shower(whole)(event)
    return tuple(capsys.readouterr())


def test_json_is_one_document_whatever_the_run_had_to_say(capsys):
    assert json.loads(told(True, capsys)[0])["event"] == "personal"


def test_people_are_told_the_outcome_of_a_library_in_words_alone(capsys):
    said, _ = told(False, capsys)
    assert "Found first: 41 of 100 names" in said and "{" not in said


def test_a_warning_of_a_run_on_a_data_set_is_shown(capsys):
    assert told(False, capsys)[1] == "warning: the plan did not converge\n"
