"""What tests share: small models, small sounds, and the real data where it is present."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import settings
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from engine.log import stop_log
from engine.models.compact import Compact
from engine.models.folder import write_model
from engine.models.match_model import MatchModel, TextEncoder, load_model, load_tokenizer
from engine.models.spec import ModelSpec, TextEncoderSpec
from engine.models.trial import remember_tried
from engine.progress import Control
from engine.store import Library
from engine.store.tags import PERSON, TagRow, put_tags
from tests.killing import no_flush
from tests.postgres import Postgres, running, why_not
from trainer.data.manifest import datasets_folder
from trainer.recipes.memory import with_filed, with_memory

settings.register_profile("any machine", deadline=None)  # how fast it is proves nothing
settings.load_profile("any machine")

WORDS = ["[PAD]", "[UNK]", "door", "rain", "bell", "wind", "a", "sound", "dog", "cat", "tone"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let long tests begin first, so that no worker waits for another one's in the end.

    Workers of pytest-xdist begin with parts of the list that are of the same length.
    """
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(short) // workers)
    items[:] = [
        item
        for n in range(workers)
        for item in (*long[n::workers], *short[n * share : (n + 1) * share])
    ]


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk() -> Iterator[None]:
    """Spare every test the wait for the disk: none of them takes the power away.

    What is flushed, and when, is recorded where that is proved (tests/engine/metadata/disk.py).
    """

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", no_flush)
        yield


@pytest.fixture(autouse=True)
def own_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Keep tests away from the user's own libraries, models, passwords, and disks from filling."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SOUNDSIFT_HOME", str(home))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def held_passwords(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what the keyring holds, of which a dictionary takes the place: passwords by login."""
    keyring = pytest.importorskip("keyring")
    held: dict[str, str] = {}

    def keep(service: str, login: str, password: str) -> None:
        held[login] = password

    monkeypatch.setattr(keyring, "get_password", lambda service, login: held.get(login))
    monkeypatch.setattr(keyring, "set_password", keep)
    monkeypatch.setattr(keyring, "delete_password", lambda service, login: held.pop(login))
    return held


@pytest.fixture(autouse=True)
def tried(own_home: Path, request: pytest.FixtureRequest) -> None:
    """Spare every test the trial of the common model, which tests of trials do."""
    if "model_folder" in request.fixturenames:
        remember_tried(request.getfixturevalue("model_folder"))


@pytest.fixture(autouse=True)
def stopped_log() -> Iterator[None]:
    """Stop the log that a command started in the tests' own process."""
    yield
    stop_log()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the data folder, or skip the test."""
    folder = datasets_folder()
    if not (folder / "sounds" / "manifest.csv").is_file():
        pytest.skip(f"the data folder {folder} is absent (set SOUNDSIFT_DATA)")
    return folder


def write_tokenizer(path: Path) -> Path:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a model folder with random weights."""

    def make(name: str = "random", seed: int = 0, audio_seed: int = 0) -> Path:
        folder = tmp_path_factory.mktemp("models") / name
        tokenizer = write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")
        torch.manual_seed(seed)
        text = TextEncoderSpec(len(WORDS), 16, 1, 2, 32, 32, 16)
        bank = tuple(WORDS[2:])
        spec = ModelSpec(
            name, "compact", text_encoder=text, hidden=64, dimensions=32, rank=32, bank=bank
        )
        model = MatchModel(spec)
        torch.manual_seed(audio_seed)
        model.audio_tower = Compact()
        write_model(folder, model, tokenizer, torch.randn(50, 384))
        return folder

    return make


@pytest.fixture(scope="session")
def model_folder(make_model: Callable[..., Path]) -> Path:
    return make_model()


@pytest.fixture
def remembering(model_folder: Path, tmp_path: Path) -> Path:
    """Give the common model, with a memory that holds "dog" and "rain", which are filed, too."""
    base = load_model(model_folder)
    encoder = TextEncoder(base, load_tokenizer(model_folder))
    labels, sounds = ("dog", "rain"), torch.randn(2, 384)
    model = with_memory(base, encoder, labels, sounds, {}, Control())
    model = with_filed(model, labels, sounds, {"dog": ("ANMLDog",), "rain": ("RAIN", "AMBFarm")})
    model.spec = replace(model.spec, name="remembering")
    write_model(tmp_path / "remembering", model, model_folder / "tokenizer.json")
    return tmp_path / "remembering"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Give an empty library."""
    with Library(tmp_path / "library.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """Give a server of PostgreSQL's, or skip the test."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with ExitStack() as ends:
        try:
            started = ends.enter_context(running())
        except (RuntimeError, subprocess.CalledProcessError) as error:
            pytest.skip(f"PostgreSQL cannot be started here: {error}")
        yield started


def accept_tags(library: Library, tags: Iterable[tuple[int, str]], said_by: str = PERSON) -> None:
    """Record (sound id, label) as accepted, whatever was said of them before."""
    put_tags(library, [TagRow(i, label, "accepted", said_by) for i, label in tags])


def reject_tags(library: Library, tags: Iterable[tuple[int, str]], said_by: str = PERSON) -> None:
    """Record (sound id, label) as rejected, whatever was said of them before."""
    put_tags(library, [TagRow(i, label, "rejected", said_by) for i, label in tags])


def tone(frequency_hz: float, duration_s: float, rate_hz: int = 32000) -> np.ndarray:
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * frequency_hz * t)


def encode(path: Path, codec: str, rate_hz: int = 48000, duration_s: float = 2.0) -> Path:
    """Write a stereo tone of 440 Hz with one of FFmpeg's encoders."""
    samples = np.stack([tone(440, duration_s, rate_hz)] * 2).astype(np.float32)
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=rate_hz, layout="stereo")
        audio.bit_rate = 128_000
        size = audio.codec_context.frame_size or 1024
        for start in range(0, samples.shape[1] - size, size):
            block = np.ascontiguousarray(samples[:, start : start + size])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate_hz, start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Return a folder of a dozen small and different sounds, in two subfolders."""
    return write_sounds(tmp_path / "sounds")


def write_sounds(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for number in range(12):
        path = folder / ("tones" if number % 2 else "noises") / f"Sound_{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 2:
            samples = tone(200 * (number + 1), 0.5 + 0.1 * number)
        else:
            samples = random.normal(0, 0.02 * (number + 1), 16000 + 1000 * number)
        soundfile.write(path, samples, 32000)
    return folder
