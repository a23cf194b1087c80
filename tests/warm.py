"""The command line in processes that need not start Python: forks of one that has imported it.

A command stays what it is to its users: a process of its own, with its own streams, environment,
end and exit code.  Spared is only the second or two in which Python starts and imports torch.
What a start of Python itself promises (its streams, what it imports, signals at any time) is
proved by processes that do start: see ``started`` and ``test_streams.py``.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from functools import cache
from typing import IO, Any

# What the commands import when they are run, and with it everything below.
IMPORTED = (
    *("app.cli", "app.commands", "app.tagging", "app.training", "app.demo"),
    *("engine.index.build", "engine.index.watch", "engine.search.export", "engine.store.repair"),
    *("engine.search.cue_sheet", "engine.search.duplicates", "engine.search.names"),
    *("engine.models.match_model", "engine.tags.audit", "engine.tags.suggest"),
    *("trainer.commands", "trainer.evaluation.protocols"),
)
_MOST_BYTES = 1 << 20


def started(*arguments: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a Python that is started for it."""
    command = [os.fsencode(sys.executable), b"-m", b"app.cli", *map(_raw, arguments)]
    return subprocess.run(command, capture_output=True, **more)


def soundsift(
    *arguments: object, env: dict[str, str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a fork of a process that has imported it, where forks are safe.

    :raises subprocess.TimeoutExpired: it has not ended after ``timeout`` seconds.
    """
    environment = dict(os.environ if env is None else env)
    if not sys.platform.startswith("linux"):
        return started(*arguments, env=environment, timeout=timeout)
    given = [os.fsdecode(_raw(argument)) for argument in arguments]
    order = {"arguments": given, "environment": environment, "folder": os.getcwd()}  # noqa: PTH109
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        code = _Warm.of_this_session().run(order, (out, errors), timeout)
        return subprocess.CompletedProcess(given, code, _all_of(out), _all_of(errors))


def as_text(done: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    """Return the same, with what was said as text."""
    said = [stream.decode().replace("\r\n", "\n") for stream in (done.stdout, done.stderr)]
    return subprocess.CompletedProcess(done.args, done.returncode, *said)


def _raw(argument: object) -> bytes:
    return argument if isinstance(argument, bytes) else os.fsencode(str(argument))


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


class _Warm:
    """The process that is forked, seen from the tests: it ends when its socket is closed."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            # one thread: a fork takes no others along, and would wait for them
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )

    @staticmethod
    @cache
    def of_this_session() -> _Warm:
        return _Warm()

    def run(
        self, order: dict[str, Any], streams: tuple[IO[bytes], ...], timeout: float | None
    ) -> int:
        message = json.dumps(order).encode()
        socket.send_fds(self._socket, [message], [stream.fileno() for stream in streams])
        child = int(self._socket.recv(_MOST_BYTES))
        self._socket.settimeout(timeout)
        try:
            return int(self._socket.recv(_MOST_BYTES))
        except TimeoutError:
            os.kill(child, 9)
            self._socket.settimeout(None)
            self._socket.recv(_MOST_BYTES)
            raise subprocess.TimeoutExpired(order["arguments"], timeout or 0) from None
        finally:
            self._socket.settimeout(None)


def _serve(asked: socket.socket) -> None:
    """Fork a command for every order, until nobody asks any more."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is collected in a child would be copied first
    forking = multiprocessing.get_context("fork")
    while True:
        message, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, 2)
        if not message:
            return
        child = forking.Process(target=_be_command, args=(asked, json.loads(message), files))
        child.start()
        for file in files:
            os.close(file)
        asked.send(str(child.pid).encode())
        child.join()
        asked.send(str(child.exitcode).encode())


def _be_command(asked: socket.socket, order: dict[str, Any], files: list[int]) -> None:
    asked.close()
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["soundsift", *order["arguments"]]
    sys.exit(sys.modules["app.cli"].main())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
