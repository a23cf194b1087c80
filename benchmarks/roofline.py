"""What a machine could do at best: its rates, and what a computation asks of them.

An operation takes at least as long as its arithmetic at the rate of matrix products, and as
its tensors at the rate of copying (Williams et al., *Roofline*, CACM 2009).  The sum over all
operations is what a program that runs one after the other can attain; compiled programs fuse
operations, move less, and may be faster than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass(frozen=True)
class MachineRates:
    """Measured: floating-point operations a second of matrix products, bytes a second copied."""

    flops_per_s: float
    bytes_per_s: float


def settle(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def best_s(work: Callable[[], object], device: str, times: int = 7) -> float:
    """Return the shortest of several times that ``work`` takes."""
    work()
    took = []
    for _ in range(times):
        settle(device)
        began = time.perf_counter()
        work()
        settle(device)
        took.append(time.perf_counter() - began)
    return min(took)


def machine_rates(device: str, dtype: torch.dtype) -> MachineRates:
    """Measure a device with matrices and blocks that are larger than its caches."""
    on_gpu = device.startswith("cuda")
    side, numbers = (8192, 1 << 28) if on_gpu else (1024, 1 << 25)
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    product_s = best_s(lambda: a @ b, device)
    source = torch.zeros(numbers, device=device)
    target = torch.empty_like(source)
    copy_s = best_s(lambda: target.copy_(source), device)
    return MachineRates(2 * side**3 / product_s, 2 * source.nbytes / copy_s)


class Counted(TorchDispatchMode):
    """Counts what runs inside: operations, bytes, and the least time by given rates."""

    def __init__(self, rates: MachineRates) -> None:
        super().__init__()
        self.rates, self.flops, self.bytes, self.least_s = rates, 0, 0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation and count it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        flops = int(count(*args, **kwargs, out_val=out)) if count else 0
        moved = 0 if _only_looks(func) else _bytes([args, kwargs]) + _bytes(out)
        self.flops += flops
        self.bytes += moved
        self.least_s += max(flops / self.rates.flops_per_s, moved / self.rates.bytes_per_s)
        return out


def _only_looks(func: Any) -> bool:
    """Return whether an operation gives a view, or memory that nobody has written yet."""
    returned = func._schema.returns
    views = any(r.alias_info is not None and not r.alias_info.is_write for r in returned)
    return views or "empty" in func._schema.name or "_unsafe_view" in func._schema.name


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))
