"""Batches drawn ahead of the step that asks for them, by threads.

What takes time in drawing is copying samples out of a mapped file, which Python's lock does
not hold up; and a batch is a function of seed and step, so that threads change nothing but
when it is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from trainer.data.pairs import ALL, Batch, PairSource


class Loader:
    """Gives the batch of a step, whichever is asked for; draws those after it meanwhile.

    :param share: this process's rows, the only ones whose sounds are read.
    :param workers: threads that draw, and how many batches wait at most; with none a batch is
        drawn when it is asked for.
    :param steps: how many there are; none after them is drawn.
    :param pinned: whether batches lie in memory that a GPU can copy from by itself.
    """

    def __init__(
        self,
        source: PairSource,
        seed: int,
        size: int,
        share: slice = ALL,
        workers: int = 0,
        steps: int | None = None,
        pinned: bool = False,
    ) -> None:
        self.source, self.seed, self.size, self.share = source, seed, size, share
        self.workers, self.steps, self.pinned = workers, steps, pinned
        self.waited_s = 0.0  # by those who asked
        self._pool: ThreadPoolExecutor | None = None
        self._drawn: dict[int, Future[Batch]] = {}

    def __call__(self, step: int) -> Batch:
        """Return the batch of a step."""
        began = time.perf_counter()
        batch = self._ahead(step) if self.workers else self._draw(step)
        self.waited_s += time.perf_counter() - began
        return batch

    def close(self) -> None:
        """Draw no more; a later call begins anew."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool = None
        self._drawn.clear()

    def _ahead(self, step: int) -> Batch:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.workers, "draws batches")
        last = step + self.workers
        if self.steps is not None:
            last = min(last, max(step, self.steps - 1))
        wanted = range(step, last + 1)
        for other in [other for other in self._drawn if other not in wanted]:
            self._drawn.pop(other).cancel()
        submit: Callable[..., Future[Batch]] = self._pool.submit
        for other in wanted:
            if other not in self._drawn:
                self._drawn[other] = submit(self._draw, other)
        return self._drawn.pop(step).result()

    def _draw(self, step: int) -> Batch:
        rng = np.random.default_rng((self.seed, step))
        batch = self.source.draw(rng, self.size, self.share)
        return batch.pinned() if self.pinned else batch
