"""Do something with a foreign model in a child process, which has little time and memory.

Where the system can (Linux), the child's memory and processor time are limited by the kernel.
Elsewhere the bounds of ``model.json`` (:mod:`engine.models.bounds`), the largest sizes of files
(:mod:`engine.models.files`) and the comparison of sizes before anything is allocated have to
hold; time is limited everywhere, because the parent ends a child that takes too long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from engine.children import NO_CONSOLE, command
from engine.errors import ModelError, SoundsiftError
from engine.log import log_end, logger, named
from engine.progress import Cancelled, Control

_log = logger(__name__)
CHILD = command("engine.models.trial")
_POLL_S = 0.05
_MOST_SAID = 4000  # bytes, fewer than a pipe holds: the child never waits for its reader
_NO_MEMORY = ("allocate memory", "memory allocation", "bad_alloc", "MemoryError", "bad allocation")


@dataclass(frozen=True)
class Limits:
    """How long a child may take, and how many bytes its data may have."""

    time_s: float = 180.0
    memory_bytes: int = 8 << 30

    @property
    def memory_text(self) -> str:
        """Return the memory as it is told."""
        return f"{self.memory_bytes / (1 << 30):.3g} GB of memory"


def run_apart(order: dict[str, str], what: str, limits: Limits, control: Control) -> None:
    """Let a child do what :mod:`engine.models.trial` understands.

    :param what: of what the sentence is, when it goes wrong.
    :raises ModelError: it went wrong, took too long or too much memory, or the child crashed.
    :raises Cancelled: the user asked to stop.
    """
    asked = {**order, "time_s": limits.time_s, "memory_bytes": limits.memory_bytes}
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as heard:
        child = subprocess.Popen(  # noqa: S603 - our own module, no shell
            CHILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=heard,
            env={**os.environ, **quiet},
            creationflags=NO_CONSOLE,
        )
        try:
            assert child.stdin is not None and child.stdout is not None
            with suppress(BrokenPipeError):
                child.stdin.write(json.dumps(asked).encode())
                child.stdin.close()
            _wait(child, what, limits, control)
            said = child.stdout.read()
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            _close(child.stdin, child.stdout)
        wrote = _end_of(heard)
        answer = json.loads(said) if child.returncode == 0 and said else None
        if answer != {} and wrote:
            log_end(_log, f"the trial of {named(what)}", child.returncode, wrote)
        if answer is not None:
            _judge(answer, what, limits)
            return
        if _ran_out(wrote):
            raise _refusal(what, f"it needs more than {limits.memory_text}")
    raise _refusal(
        what, f"the process that tried it was killed by the system (code {child.returncode})"
    )


def be_child(do: Callable[[dict[str, str]], None]) -> int:
    """Be the child: do what standard input orders, and say on standard output how it went."""
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    asked = json.load(sys.stdin)
    time_s, memory_bytes = asked.pop("time_s"), asked.pop("memory_bytes")
    _limit(time_s, memory_bytes)
    answer: dict[str, str] = {}
    try:
        do(asked)
    except SoundsiftError as error:
        answer = {"problem": str(error)}
    except MemoryError:
        answer = {"memory": "short"}
    except BaseException as error:  # whatever a hostile model makes libraries raise
        is_short = any(words in str(error) for words in _NO_MEMORY)
        with suppress(MemoryError):
            traceback.print_exception(error)  # for the log
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        answer = {"memory": "short"} if is_short else {"problem": f"it does not work: {first}"}
    said.write(_encoded(answer))
    said.flush()
    os._exit(0)  # without the ends of libraries, which may hang or crash


def _encoded(answer: dict[str, str]) -> bytes:
    short = {key: "".join(c for c in text if c.isprintable()) for key, text in answer.items()}
    return json.dumps({key: text[: _MOST_SAID // 8] for key, text in short.items()}).encode()


def _wait(child: subprocess.Popen[bytes], what: str, limits: Limits, control: Control) -> None:
    until = time.monotonic() + limits.time_s
    while child.poll() is None:
        if control.cancel():
            raise Cancelled
        if time.monotonic() > until:
            raise _refusal(what, f"it did not finish within {limits.time_s:.0f} seconds")
        with suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_S)


def _judge(answer: dict[str, str], what: str, limits: Limits) -> None:
    if "memory" in answer:
        raise _refusal(what, f"it needs more than {limits.memory_text}")
    if "problem" in answer:
        raise _refusal(what, answer["problem"])


def _refusal(what: str, reason: str) -> ModelError:
    return ModelError(f"{what} was not accepted: {reason}")


def _limit(time_s: float, memory_bytes: int) -> None:
    """Let the kernel limit this process, where it can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wishes = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(time_s) + 1,  # ends a child whose parent was killed
        "RLIMIT_DATA": memory_bytes,
    }
    for name, most in wishes.items():
        with suppress(AttributeError, ValueError, OSError):
            kind = getattr(resource, name)
            _, hard = resource.getrlimit(kind)
            lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (lower, hard))


def _end_of(heard: IO[bytes]) -> bytes:
    heard.seek(0, os.SEEK_END)
    heard.seek(max(0, heard.tell() - (1 << 16)))
    return heard.read()


def _ran_out(wrote: bytes) -> bool:
    text = wrote.decode("utf-8", "replace")
    return any(words in text for words in _NO_MEMORY)


def _close(*pipes: IO[bytes] | None) -> None:
    for pipe in pipes:
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
