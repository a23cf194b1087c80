"""Whoever listens keeps one contract: threads here, a listener in this process, and a Ray cluster.

What is lost with nodes and workers is tried on a cluster of several nodes on this machine.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.cli import main
from engine.errors import AudioError, InputError, LibraryError, ModelError
from engine.index.build import index_folders
from engine.index.cluster import agenda, connection
from engine.index.cluster.agenda import DEATHS, Agenda, tasks_of
from engine.index.cluster.listener import Lacks, Listener, Order
from engine.index.cluster.model_files import packed, unpacked
from engine.index.cluster.nodes import Node, alive, places
from engine.index.cluster.ray_embedder import RayEmbedder
from engine.index.embed import EmbeddedFile, content_hash
from engine.index.embedder import PART_WINDOWS, Work
from engine.index.waiting import Threads
from engine.progress import Cancelled, Control
from engine.store import Library
from tests.engine.index.compare import difference
from tests.engine.index.stand_in import DEADLY, RATE, load
from tests.killing import kill_family

ROOT = Path(__file__).parents[3]
_NO_RAY = "the extra `cluster` is not installed"
_QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}


@pytest.fixture(scope="module")
def cluster():
    """Give a cluster of a head that hears nothing and two nodes of one core each."""
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    pytest.importorskip("ray", reason=_NO_RAY)
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": _QUICK}
        made = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            made.add_node(num_cpus=1, wait=False)
        made.wait_for_nodes()
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture(scope="module")
def connected(cluster):
    with connection.open_cluster(cluster.address) as embedder:
        yield embedder


@pytest.fixture
def on_ray(connected) -> RayEmbedder:
    return RayEmbedder(connected.ray, load)


class InProcess:
    """The listener of a node, asked without Ray."""

    @contextmanager
    def listening(self, work: Work, control: Control):
        model = packed(work.model_folder, lambda data: data)
        listener = Listener(
            Order(model, work.settings, len(work.paths), 2, "cpu", load), lambda data: data
        )
        listener.get_ready()

        def heard():
            for task in tasks_of(work):
                for answer in listener.listen(task.files, task.in_parts):
                    if control.cancel():
                        raise Cancelled
                    yield from answer

        yield heard()


class Here:
    """Threads of this process, as they listen where nobody else does."""

    @contextmanager
    def listening(self, work: Work, control: Control):
        encoder, _ = load(work.model_folder, work.settings, "cpu", 1)
        with Threads(encoder, 2).listening(work, control) as heard_files:

            def heard():
                for item in heard_files:
                    if control.cancel():
                        raise Cancelled
                    yield item

            yield heard()


@pytest.fixture(params=["threads", "listener", "ray"])
def embedder(request):
    if request.param == "ray":
        return request.getfixturevalue("on_ray")
    return Here() if request.param == "threads" else InProcess()


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.json", "weights.safetensors"):
        (folder / name).write_bytes(name.encode())
    return folder


def level(path: Path, seconds: float, value: float = 0.5) -> Path:
    soundfile.write(path, np.full(round(seconds * RATE), value, np.float32), RATE, subtype="FLOAT")
    return path


def work_of(model: Path, paths: list[Path], starts_s=None, large=(), **settings: object) -> Work:
    sizes = {path: 1 << 30 if path in large else 1000 for path in paths}
    told = {name: str(value).encode() for name, value in settings.items()}
    return Work(model, paths, starts_s or {}, sizes, told)


def hear(embedder, work: Work, control: Control | None = None):
    with embedder.listening(work, control or Control()) as heard_files:
        return list(heard_files)


# The contract


def test_each_file_is_told_of_once_with_all_that_was_heard(embedder, model, tmp_path):
    paths = [level(tmp_path / f"{n}.wav", 12.5 + n, 0.3 + n / 100) for n in range(20)]
    found = hear(embedder, work_of(model, paths))
    assert sorted(path for path, _ in found) == sorted(paths)
    for path, heard in found:
        n = int(path.stem)
        assert isinstance(heard, EmbeddedFile)
        assert heard.times_s[:2] == ((0.0, 10.0), (5.0, min(15.0, 12.5 + n)))
        assert np.allclose(heard.features[:, 0], 0.3 + n / 100, atol=1e-3)
        assert (heard.content_hash, heard.heard_s) == (content_hash(path), 12.5 + n)
        assert heard.loudness is not None and heard.damage is None
        if heard.mapped is not None:
            assert np.allclose(heard.mapped[0], 2 * heard.features, rtol=2e-3)
            assert heard.mapped[0].dtype == np.float16


def test_what_cannot_be_heard_is_told_and_holds_nothing_up(embedder, model, tmp_path):
    good = [level(tmp_path / f"{n}.wav", 3.0) for n in range(4)]
    (tmp_path / "text.wav").write_bytes(b"not a sound " * 99)
    silent = level(tmp_path / "silent.wav", 3.0, 0.0)
    found = dict(hear(embedder, work_of(model, [tmp_path / "text.wav", silent, *good])))
    assert all(isinstance(found[path], EmbeddedFile) for path in good)
    assert str(found[silent]) == "silent.wav holds only silence"
    assert isinstance(found[tmp_path / "text.wav"], AudioError)


def test_a_long_file_comes_in_parts_and_goes_on_where_it_was_left(embedder, model, tmp_path):
    path = level(tmp_path / "long.wav", 700.0)
    parts = [heard for _, heard in hear(embedder, work_of(model, [path], large=[path]))]
    assert len(parts) > 1 and all(len(part.features) >= PART_WINDOWS for part in parts[:-1])
    assert [bool(part.content_hash) for part in parts] == [False] * (len(parts) - 1) + [True]
    times = [times for part in parts for times in part.times_s]
    assert times == [(5.0 * n, 5.0 * n + 10) for n in range(139)]
    assert parts[-1].loudness is not None
    begun = parts[0].heard_s
    rest = [heard for _, heard in hear(embedder, work_of(model, [path], {path: begun}))]
    assert [t for part in rest for t in part.times_s] == [t for t in times if t[0] >= begun]
    assert rest[-1].content_hash == parts[-1].content_hash and rest[-1].loudness is None


def test_listening_can_be_cancelled_and_left(embedder, model, tmp_path):
    paths = [level(tmp_path / f"{n}.wav", 3.0) for n in range(60)]
    asked = threading.Event()
    found = []
    with (
        pytest.raises(Cancelled),
        embedder.listening(
            work_of(model, paths, sleep=0.05), Control(cancel=asked.is_set)
        ) as heard_files,
    ):
        for path, _ in heard_files:
            found.append(path)
            asked.set()
    assert 0 < len(found) < 60
    with embedder.listening(work_of(model, paths), Control()) as heard_files:
        next(heard_files)
    assert len(hear(embedder, work_of(model, paths[:3]))) == 3  # there is room for the next one


def test_what_is_heard_ahead_is_bounded(embedder, model, tmp_path):
    log, count = tmp_path / "log", 400
    paths = [level(tmp_path / f"{n}.wav", 1.0) for n in range(count)]
    with embedder.listening(work_of(model, paths, log=log), Control()) as heard_files:
        next(heard_files)
        time.sleep(1.0)  # in which all of them could be heard
        assert len(log.read_text().split()) <= count / 2
        assert sum(1 for _ in heard_files) == count - 1


# What is lost with workers and nodes


def test_a_file_that_ends_three_workers_is_given_up_and_no_other_is(on_ray, model, tmp_path):
    paths = [level(tmp_path / f"{n}.wav", 3.0) for n in range(10)]
    paths[4] = level(tmp_path / "deadly.wav", 3.0, DEADLY)
    found = hear(on_ray, work_of(model, paths))
    assert Counter(path for path, _ in found) == Counter(paths)
    told = {path.name: heard for path, heard in found if not isinstance(heard, EmbeddedFile)}
    assert list(told) == ["deadly.wav"]
    assert str(told["deadly.wav"]) == "deadly.wav ended the process that heard it 3 times"


def node_ids(on_ray) -> list[str]:
    return [node.id for node in alive(on_ray.ray.nodes()).values() if node.cpus]


def test_files_that_one_node_cannot_read_are_heard_by_another(on_ray, model, tmp_path):
    paths = [level(tmp_path / f"{n}.wav", 3.0) for n in range(40)]
    found = hear(on_ray, work_of(model, paths, blind=node_ids(on_ray)[0], sleep=0.01))
    assert sorted(path for path, heard in found if isinstance(heard, EmbeddedFile)) == sorted(paths)


def test_files_that_no_node_can_read_wait_and_are_not_skipped(
    on_ray, library, model_folder, tmp_path
):
    folder = tmp_path / "s"
    folder.mkdir()
    for n in range(3):
        level(folder / f"{n}.wav", 3.0)
    blind = _With(on_ray, "blind", ",".join(node_ids(on_ray)))
    report = index_folders(library, model_folder, [folder], Control(), embedder=blind)
    assert (report.heard, report.skipped) == (0, 0) and library.skipped() == []
    assert report.remark.startswith(f"3 sounds wait: {folder} cannot be read on ")
    assert "\n" not in report.remark
    report = index_folders(library, model_folder, [folder], Control(), embedder=on_ray)
    assert (report.heard, report.remark) == (3, "")


class _With:
    """An embedder that adds a setting to all work."""

    def __init__(self, inner, name: str, value: str) -> None:
        self._inner, self._new = inner, {name: value.encode()}

    def listening(self, work: Work, control: Control):
        settings = {**work.settings, **self._new}
        return self._inner.listening(
            Work(work.model_folder, work.paths, work.starts_s, work.sizes, settings), control
        )


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_killed_node_loses_and_doubles_nothing(
    cluster, on_ray, library, model_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(agenda, "_NEIGHBOURS", 4)
    blamed = []
    monkeypatch.setattr(Agenda, "blame", lambda *given: blamed.append(given) or [])
    folder, log = tmp_path / "s", tmp_path / "log"
    folder.mkdir()
    for n in range(100):
        level(folder / f"{n:02}.wav", 3.0, 0.3 + n / 1000)
    victim = cluster.add_node(num_cpus=1)
    killed = []

    def kill(progress) -> None:
        if not killed and log.exists() and log.read_text().count(victim.node_id) > 4:
            kill_family(victim.all_processes["raylet"][0].process.pid)
            killed.append(progress.done)

    slow = _With(_With(on_ray, "sleep", "0.1"), "log", str(log))
    report = index_folders(library, model_folder, [folder], Control(kill), embedder=slow)
    cluster.worker_nodes.discard(victim)
    assert not blamed  # no file is at fault
    assert killed[0] < 100 and report.heard == 100 and not library.skipped()
    assert len(log.read_text().split()) > 100  # what it was at was heard again
    with Library(tmp_path / "calm.db") as calm:
        index_folders(calm, model_folder, [folder], Control(), embedder=on_ray)
        assert difference(library, calm) == ""


def test_a_cluster_makes_the_library_that_threads_make_also_when_stopped_between(
    connected, library, model_folder, sounds, tmp_path
):
    (sounds / "empty.wav").write_bytes(b"")
    with Library(tmp_path / "calm.db") as calm:
        index_folders(calm, model_folder, [sounds], Control())
        heard = []

        def update(progress) -> None:
            heard.extend([progress.done] if progress.stage == "listening" else [])

        stopping = Control(update, lambda: len(heard) > 3)
        with pytest.raises(Cancelled):
            index_folders(library, model_folder, [sounds], stopping, embedder=connected)
        assert 0 < library.statistics().embedded < 12
        report = index_folders(library, model_folder, [sounds], Control(), embedder=connected)
        assert 0 < report.heard < 12
        assert difference(library, calm) == ""
        assert len(library.skipped()) == 1


def test_a_worker_that_is_ready_has_loaded_what_its_first_task_takes(model, tmp_path):
    level(tmp_path / "a.wav", 3.0)
    script = """
import sys
from pathlib import Path
from engine.index.cluster.listener import Listener, Order
from engine.index.cluster.model_files import packed
from tests.engine.index.stand_in import load
def get(data): return data
listener = Listener(Order(packed(Path(sys.argv[1]), get), {}, 1, 1, "cpu", load), get)
listener.get_ready()
before = set(sys.modules)
((answer,),) = listener.listen([(Path(sys.argv[2]), 0.0)], False)
assert answer[1].loudness is not None
print(len({name for name in set(sys.modules) - before if name.startswith("scipy")}))
"""
    command = [sys.executable, "-c", script, str(model), str(tmp_path / "a.wav")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "0\n", done.stderr


def test_a_model_that_a_node_cannot_load_ends_the_run_with_a_sentence(connected, model, tmp_path):
    path = level(tmp_path / "a.wav", 3.0)
    with pytest.raises(LibraryError, match=r"no node of the cluster can listen: .* says that .*;"):
        hear(connected, work_of(model, [path]))


# Without a cluster


def agenda_of(count: int) -> Agenda:
    return Agenda(work_of(Path("m"), [Path(f"{n}.wav") for n in range(count)]))


def test_only_files_heard_alone_are_given_up():
    agenda = agenda_of(3)
    task = agenda.take("n", True)
    assert task is not None and len(task.files) == 3 and not agenda
    assert agenda.blame(task, dict(task.files)) == []
    assert agenda.take("n", idle=False) is None  # suspects run beside nothing
    given_up = []
    deaths = 1
    while suspect := agenda.take("n", idle=True):
        ((path, _),) = suspect.files
        if path.name == "1.wav":
            deaths += 1
            given_up += agenda.blame(suspect, dict(suspect.files))
    assert given_up == [Path("1.wav")] and deaths == DEATHS


def test_what_a_lost_node_was_at_is_put_back_as_it_was():
    agenda = agenda_of(40)
    task = agenda.take("n", True)
    agenda.put_back(task, dict(task.files))
    assert agenda.take("other", True) == task
    part = dict(task.files[5:])
    agenda.put_back(task, part)
    assert agenda.take("other", True).files == task.files[5:]
    agenda.put_back(task, {})
    assert sum(len(one.files) for one in iter(lambda: agenda.take("n", True), None)) == 24


def test_a_node_is_not_asked_twice_for_what_it_lacks():
    agenda = agenda_of(4)
    task = agenda.take("blind", True)
    agenda.lacks(task, dict(task.files[:2]), "blind", set())
    assert agenda.take("blind", True) is None
    seeing = agenda.take("seeing", True)
    assert seeing.files == task.files[:2]
    agenda.put_back(seeing, dict(seeing.files))
    assert agenda.take("blind", True) is None
    assert agenda.take("late", True) == seeing


def test_a_node_that_lacks_a_folder_is_asked_for_what_lies_elsewhere():
    paths = [Path(folder) / f"{n}.wav" for folder in ("/a/b", "/c") for n in range(32)]
    agenda = Agenda(work_of(Path("m"), paths))
    task = agenda.take("half blind", True)
    agenda.lacks(task, dict(task.files), "half blind", {"/a"})
    taken = list(iter(lambda: agenda.take("half blind", True), None))
    assert [path for task in taken for path, _ in task.files] == paths[32:]
    assert agenda.missing(paths[0], {"half blind"}) == "/a"
    assert list(agenda.give_up_all()) == paths[:32] and not agenda


def test_large_and_begun_files_are_heard_by_themselves():
    paths = [Path(f"{n}.wav") for n in range(20)]
    work = work_of(Path("m"), paths, {paths[1]: 10.0}, large=[paths[3]])
    tasks = list(tasks_of(work))
    assert [[path for path, _ in task.files] for task in tasks if task.in_parts] == [
        [paths[1]],
        [paths[3]],
    ]
    assert max(len(task.files) for task in tasks) == 16
    assert sum(len(task.files) for task in tasks) == 20


@pytest.mark.parametrize(
    ("cpus", "gpus", "expected"),
    [(0, 0, []), (0, 1, []), (1, 0, [1]), (6, 0, [6]), (16, 0, [4] * 4), (16, 2, [8, 8])],
)
def test_a_node_has_a_worker_at_each_gpu_or_for_every_few_cores(cpus, gpus, expected):
    found = places(Node("id", "name", cpus, gpus))
    assert [place.cpus for place in found] == expected
    assert all(place.gpus == (1 if gpus else 0) for place in found)


def test_a_models_files_are_got_once_and_only_as_they_were(model, tmp_path):
    got = []

    def get(data: bytes) -> bytes:
        got.append(data)
        return data

    files = packed(model, lambda data: data)
    assert unpacked(files, get) == model and not got  # they are here
    for path in model.iterdir():
        path.unlink()
    folder = unpacked(files, get)
    assert (folder / "model.json").read_bytes() == b"model.json" and len(got) == 2
    assert unpacked(files, get) == folder and len(got) == 2
    (folder / "weights.safetensors").write_bytes(b"damaged")
    assert unpacked(files, get) == folder and len(got) == 4
    (folder / "model.json").write_bytes(b"")
    with pytest.raises(ModelError, match="damaged on its way"):
        unpacked(files, lambda data: data + b"x")


def test_a_file_that_goes_away_while_it_is_decoded_is_lacking_and_not_broken(
    model, tmp_path, monkeypatch
):
    path = level(tmp_path / "a.wav", 3.0)

    def gone(path: Path, *_: object):
        path.unlink()
        raise AudioError("a.wav cannot be read")

    monkeypatch.setattr("engine.index.embed.stream", gone)
    ((found, heard),) = hear(InProcess(), work_of(model, [path]))
    assert found == path and isinstance(heard, Lacks)


def test_a_machine_tells_the_outermost_folder_that_it_lacks(model, tmp_path):
    there = level(tmp_path / "a.wav", 3.0)
    away = tmp_path / "drive" / "sfx" / "b.wav"
    found = dict(hear(InProcess(), work_of(model, [away, there])))
    assert isinstance(found[there], EmbeddedFile)
    assert found[away] == Lacks("No such file or directory", str(tmp_path / "drive"))


def test_without_ray_the_command_says_what_to_install(sounds, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    library = tmp_path / "none.db"
    given = ["index", str(sounds), "--library", str(library), "--cluster", "auto"]
    assert main(given) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("which is not installed: install soundsift[cluster]")
    assert not library.exists()
    for more, word in ((["--watch"], "--watch"), (["--device", "cpu"], "--device")):
        assert main([*given, *more]) == 1
        assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["ray://host:10001", "host", ":6379", "host:door", "h:99999999"]
)
def test_an_address_that_cannot_be_used_is_told(address):
    with pytest.raises(InputError, match=r"cannot be used|nobody answers"):
        connection._connect(None, address)


def test_an_address_at_which_nobody_answers_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError, match=f"nobody answers at 127.0.0.1:{port} "):
        connection._connect(None, f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n"]
)
def test_what_answers_and_is_no_cluster_is_told_at_once(answer, monkeypatch):
    monkeypatch.setattr(connection, "_PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client, suppress(ConnectionError):
                client.sendall(answer)
                client.recv(1000)
                client.recv(1)  # until it is left

        serving = threading.Thread(target=serve)
        serving.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InputError, match=f"what answers at {address} is no Ray cluster"):
            connection._connect(None, address)
        serving.join()
