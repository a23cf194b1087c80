"""The machines of a cluster, and how many workers each gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_WORKER_CPUS = 4  # more threads than that make an encoder little faster


@dataclass(frozen=True)
class Node:
    """A machine, with what it gives: whole cores and GPUs; Ray answers there at ``address``."""

    id: str
    name: str
    cpus: int
    gpus: int
    address: tuple[str, int] = ("", 0)


@dataclass(frozen=True)
class Place:
    """Room for one worker on a node."""

    node: Node
    number: int
    cpus: int
    gpus: int


def alive(rows: Iterable[Mapping[str, Any]]) -> dict[str, Node]:
    """Return the nodes that live, by id, of Ray's table of nodes."""
    found = {}
    for row in rows:
        if row["Alive"]:
            gives = row["Resources"]
            name = f"{row['NodeManagerHostname']} ({row['NodeManagerAddress']})"
            cpus, gpus = int(gives.get("CPU", 0)), int(gives.get("GPU", 0))
            address = (row["NodeManagerAddress"], int(row["NodeManagerPort"]))
            found[row["NodeID"]] = Node(row["NodeID"], name, cpus, gpus, address)
    return found


def places(node: Node) -> list[Place]:
    """Return where a node's workers are: one at each GPU, or else one for every few cores."""
    if not node.cpus:
        return []
    count = node.gpus or max(1, node.cpus // _WORKER_CPUS)
    count = min(count, node.cpus)
    gpus = 1 if node.gpus else 0
    return [Place(node, number, node.cpus // count, gpus) for number in range(count)]
