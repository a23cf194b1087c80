"""Commands in processes that need not start Python: forks of one that has imported everything.

A command stays what it is to its users: a process of its own, with its own streams, environment,
end and exit code.  Spared is only the second or two in which Python starts and imports torch.
What a start of Python itself promises (its streams, what it imports, signals at any time) is
proved by processes that do start: see ``started`` and ``test_streams.py``.

Scripts and modules of tests (:func:`script`, :func:`module`) are run so, too: nothing of torch's
has run in the process that is forked, and it has one thread.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from multiprocessing import connection
from pathlib import Path
from typing import IO, Any

from engine.models import apart
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
    *("torch.distributed.run", "tests.conftest", "tests.killing"),
)
_SOUNDSIFT, _TRAINER = ("app.cli", "app.cli:main"), ("trainer", "trainer.cli:main")
_TORCHRUN = ("torch.distributed.run", "torch.distributed.run:main")
CAN_FORK = sys.platform.startswith("linux")  # elsewhere libraries may not survive it
_MOST_BYTES = 1 << 20
_ONE_SERVER = threading.Lock()


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


def module(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a module as ``python -m`` does."""
    return as_text(_run((name, f"{__name__}:be_module"), arguments, before=(name,)))


def script(
    code: str, *arguments: object, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run statements as ``python -c`` does.

    :raises subprocess.TimeoutExpired: they have not ended after ``timeout`` seconds.
    """
    return as_text(_run(("", f"{__name__}:be_script"), arguments, timeout=timeout, before=(code,)))


def command(name: str, *arguments: str) -> list[str]:
    """Return what starts a module as a child; see :func:`engine.children.command`."""
    if not CAN_FORK:
        return [sys.executable, "-m", name, *arguments]
    return [*_stand_in(_server()), name, *arguments]


def _stand_in(place: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("stand_in.py")), place]


def be_module() -> None:
    """Be the module that :func:`module` or :func:`command` runs."""
    name = sys.argv.pop(1)
    sys.modules.pop(name, None)  # what was imported for the forks has not run yet
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def be_script() -> None:
    """Be the statements that :func:`script` runs."""
    sys.argv[0] = "-c"
    exec(compile(sys.argv.pop(1), "<string>", "exec"), {"__name__": "__main__"})


def _started(
    module: str, arguments: tuple[object, ...], **more: Any
) -> subprocess.CompletedProcess[bytes]:
    program = [b"-m", module.encode()] if module else [b"-c"]
    command = [os.fsencode(sys.executable), *program, *map(_raw, arguments)]
    return subprocess.run(command, capture_output=True, **more)


def _run(
    program: tuple[str, str],
    arguments: tuple[object, ...],
    env: dict[str, str] | None = None,
    timeout: float | None = None,
    before: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a program: how Python is told to start it, and the function that is it in a fork.

    :param before: arguments of that function before those of the program.
    """
    environment = dict(os.environ if env is None else env)
    if not CAN_FORK:
        given = arguments if program[0] else (*before, *arguments)
        return _started(program[0], given, env=environment, timeout=timeout)
    arguments = (*before, *arguments)
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
    """A function that runs in a fork; as :class:`subprocess.Popen` has it.

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
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(_server())
        files = [stream.fileno() for stream in streams]
        socket.send_fds(self._line, [json.dumps(order).encode()], files)
        self.pid = int(self._line.recv(_MOST_BYTES))

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(_MOST_BYTES))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            self._line.close()
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


class Script:
    """Statements that run beside the test; :func:`script` waits for them."""

    def __init__(self, code: str, *arguments: object) -> None:
        beside = ThreadPoolExecutor(1)
        self._done = beside.submit(script, code, *arguments)
        beside.shutdown(wait=False)

    def done(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """Wait until they have ended."""
        return self._done.result(timeout)


def _server() -> str:
    """Return where the process that is forked listens; start it, if it is not there yet."""
    with _ONE_SERVER:
        return _started_server()


@cache
def _started_server() -> str:
    folder = tempfile.mkdtemp(prefix="soundsift-warm-")  # short: a socket's path must be
    place = str(Path(folder) / "socket")
    ours, other = socket.socketpair()
    with other, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(place)
        listening.listen()
        files = [other.fileno(), listening.fileno()]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", *map(str, files)],
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            # threads of a library would not go along with a fork
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)

    return place


def _serve(tests: socket.socket, listening: socket.socket) -> None:
    """Fork for every order, until the tests have ended."""
    prepare_torchaudio()  # before transformers is imported
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is collected in a child would be copied first
    forking = multiprocessing.get_context("fork")
    running: dict[Any, tuple[Any, socket.socket]] = {}  # by what tells of their end
    while True:
        for told in connection.wait([tests, listening, *running]):
            if told is tests:
                for child, _ in running.values():
                    child.kill()
                return
            if told is listening:
                line, _ = listening.accept()
                order, streams, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
                if not order:  # whoever asked was killed
                    line.close()
                    continue
                ours = (tests, listening, line)
                child = forking.Process(target=_be_command, args=(ours, order, streams))
                child.start()
                for stream in streams:
                    os.close(stream)
                with suppress(OSError):  # whoever asked was killed: that is told, too
                    line.send(str(child.pid).encode())
                running[child.sentinel] = running[line] = (child, line)
            elif told in running:
                child, line = running[told]
                if told is line:  # whoever waited for it was killed
                    child.kill()
                child.join()
                del running[child.sentinel], running[line]
                with line, suppress(OSError):
                    line.send(str(child.exitcode).encode())


def _be_command(ours: tuple[socket.socket, ...], message: bytes, files: list[int]) -> None:
    order = json.loads(message)
    # commands try models in children; that one is started by Python: tests/engine/models
    apart.CHILD = [*_stand_in(ours[1].getsockname()), "engine.models.trial"]
    for server in ours:
        server.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["soundsift", *order["arguments"]]
    name, _, function = order["run"].partition(":")
    sys.exit(getattr(importlib.import_module(name), function)())


if __name__ == "__main__":
    _serve(*(socket.socket(fileno=int(number)) for number in sys.argv[1:]))
