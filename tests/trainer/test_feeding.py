"""However a device is fed, what is learnt stays the same."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from engine.errors import InputError
from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.match_model import AudioEncoder, TextEncoder, load_model
from engine.models.panns import ResNet38
from engine.models.spec import TextEncoderSpec
from engine.models.text_towers import BertTower, CaptionTokenizer
from engine.progress import Control
from tests.conftest import tone
from trainer.data import cache as caches
from trainer.data.augment import SpecAugment
from trainer.data.sets import Captioned
from trainer.data.sound_pairs import Crops, SoundPairs
from trainer.evaluation.validation import RISING, Validation
from trainer.loop.config import Rates, RunConfig
from trainer.loop.embedding import Embedder, LoaderConfig
from trainer.loop.run import Run

RATE = 32000
CONFIG = RunConfig(
    steps=4,
    tower_steps=4,
    batch=6,
    micro_batch=4,
    mixed_precision=False,
    rates=Rates(audio_tower=1e-3),
)
NAMES = ("door", "rain", "bell", "wind", "dog", "cat")


@pytest.fixture
def sounds(tmp_path):
    found = []
    for number, name in enumerate(NAMES):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, 0.5 * tone(200 * (number + 1), 0.2 + 0.1 * number), RATE)
        found.append(Captioned(path, (f"a {name}", f"sound a {name}")))
    return found


@pytest.fixture
def source(tmp_path, sounds):
    caches.build_samples(tmp_path / "cache", [sound.path for sound in sounds], RATE)
    cache = caches.load(tmp_path / "cache", "samples")
    return SoundPairs(cache, [sound.captions for sound in sounds], RATE, Crops(0.5, mix=0.3))


@pytest.fixture
def parts(model_folder):
    """Return a fresh model, and its tokenizer."""
    model = load_model(model_folder).requires_grad_(True)
    data = (model_folder / "tokenizer.json").read_bytes()
    return model, CaptionTokenizer.from_bytes(data, 16)


@pytest.fixture
def run(model_folder, tmp_path, source):
    def start(name: str, config: RunConfig = CONFIG, **feeding: object) -> Run:
        model = load_model(model_folder).requires_grad_(True)
        data = (model_folder / "tokenizer.json").read_bytes()
        tokenizer = CaptionTokenizer.from_bytes(data, 16)
        return Run(
            tmp_path / name, model, tokenizer, source, config, feeding=LoaderConfig(**feeding)
        )

    return start


class StopError(Exception):
    pass


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_resumed_with_other_workers_ends_in_the_same_weights_bit_by_bit(run, workers):
    calm = run("calm")
    calm.run()

    def interrupt(step: int, loss: float) -> None:
        if step == 2:
            raise StopError

    with pytest.raises(StopError):
        run("stopped", workers=workers).run(interrupt)
    resumed = run("stopped")
    assert resumed.step == 2
    resumed.run()
    one, other = (r.model.state_dict() for r in (calm, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_channels_last_change_rounding_alone_and_are_written_as_usual(run):
    exact = replace(CONFIG, feature_noise=0.0, average_decay=0.0, steps=2, tower_steps=2)
    weights = []
    for name, last in (("first", False), ("last", True)):
        one = run(name, exact, channels_last=last)
        stem = one.model.audio_tower.stages[0][0].first[0].weight
        assert stem.is_contiguous(memory_format=torch.channels_last) == last
        one.run()
        weights.append(load_file(one.folder / "matched.safetensors"))
        assert one.result().audio_tower.stem[0].weight.isfinite().all()
    moved = [n for n in weights[0] if n.startswith("audio_tower.stages.3") and "conv" not in n]
    assert moved
    for name in moved:
        assert torch.allclose(weights[0][name], weights[1][name], atol=3e-3), name


def test_a_tower_in_training_hears_what_it_hears_in_use(parts, source):
    model, tokenizer = parts
    embed = Embedder(model.eval(), tokenizer, 0.0, SpecAugment(), False, "cpu")
    batch = source.draw(np.random.default_rng(0), 6)
    with torch.no_grad():
        x, y = embed(batch)
    lengths = batch.samples.tolist()
    assert len(set(lengths)) > 1
    audio_encoder = AudioEncoder(model)
    alone = [
        audio_encoder.log_mel(r[:n].numpy()) for r, n in zip(batch.audio, lengths, strict=True)
    ]
    assert torch.allclose(x, model.audio_head(audio_encoder.features(alone)), atol=1e-5)
    heads = model.text_head(TextEncoder(model, tokenizer).features(batch.captions))
    assert torch.allclose(y, heads, atol=1e-5)


TEXT = TextEncoderSpec(vocabulary=20, width=16, layers=2, heads=2, inner_width=32, positions=32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("make", [Compact, EfficientAt, ResNet38, lambda: BertTower(TEXT)])
def test_a_tower_is_one_graph_for_the_compiler(make):
    """A break would cost what compiling gains; ``eager`` traces as any backend does."""
    torch.compiler.reset()
    tower = make().eval()
    if isinstance(tower, BertTower):
        given = (torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]]).bool())
    else:
        bands = 64 if isinstance(tower, ResNet38) else 128
        given = (torch.randn(2, bands, 80), torch.tensor([80, 66]))
    compiled = torch.compile(tower, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(*given), tower(*given), atol=1e-5)


def test_a_compiled_run_calls_the_compiled_towers_and_keeps_plain_names(run, monkeypatch):
    called = []

    def compiling(module):
        def call(*given):
            called.append(type(module).__name__)
            return module(*given)

        return call

    monkeypatch.setattr(torch, "compile", compiling)
    one = run("compiled", compiled=True)
    called.clear()
    one.train_step()
    assert set(called) == {"Compact", "BertTower"}
    assert set(one.model.state_dict()) == set(run("plain").model.state_dict())


def test_validation_asks_with_every_caption_and_tells_what_it_cannot_hear(parts, sounds, tmp_path):
    model, tokenizer = parts
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"nothing")
    told = []
    exam = Validation(
        AudioEncoder(model.eval()),
        tokenizer,
        [sounds[0], Captioned(broken, ("a tone",)), *sounds[1:]],
        0.3,
        Control(),
        "cpu",
        lambda path, reason: told.append(path),
    )
    assert told == [broken]
    assert exam.paths == [sound.path for sound in sounds]
    assert len(exam.texts) == 12
    owned = [[t for t, own in zip(exam.texts, row, strict=True) if own] for row in exam.relevant]
    assert [tuple(texts) for texts in owned] == [sound.captions for sound in sounds]
    assert exam.log_mels[-1].shape[1] == model.spec.front_end.frames(int(0.3 * RATE))
    u, v = exam.embed(model)
    assert u.shape == (6, model.spec.rank)
    assert v.shape == (12, model.spec.rank)
    assert set(exam(model)) == {*RISING, "modality_gap"}


def test_the_modality_gap_of_a_validation_is_that_of_embeddings_whatever_the_metric(parts, sounds):
    model, tokenizer = parts
    exam = Validation(AudioEncoder(model.eval()), tokenizer, sounds, 0.3, Control())
    before = exam(model)["modality_gap"]
    x, _ = exam.embeddings(model)
    assert x.norm(dim=1).allclose(torch.ones(len(x)))
    with torch.no_grad():
        model.metric.factor.mul_(30.0)  # as large as the paper's start of M makes it
    assert before > 0
    assert exam(model)["modality_gap"] == pytest.approx(before, rel=1e-5)
    assert exam.embed(model)[0].allclose(30.0 * x)


def test_validation_without_a_sound_is_told(parts, tmp_path):
    model, tokenizer = parts
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    sounds = [Captioned(tmp_path / "broken.wav", ("a tone",))]
    with pytest.raises(InputError, match="none of the validation sounds"):
        Validation(AudioEncoder(model), tokenizer, sounds, 1.0, Control())
