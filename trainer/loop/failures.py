"""What can stop a long run, in sentences that say what to do."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors import SafetensorError

from engine.errors import InputError
from trainer.loop.checkpoint import has_checkpoint
from trainer.loop.parallel import FailedElsewhere, processes

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COMPILERS = ("torch._dynamo.", "torch._inductor.")
_LOST = ("connection closed by peer", "connection reset by peer", "connection was closed")


@contextmanager
def sentences_for_failures(folder: Path) -> Iterator[None]:
    """Turn want of memory, disk or a compiler inside a run into a sentence.

    :raises InputError: memory or disk ran out, the last checkpoint in ``folder`` being whole; or
        towers that should be compiled cannot be.
    :raises FailedElsewhere: another process of the run is gone, and has told why.
    """
    try:
        yield
    except (OSError, SafetensorError, MemoryError, RuntimeError) as error:
        kept = f"start again to go on from the last checkpoint in {folder}, which is intact"
        if not has_checkpoint(folder):
            kept = "start again"
        if _wants_disk(error):
            raise InputError(
                f"the disk that holds {folder} is full: free some space and {kept}"
            ) from error
        if isinstance(error, RuntimeError) and _lost_another(error):
            raise FailedElsewhere from error
        if _wants_memory(error):
            raise InputError(
                "out of memory: lower --micro-batch (results stay the same) or --batch, and " + kept
            ) from error
        if type(error).__module__.startswith(_COMPILERS):
            why = next(iter(str(error).splitlines()), "").removesuffix(".")
            raise InputError(
                f"the towers cannot be compiled here ({why}): leave out --compile"
            ) from error
        raise


def check_finite(what: str, value: float, step: int, folder: Path) -> None:
    """Check a number of a step before it can enter the weights.

    :raises InputError: it is infinite or not a number.
    """
    if not math.isfinite(value):
        kept = f"; {folder} keeps the last good checkpoint" if has_checkpoint(folder) else ""
        raise InputError(
            f"the {what} is {value} at step {step}: lower the learning rates, in another "
            f"folder{kept}"
        )


def _wants_disk(error: BaseException) -> bool:
    """Whether a file could not grow; writers say so in their own ways."""
    said: BaseException | None = error
    while said is not None:
        if isinstance(said, OSError) and said.errno in _FULL:
            return True
        # safetensors keeps only the words of the system.
        if isinstance(said, SafetensorError) and any(os.strerror(e) in str(said) for e in _FULL):
            return True
        said = said.__cause__ or said.__context__
    return False


def _wants_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return "can't allocate memory" in words or "not enough memory" in words


def _lost_another(error: BaseException) -> bool:
    """Whether a process could not be reached; those that are left have no more to say.

    They may have left the group by now, so that it is no use to ask for it.
    """
    if processes() == 1:
        return False
    words = str(error).lower()
    return isinstance(error, dist.DistError) or any(part in words for part in _LOST)
