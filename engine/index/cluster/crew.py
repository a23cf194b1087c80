"""The workers of a run: one for each place of a living node, begun anew where one dies."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import LibraryError
from engine.index.cluster.agenda import Task
from engine.index.cluster.listener import Listener, Order, own_version
from engine.index.cluster.nodes import Node, Place, alive, places
from engine.log import logger

_log = logger(__name__)
_LOOK_S = 1.0  # between looks at which nodes there are
_FAILURES = 3  # in a row, after which a node is not asked again
_ANSWER_S = 2.0  # in which a living node takes a connection
_PATIENCE_S = 120.0  # without a single node


@dataclass(eq=False)
class Running:
    """A task that a worker is at: the answers to come, and where to go on with each file."""

    task: Task
    answers: Any
    left: dict[Path, float]


@dataclass(eq=False)
class Worker:
    """An actor at its place; ``starting`` is there until it is ready."""

    actor: Any
    place: Place
    starting: Any = None
    running: list[Running] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Return whether it is at nothing."""
        return not self.running

    @property
    def has_room(self) -> bool:
        """Return whether it may be given a task: a suspect is heard alone."""
        if self.starting is not None or len(self.running) >= Listener.TASKS:
            return False
        return not any(running.task.suspect for running in self.running)


class Crew:
    """All workers of a run.

    :param order: returns what the worker of a place is told.
    """

    def __init__(self, ray: Any, order: Callable[[Place], Order]) -> None:
        self._ray, self._order = ray, order
        self._workers: dict[tuple[str, int], Worker] = {}
        self._failures: Counter[str] = Counter()
        self._reasons: dict[str, str] = {}
        self.nodes: dict[str, Node] = {}
        self._looked = self._any_seen = -_PATIENCE_S
        self._began = time.monotonic()

    def look(self) -> None:
        """See which nodes there are, and begin a worker where one is missing.

        :raises LibraryError: no node can listen.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        self.nodes = alive(self._ray.nodes())
        usable = [place for node in self.nodes.values() for place in places(node)]
        trusted = [place for place in usable if self._failures[place.node.id] < _FAILURES]
        for place in trusted:
            if (place.node.id, place.number) not in self._workers:
                self._begin(place)
        if trusted:
            self._any_seen = now
        elif usable:
            raise LibraryError(self._why_none())
        elif now - max(self._any_seen, self._began) > _PATIENCE_S:
            raise LibraryError(
                "the cluster has no node left that can listen: what is done so far is kept; "
                "start nodes and run the same command again"
            )

    def is_whole(self) -> bool:
        """Return whether there is a worker at every place that may have one."""
        return all(
            (place.node.id, place.number) in self._workers
            for node in self.nodes.values()
            if self._failures[node.id] < _FAILURES
            for place in places(node)
        )

    def workers(self) -> list[Worker]:
        """Return all workers."""
        return list(self._workers.values())

    def note_ready(self, worker: Worker, version: str) -> None:
        """Note that a worker has its model, if it runs the same program as this process."""
        if version == own_version():
            worker.starting = None
        else:
            told = f"it runs Soundsift {version or 'of no version'}, not {own_version()}"
            self._failures[worker.place.node.id] = _FAILURES
            self.note_failed(worker, told)

    def note_answer(self, worker: Worker) -> None:
        """Note that a worker answered: its node can be trusted."""
        self._failures.pop(worker.place.node.id, None)

    def note_failed(self, worker: Worker, why: str) -> None:
        """Note that a worker failed; another one takes its place, unless its node always fails."""
        node = worker.place.node
        self._failures[node.id] += 1
        self._reasons[node.name] = why
        _log.warning("a worker on %s failed: %s", node.name, why)
        self.remove(worker)

    def remove(self, worker: Worker) -> None:
        """End a worker; its place is free."""
        self._workers.pop((worker.place.node.id, worker.place.number), None)
        with suppress(Exception):  # whatever is wrong with it: it is gone
            self._ray.kill(worker.actor, no_restart=True)

    def lives(self, node: Node) -> bool:
        """Return whether a node is alive: the cluster itself may learn of a death after seconds."""
        if node.id not in alive(self._ray.nodes()):
            return False
        try:
            socket.create_connection(node.address, _ANSWER_S).close()
        except OSError:
            return False
        return True

    def dismiss(self) -> None:
        """End all workers."""
        for worker in self.workers():
            self.remove(worker)

    def _begin(self, place: Place) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        made = self._ray.remote(Listener).options(
            num_cpus=place.cpus,
            num_gpus=place.gpus,
            max_restarts=0,  # it is begun anew by look(), with what it was at put back
            max_task_retries=0,
            max_concurrency=Listener.TASKS,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node.id, soft=False),
        )
        actor = made.remote(self._order(place), self._ray.get)
        starting = actor.get_ready.remote()
        self._workers[place.node.id, place.number] = Worker(actor, place, starting)

    def _why_none(self) -> str:
        name, why = next(iter(self._reasons.items()))
        return (
            f"no node of the cluster can listen: {name} says that {why}; install the same "
            "Soundsift on every node, and run the same command again"
        )


def give(worker: Worker, task: Task) -> Running:
    """Send a task to a worker."""
    listen = worker.actor.listen.options(num_returns="streaming")
    running = Running(task, listen.remote(task.files, task.in_parts), dict(task.files))
    worker.running.append(running)
    return running


def names(nodes: Mapping[str, Node], ids: frozenset[str]) -> str:
    """Return the names of nodes, those that are gone left out."""
    return ", ".join(sorted(nodes[one].name for one in ids if one in nodes))
