"""The one place that makes torch and torchaudio importable, sets threads and finds devices.

The torchaudio wheel for Linux links CUDA; beside a CPU-only torch its extension cannot load,
and ``import torchaudio`` (and with it ``import transformers``) raises OSError.  Only
torchaudio's Python parts are used here, so where the extension cannot load, a stand-in takes
its place.  Whatever imports torchaudio or transformers calls :func:`prepare_torchaudio` first.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import InputError

AUTO = "auto"
DEVICES = ("cuda", "mps", "cpu")  # in the order in which they are wished for
_given: dict[str, int] = {}  # "threads": of the process, outside of all blocks that lend fewer
_lent = threading.local()  # to a thread, in such a block
_setting = threading.Lock()
_MAKERS = {"cuda": "CUDA", "mps": "Apple (MPS)"}


def prepare_torchaudio() -> None:
    """Register a stand-in for torchaudio's extension if the real one cannot load."""
    if "torchaudio" in sys.modules or "torchaudio._extension" in sys.modules:
        return
    if _extension_loads():
        return
    stand_in = types.ModuleType("torchaudio._extension")
    for name in ("_IS_TORCHAUDIO_EXT_AVAILABLE", "_IS_ALIGN_AVAILABLE"):
        setattr(stand_in, name, False)
    stand_in.fail_if_no_align, stand_in._load_lib = _refusing, _refuse  # type: ignore[attr-defined]
    sys.modules["torchaudio._extension"] = stand_in


def set_threads(threads: int | None = None) -> int:
    """Let torch use ``threads`` threads, and return how many.

    The default is ``OMP_NUM_THREADS``, or every core that this process may use: more threads
    than cores wait for one another most of the time.
    """
    import torch

    torch.set_num_threads(threads or _wished_threads() or cores())
    found = torch.get_num_threads()
    with _setting:
        _given["threads"] = found
    return found


def find_device(wish: str = AUTO, kinds: Sequence[str] = DEVICES) -> str:
    """Return the device that is meant, as torch names it: ``auto`` is the first that is here.

    To find ``cpu`` torch is not imported.

    :param wish: ``auto``, or one of ``kinds``; of several CUDA devices also ``cuda:1``.
    :raises InputError: there is no such device.
    """
    if wish == AUTO:
        return next(kind for kind in kinds if _count(kind))
    kind, _, number = wish.partition(":")
    is_numbered = kind == "cuda" and number.isascii() and number.isdecimal()
    if kind not in kinds or (wish != kind and not is_numbered):
        raise InputError(
            f"{wish or 'an empty name'} is not a device: "
            f"use {', '.join((AUTO, *kinds[:-1]))} or {kinds[-1]}"
        )
    count = _count(kind)
    if not count:
        raise InputError(
            f"there is no {_MAKERS[kind]} device here for --device {wish}: use --device cpu"
        )
    if int(number or 0) >= count:
        raise InputError(f"there is no {wish} here: the last such device is {kind}:{count - 1}")
    return wish


def _count(kind: str) -> int:
    """Return how many devices of a kind are here."""
    if kind == "cpu":
        return 1
    import torch

    if kind == "mps":
        return int(torch.backends.mps.is_available())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of drivers that are too old: then there is none
        return torch.cuda.device_count() if torch.cuda.is_available() else 0


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Let torch use at most so many threads for what this thread asks of it meanwhile.

    Never more than the process was given, nor than a block around this one.  A thread that asks
    torch for something for the first time while another is in such a block may keep that one's
    number: whoever wants more than one says so by a block of its own.

    One is best for something small, such as a caption: more would wait for those of numpy, which
    still spin after the last search; measured, 10 ms in the median and 70 ms at worst instead of 7.
    """
    import torch

    is_inside = hasattr(_lent, "threads")
    is_main = threading.current_thread() is threading.main_thread()
    with _setting:
        if "threads" not in _given or (is_main and not is_inside):
            _given["threads"] = torch.get_num_threads()
    before = _lent.threads if is_inside else _given["threads"]
    _lent.threads = min(threads, before)
    torch.set_num_threads(_lent.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if is_inside:
            _lent.threads = before
        else:
            del _lent.threads


def _wished_threads() -> int:
    wish = os.environ.get("OMP_NUM_THREADS", "")
    return int(wish) if wish.isdigit() else 0


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS or Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _extension_loads() -> bool:
    import torch

    spec = importlib.util.find_spec("torchaudio")
    if spec is None or spec.origin is None:
        return False
    libraries = list((Path(spec.origin).parent / "lib").glob("*torchaudio*.*"))
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


def _refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Stand in for the decorator of functions that need the extension."""
    return _refuse


def _refuse(*args: object, **kwargs: object) -> None:
    raise RuntimeError("torchaudio's compiled extension is not available beside this torch")
