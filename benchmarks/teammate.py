"""One of a team: searches and tags, and keeps a diary of it; or listens to what waits."""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.scale import BEST, texts
from benchmarks.studio import followed
from engine.errors import AwayError
from engine.index import ears
from engine.index.worker import Manner, work
from engine.progress import Control
from engine.session import Session
from engine.store import Library
from engine.tags.review import Review

SHARED = "for the trailer"  # a label on which all decide
_CONTESTED = 20  # sounds of which all decide whether they have it
_PAUSE_S = 0.05  # between what somebody does
_AGAIN_S = 0.5  # before one tries again
_FOLLOW_S = 5.0
_PATIENCE_S = 300.0
_ACTIONS = {"description": 5, "words": 2, "similar": 1, "tag": 2}  # how often, to each other

Pair = tuple[int, str]  # a sound's id and a label


@dataclass
class Diary:
    """What somebody did: seconds by action, the last decision on each pair, and what went wrong."""

    name: str
    took_s: dict[str, list[float]] = field(default_factory=dict)
    decided: dict[Pair, str] = field(default_factory=dict)
    decisions: int = 0
    away: int = 0
    errors: list[str] = field(default_factory=list)


def take_part(name: str, address: str, home: str, pipe: Any) -> None:
    """Search and tag, and send the diary; called in a process of its own.

    First the name is sent, when the client is warm; what comes back is until when to work, a moment
    of :func:`time.time`.
    """
    os.environ["SOUNDSIFT_HOME"] = home
    diary = Diary(name)
    try:
        with Session(followed(address)) as session:
            session.warm_up()
            pipe.send(name)
            _Teammate(session, diary).work(pipe.recv())
    except Exception:
        diary.errors.append(traceback.format_exc())
    pipe.send(diary)


def listen(address: str, home: str, pipe: Any) -> None:
    """Work as `soundsift work --once` does, and send what went wrong, or nothing.

    Called in a process of its own.  It begins again where the server was away at the beginning.
    """
    os.environ["SOUNDSIFT_HOME"] = home
    hear_exactly()
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with Session(Library(address)) as session:
                work(session.library, session.model_folder, Control(), Manner(once=True))
        except AwayError:
            if time.monotonic() < until:
                time.sleep(_AGAIN_S)
                continue
            pipe.send(traceback.format_exc())
        except Exception:
            pipe.send(traceback.format_exc())
        else:
            pipe.send("")
        return


def hear_exactly() -> None:
    """Hear in float32: whether bfloat16 is faster is measured, and another time another."""
    ears._WORTH_MEASURING = sys.maxsize


class _Teammate:
    def __init__(self, session: Session, diary: Diary) -> None:
        self._session, self._diary = session, diary
        self._review = Review(session.library)
        self._random = random.Random(diary.name)
        self._texts = texts()
        self._paths = {row.id: row.path for row in session.library.sounds().values()}
        self._ids = sorted(self._paths)
        self._followed = time.monotonic()

    def work(self, until: float) -> None:
        while time.time() < until:
            (action,) = self._random.choices(list(_ACTIONS), list(_ACTIONS.values()))
            self._done(action, self._step(action))
            if time.monotonic() - self._followed > _FOLLOW_S:
                self._done("refresh", self._session.refresh)
                self._followed = time.monotonic()
            time.sleep(_PAUSE_S)

    def _step(self, action: str) -> Callable[[], object]:
        text = self._random.choice(self._texts)
        if action == "description":
            return lambda: self._session.search(text, BEST)
        if action == "words":
            return lambda: self._session.search(text, BEST, names=True)
        if action == "similar":
            path = self._paths[self._random.choice(self._ids)]
            return lambda: self._session.similar(path, BEST)
        return self._decision()

    def _decision(self) -> Callable[[], object]:
        """Return a decision on a tag: of one's own, mended now and then, or one of everybody's."""
        own = [pair for pair in self._diary.decided if pair[1] != SHARED]
        chance = self._random.random()
        if chance < 0.3:
            pair = (self._random.choice(self._ids[:_CONTESTED]), SHARED)
        elif chance < 0.5 and own:
            pair = self._random.choice(own)
        else:
            pair = (self._random.choice(self._ids), f"{self._diary.name} {len(own)}")
        state = self._random.choice(("accepted", "rejected"))

        def decide() -> None:
            (self._review.accept if state == "accepted" else self._review.reject)([pair])
            self._diary.decided[pair] = state
            self._diary.decisions += 1

        return decide

    def _done(self, action: str, step: Callable[[], object]) -> None:
        """Do something, again and again while the server is away."""
        began = time.monotonic()
        while True:
            tried = time.perf_counter()
            try:
                step()
            except AwayError:
                self._diary.away += 1
                if time.monotonic() - began > _PATIENCE_S:
                    raise
                time.sleep(_AGAIN_S)
            except Exception:
                self._diary.errors.append(traceback.format_exc())
                return
            else:
                took_s = time.perf_counter() - tried
                self._diary.took_s.setdefault(action, []).append(took_s)
                return
