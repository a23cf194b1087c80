"""How a model in training does on a validation set, end to end or on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.audio.decode import decode
from engine.errors import AudioError, InputError
from engine.models.frontend import LogMel
from engine.models.match_model import AudioEncoder, MatchModel, TextEncoder
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control, Progress
from engine.torch_setup import using_threads
from engine.transport import mahalanobis_cost
from trainer.data.cache import in_order
from trainer.data.sets import Captioned, Tell
from trainer.evaluation.metrics import modality_gap, retrieval

_RECALLS = ("text_to_audio_r1", "text_to_audio_r10", "audio_to_text_r1", "audio_to_text_r10")
RISING = ("score", *_RECALLS)  # figures of a validation that are better when higher


class Validation:
    """Captioned sounds, decoded once into log-mels; call it with a model.

    Figures are ``plain`` text→audio and audio→text retrieval; ``score`` is their mean R@1.
    They are measured on ``device``, in float32, whatever the run trains in.

    :param tell: hears of sounds that cannot be decoded.
    """

    def __init__(
        self,
        audio_encoder: AudioEncoder,
        tokenizer: CaptionTokenizer,
        sounds: Sequence[Captioned],
        longest_s: float,
        control: Control,
        device: str = "cpu",
        tell: Tell = lambda path, reason: None,
    ) -> None:
        self.tokenizer, self.device = tokenizer, device
        front_end = audio_encoder.model.spec.front_end
        log_mel = LogMel(front_end)

        def log_mel_of(sound: Captioned) -> Tensor:
            samples = decode(sound.path, front_end.rate_hz)[: int(longest_s * front_end.rate_hz)]
            frames: Tensor = log_mel(torch.from_numpy(samples)).half()
            return frames

        self.log_mels: list[Tensor] = []
        self.paths: list[Path] = []
        owned: list[tuple[str, ...]] = []
        with using_threads(1):  # for each of those that decode
            for number, (sound, heard) in enumerate(in_order(log_mel_of, sounds)):
                control.report(Progress("decoding validation", number, len(sounds)))
                try:
                    self.log_mels.append(heard.result())
                except AudioError as error:
                    tell(sound.path, str(error))
                    continue
                self.paths.append(sound.path)
                owned.append(sound.captions)
        if not owned:
            raise InputError("none of the validation sounds can be decoded")
        self.texts = sorted({text for texts in owned for text in texts})
        place = {text: column for column, text in enumerate(self.texts)}
        self.relevant = torch.zeros(len(owned), len(self.texts), dtype=torch.bool)
        for row, texts in enumerate(owned):
            self.relevant[row, [place[text] for text in texts]] = True

    @torch.inference_mode()
    def __call__(self, model: MatchModel) -> dict[str, float]:
        """Return the model's figures."""
        x, y = self.embeddings(model)
        u, v = _mapped(model, x, y)
        cost = mahalanobis_cost(u, v)
        asked = self.relevant.nonzero()
        forward, backward = retrieval(cost, self.relevant)
        return {
            "score": (forward["r1"] + backward["r1"]) / 2,
            "text_to_audio_r1": forward["r1"],
            "text_to_audio_r10": forward["r10"],
            "audio_to_text_r1": backward["r1"],
            "audio_to_text_r10": backward["r10"],
            "modality_gap": modality_gap(x[asked[:, 0]], y[asked[:, 1]]),
        }

    @torch.inference_mode()
    def embed(self, model: MatchModel) -> tuple[Tensor, Tensor]:
        """Return mapped vectors of the sounds and of the distinct captions, on the CPU."""
        return _mapped(model, *self.embeddings(model))

    @torch.inference_mode()
    def embeddings(self, model: MatchModel) -> tuple[Tensor, Tensor]:
        """Return what :meth:`embed` does before the metric maps it: z of length 1.

        The model moves to the device of this validation.
        """
        model = model.to(self.device)
        features = AudioEncoder(model).features([m.float() for m in self.log_mels])
        x = model.audio_head(features.to(model.device))
        return x.cpu(), TextEncoder(model, self.tokenizer).embed(self.texts).cpu()


def _mapped(model: MatchModel, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    u, v = (model.metric(z.to(model.device)).cpu() for z in (x, y))
    return u, v
