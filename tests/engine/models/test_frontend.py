import numpy as np
import pytest
import torch

from engine.models import clap, panns
from engine.models.frontend import LogMel, mel_filters
from engine.models.spec import FrontEnd


def test_a_tone_lights_the_band_it_lies_in():
    t = np.arange(32000) / 32000
    tone = torch.from_numpy(np.sin(2 * np.pi * 1000 * t)).float()
    frames = LogMel(FrontEnd())(tone)
    loudest = int(frames.mean(1).argmax())
    filters = mel_filters(FrontEnd())
    centre_hz = float(filters[loudest].argmax()) * 32000 / 1024
    assert centre_hz == pytest.approx(1000, abs=35)


def test_it_computes_what_its_description_says():
    front_end = FrontEnd()
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.1, 16000).astype(np.float32)
    frames = LogMel(front_end)(torch.from_numpy(samples)).numpy()
    emphasised = samples[1:] - 0.97 * samples[:-1]
    padded = np.pad(emphasised.astype(np.float64), 512, mode="reflect")
    window = np.zeros(1024)
    window[112:912] = np.hanning(800)
    at = 20 * 320
    power = np.abs(np.fft.rfft(padded[at : at + 1024] * window)) ** 2
    expected = (np.log(mel_filters(front_end).numpy() @ power + 1e-5) + 4.5) / 5
    assert np.abs(frames[:, 20] - expected).max() < 1e-3


@pytest.mark.parametrize("front_end", [FrontEnd(), panns.FRONT_END, clap.FRONT_END])
def test_bands_of_few_bins_are_summed_as_all_bins_would_be(front_end):
    log_mel = LogMel(front_end)
    power = torch.rand(2, front_end.fft_samples // 2 + 1, 7, dtype=torch.float64)
    in_bands = log_mel.double()._in_bands(power)
    assert torch.allclose(in_bands, log_mel.filters @ power, rtol=1e-12)


@pytest.mark.parametrize("samples", [1, 100, 1600, 31999, 32000, 320000])
def test_the_number_of_frames_is_the_promised_one(samples):
    front_end = FrontEnd()
    frames = LogMel(front_end)(torch.zeros(samples))
    assert frames.shape == (128, front_end.frames(samples))


def test_silence_lies_on_the_floor():
    frames = LogMel(FrontEnd())(torch.zeros(32000))
    assert torch.allclose(frames, torch.full_like(frames, FrontEnd().floor), atol=1e-5)


@pytest.mark.parametrize("front_end", [FrontEnd(), panns.FRONT_END, clap.FRONT_END])
def test_a_padded_batch_is_heard_as_its_sounds_are_alone(front_end):
    """What is trained on must sound like what is searched: filled up, and mirrored at its end."""
    lengths = [round(s * front_end.rate_hz) for s in (0.02, 0.7, 3.1, 4.0, 9.999, 11.3)]
    sounds = [0.1 * torch.randn(length) for length in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
    log_mel = LogMel(front_end)
    together = log_mel(batch, torch.tensor(lengths))
    for row, sound in zip(together, sounds, strict=True):
        alone = log_mel(sound)
        assert alone.shape[1] == front_end.frames(len(sound))
        assert torch.allclose(row[:, : alone.shape[1]], alone, atol=1e-4)
    padded = log_mel(batch)[1][:, : front_end.frames(lengths[1])]
    assert not torch.allclose(padded, log_mel(sounds[1]), atol=0.1)  # what lengths are needed for
