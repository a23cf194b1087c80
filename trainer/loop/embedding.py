"""From a batch of sounds and captions to embeddings, with what training adds on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.models.match_model import MatchModel
from engine.models.text_towers import CaptionTokenizer
from trainer.data.augment import SpecAugment, augmented
from trainer.data.pairs import Batch

Tower = Callable[..., Tensor]
_TEXTS_AT_ONCE = 256
_SOUNDS_AT_ONCE = 32


@dataclass(frozen=True)
class LoaderConfig:
    """How a device is kept busy; what is learnt changes by no more than rounding.

    ``workers`` threads draw batches ahead.  ``compiled`` towers are traced and fused when they
    first run.  ``channels_last`` towers keep the channels of a map together, as convolutions in
    bfloat16 on a GPU want them (None: where the device is one).
    """

    workers: int = 0
    compiled: bool = False
    channels_last: bool | None = None


class Embedder:
    """Embeds pairs; a tower learns while its side is in ``free``.

    The features of captions that a frozen text tower has read are kept, in ``read`` if given:
    runs that start from one text tower may share them.
    """

    def __init__(
        self,
        model: MatchModel,
        tokenizer: CaptionTokenizer,
        feature_noise: float,
        augment: SpecAugment,
        mixed_precision: bool,
        device: str,
        read: dict[str, Tensor] | None = None,
        feeding: LoaderConfig | None = None,
    ) -> None:
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self.feature_noise, self.augment = feature_noise, augment
        self.mixed_precision = mixed_precision
        self.free: Collection[Literal["audio", "text"] | str] = ()
        self._read = {} if read is None else read
        feeding, on_gpu = feeding or LoaderConfig(), torch.device(device).type == "cuda"
        if on_gpu if feeding.channels_last is None else feeding.channels_last:
            model.audio_tower.to(memory_format=torch.channels_last)
        self._audio_tower: Tower = model.audio_tower
        self._text_tower: Tower = model.text_tower
        if feeding.compiled:
            self._audio_tower = torch.compile(model.audio_tower)
            self._text_tower = torch.compile(model.text_tower)

    def __call__(self, part: Batch) -> tuple[Tensor, Tensor]:
        """Return embeddings z (b, d) of the sounds and the captions of a part."""
        x = self.model.audio_head(self._noisy(self._audio_features(part)))
        y = self.model.text_head(self._text_features(part.captions))
        return x, y

    @torch.no_grad()
    def freeze(self, texts: Collection[str]) -> None:
        """Read captions once, with the text tower as it is."""
        ordered = sorted(set(texts) - set(self._read), key=lambda text: (len(text), text))
        for start in range(0, len(ordered), _TEXTS_AT_ONCE):
            part = ordered[start : start + _TEXTS_AT_ONCE]
            self._read.update(zip(part, self._encode(part).cpu(), strict=True))

    @torch.no_grad()
    def features_of(self, sample: Batch, texts: Collection[str]) -> tuple[Tensor, Tensor]:
        """Return features of a sample's sounds, and of ``texts`` (if none, of its captions)."""
        audio = torch.cat([self._audio_features(part) for part in sample.split(_SOUNDS_AT_ONCE)])
        if texts:
            return audio, torch.stack([self._read[text] for text in texts]).to(self.device)
        return audio, torch.cat([self._encode(p.captions) for p in sample.split(_TEXTS_AT_ONCE)])

    def _audio_features(self, part: Batch) -> Tensor:
        if part.samples is None:
            return part.audio.to(self.device)
        front_end = self.model.spec.front_end
        frames = torch.tensor([front_end.frames(n) for n in part.samples.tolist()])
        with torch.no_grad():
            log_mel = self.model.log_mel(part.audio.to(self.device), part.samples.to(self.device))
            if self.model.training:
                log_mel = augmented(log_mel, front_end, self.augment)
        even = bool((frames == log_mel.shape[-1]).all())  # then nothing has to be masked
        learns = "audio" in self.free and torch.is_grad_enabled()
        with torch.set_grad_enabled(learns), self._autocast():
            features = self._audio_tower(log_mel, None if even else frames.to(self.device))
        return features.float()

    def _text_features(self, captions: list[str]) -> Tensor:
        if "text" in self.free:
            return self._encode(captions)
        if all(text in self._read for text in captions):
            return torch.stack([self._read[text] for text in captions]).to(self.device)
        with torch.no_grad():
            return self._encode(captions)

    def _encode(self, captions: list[str]) -> Tensor:
        ids, mask = self.tokenizer(captions)
        with self._autocast():
            features = self._text_tower(ids.to(self.device), mask.to(self.device))
        return features.float()

    def _autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.mixed_precision)

    def _noisy(self, features: Tensor) -> Tensor:
        if not self.feature_noise or not self.model.training:
            return features
        noise = torch.randn(features.shape).to(self.device)
        return features + self.feature_noise * self.model.audio_head.deviation * noise
