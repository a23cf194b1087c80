"""Every run that listens does so on the device that its session was asked for."""

from threading import Event, Thread

import pytest
import torch

from app.cli import main
from engine import torch_setup
from engine.errors import InputError
from engine.models import devices
from engine.session import open_library, open_to_index
from engine.torch_setup import using_threads


@pytest.fixture
def used(monkeypatch) -> list[str]:
    """The devices that towers were put on; there is a CUDA device, which is not used."""
    found: list[str] = []

    def on_device(audio_encoder, device):
        found.append(device)
        return audio_encoder

    monkeypatch.setattr(devices, "on_device", on_device)
    monkeypatch.setattr(torch_setup, "_count", lambda kind: int(kind != "mps"))
    return found


@pytest.mark.parametrize(("wish", "device"), [("auto", "cuda"), ("cpu", "cpu"), ("cuda", "cuda")])
def test_sounds_are_listened_to_where_it_was_asked_for(
    used, wish, device, sounds, model_folder, tmp_path
):
    with open_to_index(sounds, tmp_path / "l.db", str(model_folder), wish) as session:
        assert session.index([sounds / "tones"]).heard == 6
        assert used == [device]
        session.tag([sounds / "noises"])
        assert used == [device] * 2


def test_a_session_listens_on_a_gpu_unless_it_is_told_otherwise(
    used, sounds, model_folder, tmp_path
):
    with open_library(tmp_path / "library.db", str(model_folder)) as session:
        session.index(sounds)
    assert used == ["cuda"]


def test_a_device_that_is_not_here_leaves_no_library_behind(used, sounds, model_folder, tmp_path):
    with pytest.raises(InputError, match="there is no Apple"):
        open_to_index(sounds, tmp_path / "library.db", str(model_folder), "mps")
    assert not (tmp_path / "library.db").exists()


def test_the_command_line_listens_where_it_was_asked_to(
    used, sounds, model_folder, tmp_path, capsys
):
    library = tmp_path / "library.db"
    given = ["index", str(sounds), "--library", str(library), "--model", str(model_folder)]
    assert main([*given, "--device", "abacus"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: abacus is not a device: use auto, cuda, mps or cpu"
    assert not library.exists()
    assert main([*given, "--device", ""]) == 2  # as a script writes it that knows none
    (line,) = capsys.readouterr().err.splitlines()
    assert "the name is empty: write one, or leave the option out. See" in line
    assert not library.exists()
    assert main([*given, "--device", "cpu"]) == 0
    assert used == ["cpu"]


def test_threads_are_lent_up_to_what_a_process_was_given():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with using_threads(1):
            assert torch.get_num_threads() == 1
        with using_threads(64):  # of a machine that others use, too
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_blocks_that_overlap_leave_every_thread_its_own_number():
    before, first_in, second_in, left = torch.get_num_threads(), Event(), Event(), Event()
    seen = []

    def other() -> None:
        first_in.wait(60)
        with using_threads(1):  # its first use of torch is in the other's block
            second_in.set()
            left.wait(60)
        seen.append(torch.get_num_threads())
        with using_threads(64):
            seen.append(torch.get_num_threads())
            with using_threads(1):
                seen.append(torch.get_num_threads())
            seen.append(torch.get_num_threads())

    try:
        torch.set_num_threads(3)
        thread = Thread(target=other)
        thread.start()
        with using_threads(1):
            first_in.set()
            assert second_in.wait(60)
        left.set()
        thread.join()
        later = Thread(target=lambda: seen.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert seen == [3, 3, 1, 3, 3]
    finally:
        torch.set_num_threads(before)
