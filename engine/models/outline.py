"""Names and shapes of a model's weights, none of which is allocated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from engine.models.encoders import audio_tower_entry
from engine.models.match_model import MatchModel
from engine.models.spec import ModelSpec


class _Unfilled(TorchFunctionMode):
    """Leave new weights as they are: to "fill" those that are not there imports a compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


def outline(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of all weights that ``spec`` asks for, allocating none."""
    with torch.device("meta"), _Unfilled():
        model = MatchModel(spec, ("text", "filed"))
        model.audio_tower = audio_tower_entry(spec.audio_tower).make(spec)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
