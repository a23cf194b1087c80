from pathlib import Path

import pytest
import torch

from engine.models.compact import Compact
from engine.models.efficientat import EfficientAt
from engine.models.layers import frame_mask, masked_mean
from engine.models.pair import Pair


def settled(tower: torch.nn.Module) -> torch.nn.Module:
    """Give a random tower batch statistics other than the trivial ones."""
    tower.train()
    with torch.no_grad():
        for _ in range(3):
            tower(torch.randn(4, 128, 96))
    return tower.eval()


@pytest.fixture(params=[Compact, EfficientAt, Pair], ids=["compact", "efficientat", "pair"])
def tower(request: pytest.FixtureRequest) -> torch.nn.Module:
    return settled(request.param())


@pytest.mark.parametrize("frames", [1, 5, 31, 32, 33, 100])
def test_padding_never_changes_an_embedding(tower, frames):
    clip = torch.randn(1, 128, frames)
    padded = torch.cat([clip, 7 * torch.ones(1, 128, 64)], dim=2)
    with torch.no_grad():
        alone = tower(clip)
        inside = tower(padded, torch.tensor([frames]))
    assert torch.allclose(alone, inside, atol=1e-5, rtol=1e-5)


def test_a_batch_gives_what_its_members_give_alone(tower):
    lengths = [40, 99, 7, 64]
    batch = torch.zeros(4, 128, 99)
    clips = [torch.randn(128, length) for length in lengths]
    for row, clip in zip(batch, clips, strict=True):
        row[:, : clip.shape[1]] = clip
    with torch.no_grad():
        together = tower(batch, torch.tensor(lengths))
        for row, clip in zip(together, clips, strict=True):
            assert torch.allclose(row, tower(clip[None])[0], atol=1e-5, rtol=1e-5)


def test_all_of_them_give_384_features(tower):
    assert tower(torch.randn(2, 128, 50)).shape == (2, 384)


def test_a_pair_hears_the_mean_of_what_both_hear():
    pair, log_mel, lengths = settled(Pair()), torch.randn(2, 128, 50), torch.tensor([50, 31])
    with torch.no_grad():
        heard = pair(log_mel, lengths)
        apart = [tower(log_mel, lengths) for tower in (pair.efficientat, pair.compact)]
    assert not torch.allclose(*apart, atol=0.01)
    assert torch.allclose(heard, torch.stack(apart).mean(0), atol=1e-6)


def test_the_compact_tower_is_compact():
    parameters = sum(p.numel() for p in Compact().parameters())
    assert 1_000_000 <= parameters <= 6_000_000


def test_the_masked_mean_counts_real_frames_only():
    x = torch.arange(12.0).reshape(1, 1, 2, 6)
    mask = frame_mask(torch.tensor([4]), 6)
    assert masked_mean(x, mask).item() == pytest.approx(x[..., :4].mean().item())


@pytest.fixture(scope="module")
def teacher(data: Path) -> EfficientAt:
    from trainer.recipes.teacher import load_teacher

    return load_teacher(data / "weights" / "mn04_as_mAP_432.pt")


def test_the_authors_checkpoint_fits_the_architecture_exactly(teacher):
    assert sum(p.numel() for p in teacher.parameters()) == pytest.approx(983_000, abs=20_000)


def test_the_teacher_names_real_sounds(teacher, data):
    """Its logits, with nothing but class names, tell the development classes apart."""
    from engine.audio.decode import decode
    from engine.models.frontend import LogMel
    from engine.models.spec import FrontEnd
    from trainer.data.manifest import labelled_clips
    from trainer.data.pairs import read_tag_names

    names = read_tag_names(data)
    of_label = {
        "dog barking": "Dog",
        "rain": "Rain",
        "sea waves": "Waves, surf",
        "baby crying": "Baby cry, infant cry",
        "clock ticking": "Tick-tock",
        "helicopter": "Helicopter",
        "chainsaw": "Chainsaw",
        "rooster crowing": "Crowing, cock-a-doodle-doo",
    }
    clips = [c for c in labelled_clips(data, "esc50_dev") if c.merged in of_label]
    assert {clip.merged for clip in clips} == set(of_label)
    columns = [names.index(of_label[label]) for label in sorted(of_label)]
    log_mel = LogMel(FrontEnd())
    right = 0
    with torch.no_grad():
        for clip in clips:
            frames = log_mel(torch.from_numpy(decode(clip.path, 32000)))
            logits = teacher.logits(teacher(frames[None]))[0, columns]
            right += sorted(of_label)[int(logits.argmax())] == clip.merged
    assert right / len(clips) >= 0.9
