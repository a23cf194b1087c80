"""``soundsift work``: listen to what waits in a library that several computers share."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from app.cli import report
from app.cli.arguments import POSITIVE, Command, everywhere, flag, option
from app.cli.invocation import Invocation
from app.cli.progress_bar import progress_bar
from app.cli.terminal import tell
from engine.plain_text import one_line
from engine.session import THREADS
from engine.torch_setup import AUTO

if TYPE_CHECKING:
    from engine.index.waiting import Embedded
    from engine.store.records import Worker


@click.command(cls=Command)
@flag("--once", "end when nothing waits that is on this computer (default: keep working)")
@option(
    "--device",
    "device to run the model on: auto, cpu, cuda or mps (auto: a GPU if there is one)",
    "NAME",
    default=AUTO,
)
@option("--threads", f"threads that decode ({THREADS})", "N", type=POSITIVE, default=THREADS)
@everywhere
def work(invocation: Invocation, once: bool, device: str, threads: int) -> None:
    """Listen to what waits in a library on a server."""
    from engine.index.worker import Manner
    from engine.index.worker import work as listen
    from engine.store.claims import refuse_file
    from engine.torch_setup import find_device

    find_device(device)
    began = time.monotonic()
    with invocation.session(at_server=True) as session, progress_bar() as control:
        refuse_file(session.library)
        if not once:
            print("working; press Ctrl-C to stop", file=sys.stderr)
        manner = Manner(threads, device, once)
        done = listen(session.library, session.model_folder, control, manner, tell)
    took_s = time.monotonic() - began
    document = {
        "library": session.library.name,
        "heard": done.files,
        "skipped": done.skipped,
        "audio_s": done.audio_s,
        "took_s": took_s,
    }
    invocation.answer(document, _worked(done, took_s))


def at_work(working: Sequence[Worker]) -> str:
    """Return who listens, since when, and how much each has heard."""
    width = max(len(one_line(worker.name)) for worker in working)
    lines = ["workers:"]
    for worker in working:
        since = _moment(worker.began_ms)
        heard = f"{report.counted(worker.sounds, 'sound')} heard"
        rate = f", {worker.rate:.0f} s per second" if worker.busy_s else ""
        at = f", at {worker.at} now" if worker.at else ", waiting"
        lines.append(f"  {one_line(worker.name):<{width}}  since {since}: {heard}{rate}{at}")
    return "\n".join(lines)


def _moment(time_ms: int) -> str:
    """Return a moment as people here read it."""
    return datetime.fromtimestamp(time_ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def _worked(done: Embedded, took_s: float) -> str:
    """Return what a worker has heard."""
    told = f"{report.counted(done.files, 'sound')} heard"
    if done.skipped:
        told += f", {done.skipped} {report.SKIPPED}"
    speed = f"; {done.audio_s:.0f} s of audio" if done.audio_s else ""
    return f"{told} in {report.clock(took_s)}{speed}"
