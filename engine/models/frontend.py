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

_TOGETHER = 16  # bands that are summed by one product


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
        filters = mel_filters(front_end)
        self.register_buffer("filters", filters, persistent=False)
        self._reaches = [_reach(rows) for rows in _neighbours(filters)]

    def forward(self, waveform: Tensor, samples: Tensor | None = None) -> Tensor:
        """Return the log-mel of ``waveform``.

        :param waveform: (..., samples), mono at ``rate_hz``, full scale ±1; shorter than
            50 ms (or than the front end's ``fill_s``) is filled up.
        :param samples: (b,) of a batch (b, longest) of unequal sounds, padded with zeros: how
            many samples of each are real.  Each is then heard as it would be alone, in its
            first ``front_end.frames(samples)`` frames.
        :return: (..., mel_bands, frames).
        """
        fe, half = self.front_end, self.front_end.fft_samples // 2
        flat = waveform.reshape(-1, waveform.shape[-1]).float()
        flat = self._filled(flat) if samples is None else self._each_filled(flat, samples)
        if fe.preemphasis:
            flat = flat[:, 1:] - fe.preemphasis * flat[:, :-1]
        mirrored = flat[:, 1 : half + 1].flip(1), flat, flat[:, -half - 1 : -1].flip(1)
        flat = torch.cat(mirrored, dim=1)
        if samples is not None:
            flat = _each_reflected(flat, self._ends(samples), half)
        spectrum = torch.stft(
            flat,
            fe.fft_samples,
            hop_length=fe.hop_samples,
            win_length=fe.window_samples,
            window=self.window,
            center=False,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        log_mel = normalised(self._in_bands(power), fe)
        return log_mel.reshape(*waveform.shape[:-1], *log_mel.shape[-2:])

    def _in_bands(self, power: Tensor) -> Tensor:
        """Return the power (b, mel_bands, frames) in mel bands of that in bins (b, bins, frames).

        Neighbouring bands reach into few bins, and all others need not be multiplied with zero.
        """
        parts = zip(_neighbours(self.filters), self._reaches, strict=True)
        return torch.cat([rows[:, bins] @ power[:, bins] for rows, bins in parts], dim=1)

    def _filled(self, flat: Tensor) -> Tensor:
        fewest, samples = self.front_end.fewest_samples, flat.shape[-1]
        if samples >= fewest:
            return flat
        if self.front_end.fill_s and samples:
            flat = flat.repeat(1, fewest // samples)
        return torch.nn.functional.pad(flat, (0, fewest - flat.shape[-1]))

    def _each_filled(self, flat: Tensor, samples: Tensor) -> Tensor:
        """Fill every row (b, longest) up by its own length, as :meth:`_filled` fills one."""
        fewest = self.front_end.fewest_samples
        flat = torch.nn.functional.pad(flat, (0, max(0, fewest - flat.shape[-1])))
        if not self.front_end.fill_s or bool((samples >= fewest).all()):
            return flat
        own = samples[:, None].clamp(min=1)
        places = torch.arange(flat.shape[-1], device=flat.device)
        inside = places < own * (fewest // own).clamp(min=1)
        return flat.gather(1, places % own) * inside

    def _ends(self, samples: Tensor) -> Tensor:
        spare = 1 if self.front_end.preemphasis else 0
        return samples.clamp(min=self.front_end.fewest_samples) - spare


def _neighbours(filters: Tensor) -> list[Tensor]:
    """Return filters (mel_bands, bins) in parts of some bands each."""
    return [filters[first : first + _TOGETHER] for first in range(0, len(filters), _TOGETHER)]


def _reach(filters: Tensor) -> slice:
    """Return the bins, one at least, outside of which filters (bands, bins) are zero."""
    (inside,) = filters.any(0).nonzero(as_tuple=True)
    return slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 1)


def _each_reflected(padded: Tensor, ends: Tensor, half: int) -> Tensor:
    """Let every row end as its own sound would: mirrored, not with the silence behind it.

    :param padded: (b, half + longest + half), overwritten.
    :param ends: (b,) how many samples of each row are its own.
    """
    steps = torch.arange(half, device=padded.device)
    last = half + ends[:, None] - 1
    return padded.scatter_(1, last + 1 + steps, padded.gather(1, last - 1 - steps))
