"""Measure the loudness of sounds that were heard before it was measured on the way."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from engine.audio.loudness import Loudness, loudness_of
from engine.errors import AudioError
from engine.log import logger, named
from engine.progress import Cancelled, Control, Progress
from engine.store import Library, MeasuredLoudness
from engine.store.loudness import put_loudness, unmeasured

_log = logger(__name__)
_COMMIT_S = 5.0
_DIGITS = 2
_AT_MOST = 50  # files in a piece: each that cannot be read costs little, a drive of them does not


def measured(loudness: Loudness) -> MeasuredLoudness:
    """Return what was measured as it is stored, in hundredths."""
    span = loudness.range_lu
    return MeasuredLoudness(
        round(loudness.lufs, _DIGITS),
        round(span, _DIGITS) if span is not None else None,
        round(loudness.peak_db, _DIGITS),
    )


def measure_waiting(
    library: Library, control: Control, threads: int = 1, roots: Collection[str] | None = None
) -> int:
    """Measure what waits and commit as it goes, also when cancelled; return how many were measured.

    A file that cannot be read now is passed over, and waits on.

    :param roots: only what lies under these folders.
    :raises Cancelled: the user asked to stop; what was done is kept.
    """
    waiting = unmeasured(library, roots)
    found: dict[int, MeasuredLoudness] = {}
    done, count, since = 0, 0, time.monotonic()
    try:
        for sound_id, loudness in _measured(waiting, control, threads):
            done += 1
            if loudness is not None:
                found[sound_id] = loudness
                count += 1
            if time.monotonic() - since > _COMMIT_S:
                put_loudness(library, found)
                found, since = {}, time.monotonic()
            control.report(Progress("measuring loudness", done, len(waiting)))
    finally:
        put_loudness(library, found)
    return count


def measure_some(
    library: Library, control: Control, seconds: float, behind: int = 0
) -> dict[int, MeasuredLoudness | None]:
    """Measure some waiting sounds in the order of their ids, for about so long, and write nothing.

    :param behind: only sounds with a higher id.
    :returns: loudness by id, None of what cannot be read; empty where nothing waits.
    :raises Cancelled: the user asked to stop.
    """
    end = time.monotonic() + seconds
    found: dict[int, MeasuredLoudness | None] = {}
    for sound_id, path in unmeasured(library, behind=behind, most=_AT_MOST).items():
        found[sound_id] = _measure(path, control)
        if time.monotonic() > end:
            break
    return found


def _measured(
    waiting: Mapping[int, str], control: Control, threads: int
) -> Iterator[tuple[int, MeasuredLoudness | None]]:
    """Yield each sound's loudness, in order, a few at a time."""
    left = iter(waiting.items())
    with ThreadPoolExecutor(threads, "loudness") as readers:
        while some := list(islice(left, 2 * threads)):
            futures = [(i, readers.submit(_measure, path, control)) for i, path in some]
            for sound_id, future in futures:
                yield sound_id, future.result()
            if control.cancel():
                raise Cancelled


def _measure(path: str, control: Control) -> MeasuredLoudness | None:
    try:
        return measured(loudness_of(Path(path), Control(cancel=control.cancel)))
    except (AudioError, OSError) as error:
        _log.debug("%s cannot be measured", named(path), exc_info=error)
        return None
