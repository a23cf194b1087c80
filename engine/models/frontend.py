"""The front end: mono waveform in, normalised log-mel frames out.

Both audio towers hear through the same front end, so that one cached spectrogram
serves the teacher and the student.  The description is EfficientAT's (Schmid et al.,
ICASSP 2023): pre-emphasis, power STFT, Kaldi-style mel bands, natural logarithm.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.spec import SHORTEST_SAMPLES, FrontEnd
from engine.torch_setup import prepare_torchaudio


def mel_filters(front_end: FrontEnd) -> Tensor:
    """Return Kaldi-style mel filters, shape (mel_bands, fft_samples // 2 + 1).

    The Nyquist bin gets no weight, as in Kaldi.
    """
    prepare_torchaudio()
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


class LogMel(torch.nn.Module):
    """Turn waveforms into normalised log-mel frames as a :class:`FrontEnd` says."""

    window: Tensor
    filters: Tensor

    def __init__(self, front_end: FrontEnd) -> None:
        super().__init__()
        self.front_end = front_end
        window = torch.hann_window(front_end.window_samples, periodic=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", mel_filters(front_end), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the log-mel of ``waveform``.

        :param waveform: (..., samples), mono at ``rate_hz``, full scale ±1; shorter than
            50 ms is filled up with silence.
        :return: (..., mel_bands, frames).
        """
        fe = self.front_end
        missing = SHORTEST_SAMPLES - waveform.shape[-1]
        if missing > 0:
            waveform = torch.nn.functional.pad(waveform, (0, missing))
        flat = waveform.reshape(-1, waveform.shape[-1]).float()
        emphasised = flat[:, 1:] - fe.preemphasis * flat[:, :-1]
        spectrum = torch.stft(
            emphasised,
            fe.fft_samples,
            hop_length=fe.hop_samples,
            win_length=fe.window_samples,
            window=self.window,
            center=True,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        mel = torch.matmul(self.filters, power)
        log_mel = (torch.log(mel + fe.log_offset) + fe.shift) / fe.scale
        return log_mel.reshape(*waveform.shape[:-1], *log_mel.shape[-2:])
