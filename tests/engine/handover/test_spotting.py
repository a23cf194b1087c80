"""Sounds sent into sessions: which file is given, and where its copy is kept."""

from pathlib import Path

import pytest
import soundfile

from engine.errors import InputError
from engine.handover.forms import parse_form
from engine.handover.order import Order
from engine.handover.spotting import Spot, spot
from engine.handover.targets.registry import TARGETS, open_target
from engine.handover.targets.target import Address, Project
from engine.progress import Cancelled, Control
from tests.conftest import tone


class Studio:
    def __init__(self, project: Project | None = None) -> None:
        self.given: list[tuple[Path, str]] = []
        self._project = project
        self.asked = 0

    def test(self) -> str:
        return "Studio 3"

    def project(self) -> Project | None:
        self.asked += 1
        return self._project

    def spot(self, file: Path, place: str) -> None:
        assert file.is_file()
        self.given.append((file, place))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Door.wav"
    soundfile.write(path, tone(440, 1.0), 32000)
    return path


def test_an_original_is_given_where_it_lies(source, tmp_path):
    studio = Studio()
    assert spot([Order(source)], studio, Spot("cursor", tmp_path / "kept")) == [source]
    assert studio.given == [(source, "cursor")] and not studio.asked
    assert not (tmp_path / "kept").exists()


def test_what_is_rendered_is_given_from_where_it_lasts(source, tmp_path):
    studio = Studio()
    orders = [Order(source, (0.1, 0.2)), Order(source, form=parse_form("flac"))]
    spot(orders, studio, Spot("track", tmp_path / "kept"))
    files = [file for file, _ in studio.given]
    assert [file.suffix for file in files] == [".wav", ".flac"]
    assert {file.parent for file in files} == {tmp_path / "kept"}


def test_copies_go_with_a_saved_project_and_else_where_they_last(source, tmp_path):
    media = tmp_path / "Media"
    saved = Studio(Project("Reel 3", media))
    (file,) = spot([Order(source)], saved, Spot("cursor", tmp_path / "kept", in_project=True))
    assert file == media / "Door.wav" and file.read_bytes() == source.read_bytes()
    unsaved = Studio(Project("", None))
    wanted = Spot("cursor", tmp_path / "kept", in_project=True)
    assert spot([Order(source)], unsaved, wanted) == [source]


def test_a_name_can_hold_the_project_that_is_open(source, tmp_path):
    order = Order(source, (0.0, 0.5), pattern="{project} {name}")
    (file,) = spot([order], Studio(Project("Reel 3", None)), Spot("cursor", tmp_path / "kept"))
    assert file.name == "Reel 3 Door.wav"


def test_a_named_project_of_ones_own_goes_first(source, tmp_path):
    order = Order(source, (0.0, 0.5), pattern="{project} {name}", fields={"project": "Mine"})
    (file,) = spot([order], Studio(Project("Reel 3", None)), Spot("cursor", tmp_path / "kept"))
    assert file.name == "Mine Door.wav"


def test_sending_can_be_stopped_between_sounds(source, tmp_path):
    studio = Studio()
    stop = Control(cancel=lambda: len(studio.given) == 2)
    with pytest.raises(Cancelled):
        spot([Order(source)] * 5, studio, Spot("cursor", tmp_path / "kept"), stop)
    assert len(studio.given) == 2


def test_a_program_whose_library_is_missing_says_what_to_install(monkeypatch):
    with pytest.raises(InputError, match="cubase is no program that we know: choose reaper"):
        open_target("cubase", Address())
    monkeypatch.setattr("engine.handover.targets.registry.find_spec", lambda name: None)
    for name in ("protools", "wwise"):
        with pytest.raises(InputError, match=rf"pip install soundsift\[{name}\]"):
            open_target(name, Address())


def test_every_program_can_put_a_sound_at_the_cursor():
    assert all("cursor" in kind.places for kind in TARGETS.values())
