"""Commands in processes that need not start Python: forks of one that has imported everything.

A command stays what it is to its users: a process of its own, with its own streams, environment,
end and exit code.  Spared is only the second or two in which Python starts and imports torch.
What a start of Python itself promises (its streams, what it imports, signals at any time) is
proved by processes that do start: see ``started`` and ``test_streams.py``.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from multiprocessing import connection
from typing import IO, Any

from engine.torch_setup import prepare_torchaudio

# What the commands import when they are run, and with it everything below.
IMPORTED = (
    *("app.cli", "app.cli.finding", "app.cli.library", "app.cli.models", "app.cli.evaluate"),
    *("app.cli.handing", "app.cli.tagging", "app.cli.train", "app.demo"),
    *("engine.index.build", "engine.index.watch", "engine.search.export", "engine.store.repair"),
    *("engine.search.cue_sheet", "engine.search.duplicates", "engine.search.names"),
    *("engine.models.match_model", "engine.models.trial", "engine.tags.audit"),
    *("engine.tags.suggest", "trainer.commands", "trainer.evaluation.protocols"),
    *("torch._dynamo", "matplotlib.pyplot", "transformers.models.clap.modeling_clap"),
    "torch.distributed.run",
)
_SOUNDSIFT, _TRAINER = ("app.cli", "app.cli:main"), ("trainer", "trainer.cli:main")
_TORCHRUN = ("torch.distributed.run", "torch.distributed.run:main")
CAN_FORK = sys.platform.startswith("linux")  # elsewhere libraries may not survive it
_MOST_BYTES = 1 << 20


def started(*arguments: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a Python that is started for it."""
    return _started(_SOUNDSIFT[0], arguments, **more)


def soundsift(
    *arguments: object, env: dict[str, str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a fork of a process that has imported it, where forks are safe.

    :raises subprocess.TimeoutExpired: it has not ended after ``timeout`` seconds.
    """
    return _run(_SOUNDSIFT, arguments, env, timeout)


def trainer(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command of the trainer as :func:`soundsift` does."""
    return _run(_TRAINER, arguments)


def torchrun(
    *arguments: object, env: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run torchrun, which starts a Python for each of its processes."""
    return _run(_TORCHRUN, arguments, env, timeout)


def _started(
    module: str, arguments: tuple[object, ...], **more: Any
) -> subprocess.CompletedProcess[bytes]:
    command = [os.fsencode(sys.executable), b"-m", module.encode(), *map(_raw, arguments)]
    return subprocess.run(command, capture_output=True, **more)


def _run(
    program: tuple[str, str],
    arguments: tuple[object, ...],
    env: dict[str, str] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    environment = dict(os.environ if env is None else env)
    if not CAN_FORK:
        return _started(program[0], arguments, env=environment, timeout=timeout)
    given = [os.fsdecode(_raw(argument)) for argument in arguments]
    with (
        open(os.devnull) as nothing,  # noqa: PTH123
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as errors,
    ):
        child = Forked(program[1], given, environment, (nothing, out, errors))
        try:
            code = child.wait(timeout)
        finally:
            child.end()
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


class Forked:
    """A function that runs in a fork; as :class:`subprocess.Popen` has it.  One at a time.

    :param run: ``module:function``, which returns an exit code.
    :param streams: what it reads and writes: its standard input, output and errors.
    """

    def __init__(
        self,
        run: str,
        arguments: list[str],
        environment: dict[str, str],
        streams: tuple[IO[Any], IO[Any], IO[Any]],
    ) -> None:
        order = {"run": run, "arguments": arguments, "environment": environment}
        order["folder"] = os.getcwd()  # noqa: PTH109
        self._server, self.returncode = _server(), None
        files = [stream.fileno() for stream in streams]
        socket.send_fds(self._server, [json.dumps(order).encode()], files)
        self.pid = int(self._server.recv(_MOST_BYTES))

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                self.returncode = int(self._server.recv(_MOST_BYTES))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            finally:
                self._server.settimeout(None)
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """See that nothing of it is left."""
        if self.poll() is None:
            self.kill()
            self.wait()


@cache
def _server() -> socket.socket:
    """Start what is forked; it ends when the socket is closed."""
    ours, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(other.fileno())],
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            # threads of a library would not go along with a fork
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def _serve(asked: socket.socket) -> None:
    """Fork for every order, until nobody asks any more."""
    prepare_torchaudio()  # before transformers is imported
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is collected in a child would be copied first
    forking = multiprocessing.get_context("fork")
    while True:
        message, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, 3)
        if not message:
            return
        child = forking.Process(target=_be_command, args=(asked, json.loads(message), files))
        child.start()
        for file in files:
            os.close(file)
        asked.send(str(child.pid).encode())
        if asked in connection.wait([child.sentinel, asked]):  # whoever asked was killed
            child.kill()
            return
        child.join()
        asked.send(str(child.exitcode).encode())


def _be_command(asked: socket.socket, order: dict[str, Any], files: list[int]) -> None:
    asked.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["soundsift", *order["arguments"]]
    module, _, function = order["run"].partition(":")
    sys.exit(getattr(sys.modules[module], function)())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
