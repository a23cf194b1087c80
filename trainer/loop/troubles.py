"""What can stop a long run, in sentences that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.errors import InputError


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn want of memory or disk inside a run into a sentence.

    :raises InputError: memory or disk ran out; the last checkpoint in ``folder`` is whole.
    """
    kept = f"the last checkpoint in {folder} is whole: start again to go on from it"
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"the disk of {folder} is full: free some space; {kept}") from error
        raise
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if not _wants_memory(error):
            raise
        raise InputError(
            f"memory ran out: lower --micro-batch (changes no result) or --batch; {kept}"
        ) from error


def _wants_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return "can't allocate memory" in words or "not enough memory" in words
