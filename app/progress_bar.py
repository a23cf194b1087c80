"""A progress bar on standard error that Ctrl-C ends cleanly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from engine.plain_text import one_line
from engine.progress import Control, Progress, stop_signals


@contextmanager
def progress_bar() -> Iterator[Control]:
    """Give a control that draws one bar a stage, where standard error is a terminal."""
    bars = _Bars()
    with stop_signals() as stop:
        try:
            yield Control(bars.update, stop)
        finally:
            bars.close()


class _Bars:
    """The bar of the stage that is running."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm[None] | None = None

    def update(self, progress: Progress) -> None:
        """Show progress, in a new bar if a new stage has begun."""
        if self._bar is None or progress.stage != self._stage:
            self.close()
            self._stage = progress.stage
            self._bar = tqdm(
                total=progress.total,
                desc=one_line(progress.stage),
                file=sys.stderr,
                leave=False,
                dynamic_ncols=True,
                mininterval=0.2,
                disable=None,  # silent where standard error is not a terminal
            )
        self._bar.update(progress.done - self._bar.n)
        self._bar.set_postfix_str(one_line(progress.note), refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
