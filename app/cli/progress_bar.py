"""A progress bar on standard error that Ctrl-C ends cleanly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.report import time_left
from engine.plain_text import one_line
from engine.progress import Control, Progress, stop_signals

if TYPE_CHECKING:
    from tqdm import tqdm

_WITHOUT_TIME = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"


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
        if not sys.stderr.isatty():
            return
        from tqdm import tqdm  # here, for it takes a while to import

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
            )
        said = [progress.note] if progress.note else []
        if progress.left_s is not None:  # of all stages, where the bar's own is of this one
            self._bar.bar_format = _WITHOUT_TIME
            said.append(time_left(progress.left_s))
        self._bar.update(progress.done - self._bar.n)
        self._bar.set_postfix_str(one_line(", ".join(said)), refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
