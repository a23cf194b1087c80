"""Programs that never answer: Wwise by a stand-in for its library, which need not be installed."""

import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from engine.handover.targets import wwise as module
from engine.handover.targets.patience import within
from engine.handover.targets.target import Address, TargetError


@pytest.fixture
def silent(monkeypatch):
    """Let Wwise answer nothing; return the names of what does not answer."""
    answers, silent = threading.Event(), {"call"}

    class Client:
        def __init__(self, url: str, allow_exception: bool) -> None:
            if "connect" in silent:
                answers.wait()

        def call(self, uri: str, arguments: dict, **more: object) -> dict:
            if "call" in silent:
                answers.wait()
            return {"version": {"displayName": "v1"}}

        def disconnect(self) -> None:
            pass

    library = ModuleType("waapi")
    library.WaapiClient = Client
    library.CannotConnectToWaapiException = library.WaapiRequestFailed = ConnectionError
    monkeypatch.setitem(sys.modules, "waapi", library)
    yield silent
    answers.set()


@pytest.mark.parametrize("what", ["connect", "call"])
def test_wwise_is_not_waited_for_for_ever(silent, monkeypatch, what):
    target = module.Wwise(Address(port=1))
    silent.clear()
    assert target.test() == "Wwise v1"
    silent.add(what)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    asked = (target.test, target.project, lambda: target.spot(Path("/s/a.wav"), "track"))
    for ask in asked:
        with pytest.raises(TargetError, match="Wwise took too long to answer: is a dialog open"):
            ask()


def test_what_goes_wrong_while_a_program_is_asked_is_raised_by_who_waits():
    def refuse() -> None:
        raise TargetError("no")

    with pytest.raises(TargetError, match=r"^no$"):
        within(60.0, "Wwise", refuse)
    assert within(60.0, "Wwise", lambda: 7) == 7
