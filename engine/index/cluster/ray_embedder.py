"""The embedder of a cluster: hand out, gather, and put back what nodes and workers lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import AudioError, reason
from engine.index.cluster.agenda import DEATHS, Agenda, Task
from engine.index.cluster.crew import Crew, Running, Worker, give, names
from engine.index.cluster.listener import Answer, Lacks, Load, Order, load
from engine.index.cluster.model_files import packed
from engine.index.cluster.nodes import Place
from engine.index.embed import EmbeddedFile
from engine.index.embedder import Heard, Waits, Work
from engine.log import logger, named
from engine.progress import Cancelled, Control, Progress
from engine.torch_setup import AUTO

_log = logger(__name__)
_POLL_S = 0.2


@dataclass(frozen=True)
class RayEmbedder:
    """Listens on all nodes of the cluster that this process is connected to.

    Each worker has two tasks, so that as much is heard ahead as there are workers, whatever the
    number of files.

    :param load: makes a worker's encoder.
    """

    ray: Any
    load: Load = load

    @contextmanager
    def listening(self, work: Work, control: Control) -> Iterator[Iterator[Heard]]:
        """Give what workers hear; when this ends, so do they."""
        model = packed(work.model_folder, self.ray.put)

        def order(place: Place) -> Order:
            device = AUTO if place.gpus else "cpu"
            files = len(work.paths)
            return Order(model, work.settings, files, place.cpus, device, self.load)

        run = _Run(self.ray, Crew(self.ray, order), work, control)
        try:
            yield run.heard()
        finally:
            run.crew.dismiss()


class _Run:
    def __init__(self, ray: Any, crew: Crew, work: Work, control: Control) -> None:
        self.crew = crew
        self._ray, self._control = ray, control
        self._agenda, self._files = Agenda(work), len(work.paths)

    def heard(self) -> Iterator[Heard]:
        """Give what is heard until every file is finished, given up, or can be read by nobody."""
        was_ready = False
        while self._agenda or any(worker.running for worker in self.crew.workers()):
            if self._control.cancel():
                raise Cancelled
            self.crew.look()
            self._hand_out()
            was_ready |= any(worker.starting is None for worker in self.crew.workers())
            if not was_ready:
                self._control.report(Progress("loading the model", 0, self._files))
            if self._is_hopeless():
                yield from self._unread()
            for worker, running in self._ready():
                yield from self._gather(worker, running)

    def _hand_out(self) -> None:
        for worker in self.crew.workers():
            node = worker.place.node.id
            while worker.has_room:
                task = self._agenda.take(node, worker.is_idle)
                if task is None:
                    break
                give(worker, task)

    def _is_hopeless(self) -> bool:
        """Return whether all that is left can be read by none of the nodes, of which there are."""
        workers = self.crew.workers()
        return bool(workers and self._agenda and self.crew.is_whole()) and all(
            worker.starting is None and worker.is_idle for worker in workers
        )

    def _unread(self) -> Iterator[Heard]:
        """Give up for now what no node can read; what cannot be read here, either, is refused."""
        example = ""
        nodes = frozenset(worker.place.node.id for worker in self.crew.workers())
        where = names(self.crew.nodes, nodes)
        todo = "make it available there under the same path and index again"
        for path in self._agenda.give_up_all():
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                yield path, AudioError(f"{path.name} cannot be read: {reason(error)}")
                continue
            example = example or self._agenda.missing(path, nodes)
            yield path, Waits(f"{example} cannot be read on {where}, {todo}")

    def _ready(self) -> list[tuple[Worker, Running | None]]:
        """Wait a moment for answers; return the workers that have one, and to which task."""
        asked: list[tuple[Any, Worker, Running | None]] = []
        for worker in self.crew.workers():
            if worker.starting is not None:
                asked.append((worker.starting, worker, None))
            asked += [(running.answers, worker, running) for running in worker.running]
        if not asked:
            time.sleep(_POLL_S)
            return []
        waited_for = [answers for answers, *_ in asked]
        some, _ = self._ray.wait(waited_for, num_returns=1, timeout=_POLL_S)
        if some:
            some, _ = self._ray.wait(waited_for, num_returns=len(waited_for), timeout=0)
        ready = {id(answers) for answers in some}
        return [(worker, running) for answers, worker, running in asked if id(answers) in ready]

    def _gather(self, worker: Worker, running: Running | None) -> Iterator[Heard]:
        """Take the answer of a worker, or note that it, or its whole node, is lost."""
        errors = self._ray.exceptions
        if running is not None and running not in worker.running:
            return  # it was lost with another one
        try:
            if running is None:
                self.crew.note_ready(worker, self._ray.get(worker.starting))
                return
            answer = self._ray.get(next(running.answers))
        except StopIteration:
            assert running is not None
            worker.running.remove(running)
            self._agenda.put_back(running.task, running.left)
        except errors.RayActorError as error:
            yield from self._lost(worker, error)
        except errors.RayTaskError as error:  # the program failed there, not a file
            self._put_back(worker)
            self.crew.note_failed(worker, _told(error))
        except errors.RayError as error:  # an answer was lost on its way
            _log.info("an answer from %s was lost: %s", worker.place.node.name, _told(error))
            self._put_back(worker)
            self.crew.remove(worker)
        else:
            assert running is not None
            yield from self._take(worker, running, answer)

    def _take(self, worker: Worker, running: Running, answer: list[Answer]) -> Iterator[Heard]:
        node = worker.place.node
        lacking: dict[Path, float] = {}
        folders: set[str] = set()
        for path, heard in answer:
            if path not in running.left:
                continue
            if isinstance(heard, Lacks):
                lacking[path] = running.left.pop(path)
                folders |= {heard.folder} if heard.folder else set()
                _log.debug("%s cannot read %s: %s", node.name, named(path), heard.reason)
                continue
            if isinstance(heard, EmbeddedFile) and not heard.content_hash:
                running.left[path] = heard.heard_s
            else:
                del running.left[path]
            yield path, heard
        if lacking:
            self._agenda.lacks(running.task, lacking, node.id, folders)
        self.crew.note_answer(worker)

    def _lost(self, worker: Worker, error: Exception) -> Iterator[Heard]:
        """Put back what a dead worker was at; its files are blamed, unless its whole node died."""
        tasks, node = list(worker.running), worker.place.node
        if not self.crew.lives(node):
            _log.warning("the node %s was lost", node.name)
            self._put_back(worker)
            self.crew.remove(worker)
        elif not tasks:
            self.crew.note_failed(worker, _told(error))
        else:
            self.crew.remove(worker)
            worker.running.clear()
            for running in tasks:
                yield from self._blamed(running.task, running)

    def _blamed(self, task: Task, running: Running) -> Iterator[Heard]:
        for path in self._agenda.blame(task, running.left):
            _log.warning("%s ended its worker %d times", named(path), DEATHS)
            yield path, AudioError(f"{path.name} ended the process that heard it {DEATHS} times")

    def _put_back(self, worker: Worker) -> None:
        for running in reversed(worker.running):
            self._agenda.put_back(running.task, running.left)
        worker.running.clear()


def _told(error: Exception) -> str:
    """Return what an error of Ray is about, in one line."""
    cause = getattr(error, "cause", None)
    text = str(cause or error)
    if "ModuleNotFoundError" in text:
        return "Soundsift is not installed there"
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1 if cause is None else 0] if lines else type(error).__name__
