"""How a model in training does on a validation set, end to end or on frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.audio.decode import decode
from engine.errors import AudioError, InputError
from engine.models.match_model import Captioner, Listener, MatchModel
from engine.models.text_towers import CaptionTokenizer
from engine.progress import Control, Progress
from engine.transport import mahalanobis_cost
from trainer.data.sets import Captioned
from trainer.evaluation.metrics import modality_gap, retrieval


class Validation:
    """Captioned sounds, decoded once into log-mels; call it with a model.

    Figures are ``plain`` text→audio and audio→text retrieval; ``score`` is their mean R@1.
    """

    def __init__(
        self,
        listener: Listener,
        tokenizer: CaptionTokenizer,
        sounds: Sequence[Captioned],
        longest_s: float,
        control: Control,
    ) -> None:
        self.tokenizer = tokenizer
        rate_hz = listener.model.spec.front_end.rate_hz
        self.log_mels: list[Tensor] = []
        owned: list[tuple[str, ...]] = []
        for number, sound in enumerate(sounds):
            control.report(Progress("decoding validation", number, len(sounds)))
            try:
                samples = decode(sound.path, rate_hz)[: int(longest_s * rate_hz)]
            except AudioError:
                continue
            self.log_mels.append(listener.log_mel(samples).half())
            owned.append(sound.captions)
        if not owned:
            raise InputError("no sound of the validation set can be decoded")
        self.texts = sorted({text for texts in owned for text in texts})
        self.relevant = torch.tensor([[t in texts for t in self.texts] for texts in owned])

    @torch.inference_mode()
    def __call__(self, model: MatchModel) -> dict[str, float]:
        """Return the model's figures."""
        u, v = self.embed(model)
        cost = mahalanobis_cost(u, v)
        asked = self.relevant.nonzero()
        forward, backward = retrieval(cost, self.relevant)
        return {
            "score": (forward["r1"] + backward["r1"]) / 2,
            "text_to_audio_r1": forward["r1"],
            "text_to_audio_r10": forward["r10"],
            "audio_to_text_r1": backward["r1"],
            "audio_to_text_r10": backward["r10"],
            "modality_gap": modality_gap(u[asked[:, 0]], v[asked[:, 1]]),
        }

    def embed(self, model: MatchModel) -> tuple[Tensor, Tensor]:
        """Return mapped vectors of the sounds and of the distinct captions, on the CPU."""
        model = model.to("cpu")
        features = Listener(model).features([frames.float() for frames in self.log_mels])
        return model.map_features(features), Captioner(model, self.tokenizer)(self.texts)
