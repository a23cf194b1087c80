"""What tests start by torchrun: `fit` without dropout, which each process draws for itself.

``STOP=RANK:STEP`` lets one process wish to stop, ``FAIL=RANK:decoding`` or
``FAIL=RANK:training`` one fail.
"""

import os
import sys

import torch

from engine.errors import InputError
from engine.progress import Cancelled
from trainer.cli import main
from trainer.data import cache, sound_pairs
from trainer.recipes import fit

RANK = os.environ.get("RANK", "0")
torch.nn.Dropout.forward = lambda self, x: x  # type: ignore[method-assign]

if "STOP" in os.environ:
    who, _, step = os.environ["STOP"].partition(":")
    inner = fit.reporting

    def reporting(stage, steps, control):
        report = inner(stage, steps, control)

        def watch(at: int, loss: float) -> None:
            if who == RANK and at == int(step):
                raise Cancelled
            report(at, loss)

        return watch

    fit.reporting = reporting

if os.environ.get("FAIL") == f"{RANK}:decoding":

    def fail(*given: object, **named: object) -> None:
        raise InputError("the disk is full of nothing")

    cache.build_samples = fail

if os.environ.get("FAIL") == f"{RANK}:training":
    draw, drawn = sound_pairs.SoundPairs.draw, []

    def want(self, *given):
        drawn.append(1)
        if len(drawn) == 3:
            raise MemoryError
        return draw(self, *given)

    sound_pairs.SoundPairs.draw = want

sys.exit(main())
