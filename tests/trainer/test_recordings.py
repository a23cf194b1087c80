"""Which sounds are one recording: by name, by number, by sound."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.progress import Control
from trainer.data.recordings import copies, recordings_of


def groups(*names: str) -> list[int]:
    """Return the recordings of files whose sounds are nothing alike."""
    features = torch.eye(len(names))
    found = recordings_of([Path(name) for name in names], features, Control())
    first = {}
    return [first.setdefault(number, len(first)) for number in found.tolist()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/door_01.wav", "/a/door_02.wav"),
        ("/a/Door-Creak Take 3.wav", "/a/door_creak_take4.flac"),
        ("/a/Bell_L.wav", "/a/Bell_R.wav"),
        ("/a/Bell left.wav", "/a/Bell right.wav"),
        ("/a/WINDGust_Gust Tree 01_ABC_LIB.wav", "/a/WINDGust_Gust Tree 02_ABC_LIB.wav"),
        ("/a/ZOOM0001_LR.wav", "/a/ZOOM0001_Tr1.wav"),
        ("/a/1-100032-A-0.ogg", "/a/1-100032-B-0.ogg"),
    ],
)
def test_takes_channels_and_pieces_are_one_recording(one, other):
    assert groups(one, other) == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a/door_01.wav", "/b/door_01.wav"),
        ("/a/door slam.wav", "/a/door creak.wav"),
        ("/a/ZOOM0001.wav", "/a/ZOOM0002.wav"),
        ("/a/DR0000_0123.wav", "/a/DR0000_0124.wav"),
        ("/a/a1.wav", "/a/a2.wav"),
    ],
)
def test_other_folders_names_and_numbers_are_other_recordings(one, other):
    assert groups(one, other) == [0, 1]


def test_a_copy_joins_what_names_have_parted():
    """A door's take, under another name elsewhere, brings that name's takes with it."""
    names = ["/a/door_1.wav", "/a/door_2.wav", "/b/porte_1.mp3", "/b/porte_2.mp3", "/c/rain.wav"]
    features = torch.eye(5)
    features[2] = features[1] + 0.01 * torch.eye(5)[4]
    found = recordings_of([Path(name) for name in names], features, Control())
    assert len(set(found[:4].tolist())) == 1
    assert found[4] != found[0]


def test_copies_are_those_of_all_pairs(monkeypatch):
    """The search in sorted blocks finds what a matrix of all distances does."""
    from trainer.data import recordings

    monkeypatch.setattr(recordings, "_ROWS", 16)
    monkeypatch.setattr(recordings, "_COLUMNS", 32)
    generator = torch.Generator().manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(300, 3, generator=generator), dim=1)
    for radius in (0.02, 0.08, 0.15):
        near = torch.cdist(z, z) < radius
        reach = near.clone()
        for _ in range(9):  # 2⁹ > 300: the transitive closure
            reach = (reach.float() @ reach.float()) > 0
        found = torch.from_numpy(copies(3.0 * z, radius, Control()))
        assert torch.equal(found[:, None] == found[None, :], reach)
        assert 1 < len(found.unique()) < 300


def test_a_library_of_one_sound_many_times_costs_no_square_of_memory():
    import tracemalloc

    features = torch.ones(8_000, 2)
    tracemalloc.start()
    found = copies(features, 0.1, Control())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found == found[0]).all()
    assert most < 200e6  # 64 million pairs would be 1 GB
    assert np.issubdtype(found.dtype, np.integer)
