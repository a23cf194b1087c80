"""What `soundsift train` prints of the trainer's events."""

import json

import pytest

from app import training
from tests.app.test_report import TRAINED

EVENTS = [
    {"event": "loss", "step": 25, "loss": 2.0},
    {"event": "warning", "step": 500, "text": "the plan did not converge"},
    {"event": "way", "way": 1.0},
    {**TRAINED, "event": "chosen"},
    {**TRAINED, "event": "personal"},
]


@pytest.fixture
def trainer(monkeypatch):
    """A trainer that tells these events."""

    def main(arguments, watch, show):
        for event in EVENTS:
            show(event)
        return 0

    monkeypatch.setattr(training, "main", main)


def test_json_is_one_document_whatever_the_run_had_to_say(trainer, capsys):
    assert training.train(["--from-library", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "personal"


def test_people_are_told_the_outcome_of_a_library_in_words_alone(trainer, capsys):
    training.train(["--from-library"])
    said = capsys.readouterr().out
    assert "Found first: 41 of 100 names" in said and "{" not in said


def test_a_warning_of_a_run_on_a_data_set_is_shown(trainer, capsys):
    training.train(["fit", "run"])
    assert capsys.readouterr().err == "warning: the plan did not converge\n"
