"""Several processes, one batch: what ``torchrun`` starts, and what they tell one another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from engine.errors import InputError
from engine.progress import Cancelled, Control
from engine.torch_setup import find_device

_PATIENCE = timedelta(days=7)  # one process listens to a large set while the others wait
_BUCKET = 1 << 24  # gradients that travel together


class FailedElsewhere(Exception):  # noqa: N818 - says nothing: another process has said it
    """Another process of this run failed and tells why; this one ends in silence."""


@dataclass(frozen=True)
class World:
    """The processes of a run: this one is number ``rank`` of ``size``.

    ``host`` is the group in which they talk about anything but tensors on devices.
    """

    rank: int = 0
    size: int = 1
    host: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """Return this process's rows of a batch, which are as many for every process."""
        each = rows // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, x: Tensor) -> Tensor:
        """Return every process's ``x`` (b, d), one after the other: (size × b, d)."""
        if self.size == 1:
            return x
        parts = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up every process's gradients, so that all take the same step.

        A parameter without a gradient on any process stays without one: zeros would let
        weight decay move what does not learn.
        """
        if self.size == 1:
            return
        has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.uint8)
        dist.all_reduce(has, dist.ReduceOp.MAX, self.host)
        learning = [p for p, found in zip(parameters, has.tolist(), strict=True) if found]
        for parameter in learning:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([p.grad for p in learning if p.grad is not None]):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            start = 0
            for gradient in bucket:
                part = flat[start : start + gradient.numel()]
                gradient.copy_(part.view_as(gradient))
                start += len(part)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the leader's values of ``tensors``."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor.detach(), src=0)

    def agree(self, value: Any) -> Any:
        """Return the leader's value."""
        return value if self.size == 1 else self.collect(value)[0]

    def collect(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values = [None] * self.size
        dist.all_gather_object(values, value, self.host)
        return values

    def any(self, *flags: bool) -> list[bool]:
        """Return of each flag whether any process raised it."""
        if self.size == 1:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(raised, dist.ReduceOp.MAX, self.host)
        return [bool(flag) for flag in raised.tolist()]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Wait for one another at the end of a stage; if any failed in it, all end.

        A process that failed raises its own error, if it is the first of them; all others
        raise :class:`FailedElsewhere`, or :class:`Cancelled` where that was the reason.
        Nothing inside a stage may wait for other processes.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as raised:
            error = raised
        if self.size == 1:
            if error is not None:
                raise error
            return
        ends = self.collect(None if error is None else isinstance(error, Cancelled))
        failed = [rank for rank, end in enumerate(ends) if end is not None]
        if not failed:
            return
        if error is not None and failed[0] == self.rank:
            raise error
        raise Cancelled if ends[failed[0]] else FailedElsewhere

    def told_by_leader(self, control: Control) -> Control:
        """Return a control that reports on the leader only, and can stop every process."""
        return control if self.leads else Control(cancel=control.cancel)


def leads() -> bool:
    """Return whether this process is the first of those that ``torchrun`` started."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def alike() -> Iterator[None]:
    """Let the leader alone tell what fails in every process alike."""
    try:
        yield
    except InputError:
        if leads():
            raise
        raise FailedElsewhere from None


def processes() -> int:
    """Return how many processes ``torchrun`` started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def training_device(wish: str) -> str:
    """Return the device to train on: losses are solved in float64, which Apple's GPUs lack.

    :raises InputError: there is no such device, or none for every process on this machine.
    """
    device = find_device(wish, ("cuda", "cpu"))
    wanted = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device != "cpu" and wanted > torch.cuda.device_count():
        raise InputError(
            f"{wanted} CUDA devices are needed, but there are {torch.cuda.device_count()}: "
            "lower torchrun's --nproc-per-node"
        )
    return device


@contextmanager
def world(device: str) -> Iterator[tuple[World, str]]:
    """Join the processes that ``torchrun`` started; give them and this one's device.

    Without ``torchrun`` there is one process.  GPUs talk by NCCL, CPUs by gloo.

    :raises InputError: there is no such device.
    """
    with alike():
        device = training_device(device)
    if processes() == 1:
        yield World(), device
        return
    if device.startswith("cuda"):
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=_PATIENCE)
    try:
        host = dist.new_group(backend="gloo", timeout=_PATIENCE)
        yield World(dist.get_rank(), processes(), host), device
    finally:
        dist.destroy_process_group()


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Return gradients by the bucket, in order; they are of one type and device."""
    bucket: list[Tensor] = []
    for gradient in gradients:
        bucket.append(gradient)
        if sum(g.numel() for g in bucket) >= _BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
