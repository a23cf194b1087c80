"""The front end: mono waveform in, normalised log-mel frames out.

One module serves every audio tower, as its :class:`FrontEnd` says: EfficientAT's and our own
(pre-emphasis, Kaldi-style mel bands, natural logarithm), PANNs' and CLAP's (librosa's mel
bands, decibels).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.spec import FrontEnd
from engine.torch_setup import prepare_torchaudio


def mel_filters(front_end: FrontEnd) -> Tensor:
    """Return mel filters, shape (mel_bands, fft_samples // 2 + 1).

    Kaldi gives the Nyquist bin no weight; slaney's bands have equal area.
    """
    prepare_torchaudio()
    if front_end.mel_scale != "kaldi":
        from torchaudio.functional import melscale_fbanks

        filters: Tensor = melscale_fbanks(
            front_end.fft_samples // 2 + 1,
            front_end.low_hz,
            front_end.high_hz,
            front_end.mel_bands,
            front_end.rate_hz,
            "slaney" if front_end.mel_scale == "slaney" else None,
            front_end.mel_scale,
        )
        return filters.T.contiguous()
    from torchaudio.compliance.kaldi import get_mel_banks

    triangles, _ = get_mel_banks(
        front_end.mel_bands,
        front_end.fft_samples,
        float(front_end.rate_hz),
        front_end.low_hz,
        front_end.high_hz,
        100.0,  # the warping of vocal-tract normalisation, which a factor of 1 switches off
        -500.0,
        1.0,
    )
    return torch.nn.functional.pad(triangles, (0, 1))


def normalised(power: Tensor, front_end: FrontEnd) -> Tensor:
    """Return the log-mel of mel power of any shape."""
    offset = front_end.log_offset
    inside = power.clamp(min=offset) if front_end.clamped else power + offset
    return (inside.log() + front_end.shift) / front_end.scale


def mel_power(log_mel: Tensor, front_end: FrontEnd) -> Tensor:
    """Return the mel power of a log-mel of any shape: :func:`normalised` undone."""
    inside = (log_mel * front_end.scale - front_end.shift).exp()
    return inside if front_end.clamped else (inside - front_end.log_offset).clamp(min=0.0)


class LogMel(torch.nn.Module):
    """Turn waveforms into normalised log-mel frames as a :class:`FrontEnd` says."""

    window: Tensor
    filters: Tensor

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.front_end = front_end
        window = torch.hann_window(front_end.window_samples, periodic=front_end.periodic)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", mel_filters(front_end), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the log-mel of ``waveform``.

        :param waveform: (..., samples), mono at ``rate_hz``, full scale ±1; shorter than
            50 ms (or than the front end's ``fill_s``) is filled up.
        :return: (..., mel_bands, frames).
        """
        fe = self.front_end
        flat = self._filled(waveform.reshape(-1, waveform.shape[-1]).float())
        if fe.preemphasis:
            flat = flat[:, 1:] - fe.preemphasis * flat[:, :-1]
        spectrum = torch.stft(
            flat,
            fe.fft_samples,
            hop_length=fe.hop_samples,
            win_length=fe.window_samples,
            window=self.window,
            center=True,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = normalised(torch.matmul(self.filters, power), fe)
        return log_mel.reshape(*waveform.shape[:-1], *log_mel.shape[-2:])

    def _filled(self, flat: Tensor) -> Tensor:
        fewest, samples = self.front_end.fewest_samples, flat.shape[-1]
        if samples >= fewest:
            return flat
        if self.front_end.fill_s and samples:
            flat = flat.repeat(1, fewest // samples)
        return torch.nn.functional.pad(flat, (0, fewest - flat.shape[-1]))
