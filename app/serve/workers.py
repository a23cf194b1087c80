"""Operations, carried out a few at a time beside the thread that listens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter

from app.serve.desk import Desk

_AT_ONCE = 4  # the model answers one at a time; words, facts and copies need not wait for it


class Workers:
    """Threads that answer questions at one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @cached_property
    def _limiter(self) -> CapacityLimiter:
        return CapacityLimiter(_AT_ONCE)  # belongs to the loop that first asks

    async def run(self, work: Callable[[Desk], Any]) -> Any:
        """Return what work at the desk returns, done in a thread when one is free."""
        return await anyio.to_thread.run_sync(self._done, work, limiter=self._limiter)

    def _done(self, work: Callable[[Desk], Any]) -> Any:
        self._desk.keep_fresh()
        return work(self._desk)
