"""Sounds that a frozen encoder hears once: in blocks that outlive whatever stops a run."""

import json
import os
from pathlib import Path

import pytest
import torch

from engine.errors import AudioError
from engine.models.match_model import AudioEncoder, load_model
from engine.progress import Cancelled, Control, Progress
from tests import warm
from tests.trainer.conftest import write_set
from trainer.data import feature_blocks
from trainer.data.feature_blocks import FeatureBlocks, embed_once

POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of its own process")


@pytest.fixture
def broken(table: Path) -> Path:
    """Eight sounds and two that cannot be decoded."""
    with table.open("a", encoding="utf-8") as file:
        for name in ("broken", "empty"):
            (table.parent / f"{name}.wav").write_bytes(b"no sound"[: 8 * (name == "broken")])
            file.write(f"{name}.wav,a dog\n")
    return table


@POSIX
def test_listening_that_was_killed_anywhere_goes_on_at_the_last_block(
    broken, model_folder, tmp_path
):
    done = warm.module("tests.trainer.killing", tmp_path, model_folder, broken)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {kept for kept, _, _ in found} == {0, 3, 6, 9, 10}
    assert found[-1] == [10, 0, []]
    for kept, listened, wrong in found:
        assert (kept + listened, wrong) == (10, [])


class Ears:
    """Hears sounds of a set in blocks of three, and keeps account of it."""

    def __init__(self, folder: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.paths = sorted(table.parent.glob("*.wav"))
        self.heard: list[str] = []
        self.told: list[Progress] = []
        inner = feature_blocks.embed_files

        def listen(audio_encoder: AudioEncoder, paths: tuple[Path, ...], **how: object) -> object:
            self.heard += [path.stem for path in paths]
            return inner(audio_encoder, paths, **how)

        monkeypatch.setattr(feature_blocks, "_BLOCK", 3)
        monkeypatch.setattr(feature_blocks, "embed_files", listen)

    def __call__(self, audio_encoder: AudioEncoder, stop_at: int | None = None) -> FeatureBlocks:
        self.heard.clear()
        self.told.clear()

        def update(progress: Progress) -> None:
            self.told.append(progress)
            if progress.done == stop_at:
                raise Cancelled

        return embed_once(self.folder, audio_encoder, self.paths, Control(update))


@pytest.fixture
def audio_encoder(model_folder: Path) -> AudioEncoder:
    return AudioEncoder(load_model(model_folder))


@pytest.fixture
def ears(table, tmp_path, monkeypatch) -> Ears:
    return Ears(tmp_path / "listening", table, monkeypatch)


def blocks(ears: Ears) -> list[Path]:
    return sorted(ears.folder.iterdir())


def test_progress_goes_on_where_listening_was_stopped(ears, audio_encoder):
    with pytest.raises(Cancelled):
        ears(audio_encoder, stop_at=5)
    assert len(blocks(ears)) == 1
    ears(audio_encoder)
    assert ears.heard == ["3", "4", "5", "6", "7"]
    assert [progress.done for progress in ears.told] == [3, 4, 5, 6, 7, 8]
    assert {(progress.stage, progress.total) for progress in ears.told} == {("listening", 8)}


@pytest.mark.parametrize("harm", ["a wrong bit", "cut off", "nothing", "another block"])
def test_a_block_that_is_damaged_or_of_something_else_is_heard_anew(ears, audio_encoder, harm):
    whole = ears(audio_encoder)
    first, second, _ = blocks(ears)
    data = bytearray(second.read_bytes())
    data[len(data) // 2] ^= 1
    harmed = {"a wrong bit": data, "cut off": data[:-9], "nothing": b""}
    second.write_bytes(harmed.get(harm, first.read_bytes()))
    again = ears(audio_encoder)
    assert ears.heard == ["3", "4", "5"]
    assert torch.equal(again.features, whole.features)
    assert torch.equal(again.clip, whole.clip)
    assert again.paths == whole.paths
    ears(audio_encoder)
    assert ears.heard == []


def test_what_was_heard_by_other_ears_is_heard_anew(ears, audio_encoder, make_model):
    ears(audio_encoder)
    ears(AudioEncoder(audio_encoder.model, torch.bfloat16))
    assert len(ears.heard) == 8
    other = AudioEncoder(load_model(make_model("other", seed=5, audio_seed=5)))
    ears(other)
    assert len(ears.heard) == 8
    other.model.spec = type(other.model.spec)(**{**vars(other.model.spec), "hop_s": 2.5})
    ears(other)
    assert len(ears.heard) == 8
    ears(other)
    assert ears.heard == []


def test_only_blocks_whose_sounds_have_changed_are_heard_anew(ears, audio_encoder, tmp_path):
    ears(audio_encoder)
    write_set(tmp_path / "more", 1)
    (tmp_path / "more" / "0.wav").rename(ears.paths[4])
    ears.paths.append(ears.paths[0])  # a sound that is named twice is heard once
    found = ears(audio_encoder)
    assert ears.heard == ["3", "4", "5"]
    assert len(found.paths) == 8
    ears.paths.insert(8, tmp_path / "gone.wav")
    ears(audio_encoder)
    assert ears.heard == ["6", "7", "gone"]


def test_a_name_that_is_no_unicode_and_cannot_be_decoded_is_told_again(
    ears, audio_encoder, monkeypatch
):
    bad = ears.paths[0].with_name(os.fsdecode(b"caf\xe9.wav"))
    inner = feature_blocks.embed_files

    def listen(audio_encoder: AudioEncoder, paths: tuple[Path, ...], **how: object) -> object:
        yield from inner(audio_encoder, [path for path in paths if path != bad], **how)
        if bad in paths:
            yield bad, AudioError(f"{bad.name} is no sound")

    monkeypatch.setattr(feature_blocks, "embed_files", listen)
    ears.paths.append(bad)
    told: list[bool] = []

    def skipped(path: Path, reason: str) -> None:
        told.append((path, reason) == (bad, f"{bad.name} is no sound"))

    for _ in range(2):
        embed_once(ears.folder, audio_encoder, ears.paths, Control(), skipped)
    assert told == [True, True]
    assert ears.heard == [path.stem for path in ears.paths[:-1]]  # once
