"""REAPER: our script under a Lua interpreter, behind stand-ins for its web remote and its disk."""

import http.server
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from engine.errors import InputError
from engine.handover.targets import reaper as module
from engine.handover.targets.reaper import FolderBridge, Reaper, WebRemote
from engine.handover.targets.reaper_script import NAME, install_script, script
from engine.handover.targets.target import Address, Project, TargetError

lupa = pytest.importorskip("lupa", reason="no Lua interpreter: pip install lupa")


class Studio:
    """REAPER as its scripts see it: states, a project with tracks and items, and `defer`."""

    def __init__(
        self, folder: Path | None = None, version: str = "7.22/linux-x86_64", lua: Any = lupa
    ) -> None:
        self.states: dict[str, str] = {}
        self.called: list[tuple] = []
        self.items: list[dict] = []
        self.tracks = 0
        self.selection = (0.0, 0.0)
        self.project = "/projects/Reel 3/Reel 3.rpp"
        self.inserts = True
        self.now = 0.0
        self._deferred = None
        self._lock = threading.Lock()
        self.lua = lua.LuaRuntime(encoding="utf-8", unpack_returned_tuples=True)
        self.lua.globals()["reaper"] = self._api(version)
        self._text = (
            script(folder)
            if folder
            else script(Path("x")).replace('local FOLDER = "x"', 'local FOLDER = ""')
        )

    def start(self) -> None:
        self.lua.execute(self._text)

    def turn(self) -> None:
        """Let REAPER's main loop go round once."""
        with self._lock:
            self.now += 0.033
            run, self._deferred = self._deferred, None
            if run is not None:
                run()

    def _note(self, name: str, result=None):
        def call(*arguments):
            self.called.append((name, *arguments))
            return result

        return call

    def _defer(self, function) -> None:
        self._deferred = function

    def _insert(self, path, mode):
        self.called.append(("InsertMedia", path, mode))
        return 1 if self.inserts else 0

    def _set_state(self, section, key, value, persist):
        assert not persist
        self.states[key] = value

    def _api(self, version: str):
        api = {
            "GetAppVersion": lambda: version,
            "GetExtState": lambda section, key: self.states.get(key, ""),
            "SetExtState": self._set_state,
            "defer": self._defer,
            "time_precise": lambda: self.now,
            "file_exists": lambda path: Path(path).is_file(),
            "EnumProjects": lambda *which: ("project", self.project),
            "GetProjectPath": lambda buffer: "/projects/Reel 3/Media",
            "GetSet_LoopTimeRange": lambda *asked: self.selection,
            "SetEditCurPos": self._note("SetEditCurPos"),
            "InsertMedia": self._insert,
            "CountSelectedTracks": lambda project: self.tracks,
            "CountSelectedMediaItems": lambda project: len(self.items),
            "GetSelectedMediaItem": lambda project, number: self.items[number],
            "GetActiveTake": lambda item: item,
            "PCM_Source_CreateFromFile": lambda path: {"path": path},
            "PCM_Source_Destroy": self._note("PCM_Source_Destroy"),
            "GetMediaItemTake_Source": lambda take: take["source"],
            "SetMediaItemTake_Source": lambda take, source: take.update(source=source),
            "SetMediaItemTakeInfo_Value": lambda take, key, value: take.update({key: value}),
            "GetSetMediaItemTakeInfo_String": lambda take, key, v, s: take.update({key: v}),
            "GetMediaSourceLength": lambda source: (2.5, False),
            "GetMediaItemInfo_Value": lambda item, key: item[key],
            "SetMediaItemInfo_Value": lambda item, key, value: item.update({key: value}),
            "UpdateItemInProject": self._note("UpdateItemInProject"),
            "UpdateArrange": self._note("UpdateArrange"),
            "PreventUIRefresh": self._note("PreventUIRefresh"),
            "Undo_BeginBlock": self._note("Undo_BeginBlock"),
            "Undo_EndBlock": self._note("Undo_EndBlock"),
            "set_action_options": self._note("set_action_options"),
        }
        return self.lua.table_from(api)


class Remote(http.server.ThreadingHTTPServer):
    """REAPER's web remote, as its ``main.js`` describes it."""

    def __init__(self, studio: Studio, turns: bool = True, status: int = 200) -> None:
        self.studio, self.turns, self.status = studio, turns, status
        self.actions: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Remote = self.server  # type: ignore[assignment]
        lines = []
        assert self.path.startswith("/_/")
        for command in self.path[3:].split(";"):
            parts = command.split("/")
            if parts[:2] == ["SET", "EXTSTATE"]:
                assert parts[2] == "soundsift" and len(parts) == 5
                server.studio.states[parts[3]] = unquote(parts[4])
            elif parts[:2] == ["GET", "EXTSTATE"]:
                value = server.studio.states.get(parts[3], "")
                lines.append("\t".join(["EXTSTATE", parts[2], parts[3], value]))
            else:
                server.actions.append(command)
        if server.turns:
            server.studio.turn()
        body = "\n".join(lines).encode()
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "Tür & Söhne; 50% = $1.wav"
    path.write_bytes(b"RIFF")
    return path


@pytest.fixture
def studio() -> Studio:
    studio = Studio()
    studio.start()
    return studio


@pytest.fixture
def serve():
    servers = []

    def run(studio: Studio, action: str = "", **more) -> tuple[Reaper, Remote]:
        server = Remote(studio, **more)
        servers.append(server)
        return Reaper(WebRemote(Address(port=server.server_port, action=action))), server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_connection_is_tested_by_asking_the_script(studio, serve):
    reaper, _ = serve(studio)
    assert reaper.test() == "REAPER 7.22/linux-x86_64"
    assert studio.called[0] == ("set_action_options", 3)


def test_a_sound_is_inserted_on_a_new_track_in_one_step_of_undo(studio, serve, sound):
    reaper, _ = serve(studio)
    reaper.spot(sound, "cursor")
    names = [call[0] for call in studio.called]
    assert ("InsertMedia", str(sound), 1) in studio.called
    assert (
        names.index("Undo_BeginBlock") < names.index("InsertMedia") < names.index("Undo_EndBlock")
    )
    assert ("Undo_EndBlock", "Soundsift: insert a sound", -1) in studio.called
    assert studio.states["request"] == ""  # it is obeyed once
    assert not [call for call in studio.called if call[0] == "SetEditCurPos"]


@pytest.mark.parametrize("name", ["lua53", "lua54"])
def test_the_script_runs_in_the_lua_of_older_and_newer_reapers(serve, sound, name):
    studio = Studio(lua=pytest.importorskip(f"lupa.{name}"))
    studio.start()
    reaper, _ = serve(studio)
    reaper.spot(sound, "cursor")
    assert ("InsertMedia", str(sound), 1) in studio.called


def test_a_time_selection_says_where(studio, serve, sound):
    studio.selection = (12.5, 14.0)
    serve(studio)[0].spot(sound, "cursor")
    assert ("SetEditCurPos", 12.5, False, False) in studio.called


def test_a_sound_goes_on_the_selected_track_if_there_is_one(studio, serve, sound):
    reaper, _ = serve(studio)
    with pytest.raises(TargetError, match="REAPER: no track is selected"):
        reaper.spot(sound, "track")
    studio.tracks = 1
    reaper.spot(sound, "track")
    assert ("InsertMedia", str(sound), 0) in studio.called


def test_selected_items_get_the_sound_in_their_place(studio, serve, sound):
    reaper, _ = serve(studio)
    with pytest.raises(TargetError, match="REAPER: no item is selected"):
        reaper.spot(sound, "replace")
    studio.items = [{"source": "old", "D_LENGTH": length} for length in (4.0, 1.0)]
    reaper.spot(sound, "replace")
    assert [item["source"]["path"] for item in studio.items] == [str(sound)] * 2
    assert [item["D_LENGTH"] for item in studio.items] == [2.5, 1.0]  # shorter, or as it was
    assert {item["P_NAME"] for item in studio.items} == {sound.name}
    assert {(item["D_STARTOFFS"], item["D_PLAYRATE"]) for item in studio.items} == {(0, 1)}
    assert studio.called.count(("PCM_Source_Destroy", "old")) == 2


def test_what_reaper_refuses_is_a_sentence_and_leaves_its_undo_whole(studio, serve, sound):
    reaper, _ = serve(studio)
    studio.inserts = False
    with pytest.raises(TargetError, match="REAPER: it did not insert"):
        reaper.spot(sound, "cursor")
    names = [call[0] for call in studio.called]
    assert names.count("Undo_BeginBlock") == names.count("Undo_EndBlock") == 1
    assert [c[1] for c in studio.called if c[0] == "PreventUIRefresh"] == [1, -1]
    sound.unlink()
    with pytest.raises(TargetError, match=r"REAPER: it cannot see .*: is it on another computer"):
        reaper.spot(sound, "cursor")


def test_a_saved_project_tells_its_folder(studio, serve):
    reaper, _ = serve(studio)
    assert reaper.project() == Project("Reel 3", Path("/projects/Reel 3/Media"))
    studio.project = ""
    assert reaper.project() == Project("", None)


def test_an_action_is_run_where_its_id_is_known(studio, serve):
    reaper, server = serve(studio, action="_RS12ab")
    reaper.test()
    assert server.actions == ["_RS12ab"]


def test_a_script_that_does_not_run_is_told_and_obeys_nothing_later(serve, sound, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    asleep = Studio()
    with pytest.raises(TargetError, match=r"our script in it does not: run the action soundsift"):
        serve(asleep)[0].spot(sound, "cursor")
    asleep.start()
    asleep.turn()
    assert not [call for call in asleep.called if call[0] == "InsertMedia"]


def test_nobody_at_the_port_or_somebody_else_is_a_sentence(studio, serve):
    with pytest.raises(TargetError, match=r"REAPER does not answer at 127\.0\.0\.1:1 .*turn on"):
        Reaper(WebRemote(Address(port=1))).test()
    with pytest.raises(TargetError, match=r"is not REAPER's web interface, or it asks .*\(401\)"):
        serve(studio, status=401)[0].test()


def test_an_older_script_says_so(studio, serve):
    with pytest.raises(TargetError, match="this script is older than Soundsift"):
        serve(studio)[0]._ask(do="dance")


@pytest.fixture
def watched(tmp_path):
    """Return a folder, and REAPER with a script that watches it in another thread."""
    folder = tmp_path / 'requests "of" Jürgen [[x]]'
    folder.mkdir()
    studio, over = Studio(folder), threading.Event()
    studio.start()

    def live() -> None:
        while not over.is_set():
            studio.turn()
            time.sleep(0.002)

    thread = threading.Thread(target=live)
    thread.start()
    yield folder, studio
    over.set()
    thread.join()


def test_a_folder_carries_the_same_requests(watched, sound):
    folder, studio = watched
    reaper = Reaper(FolderBridge(Address(folder=folder)))
    assert reaper.test() == "REAPER 7.22/linux-x86_64"
    reaper.spot(sound, "cursor")
    assert ("InsertMedia", str(sound), 1) in studio.called
    assert not list(folder.iterdir())


def test_a_folder_nobody_watches_is_told_and_keeps_no_request(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    with pytest.raises(TargetError, match=r"REAPER took no request from .*: run the action"):
        Reaper(FolderBridge(Address(folder=tmp_path / "new"))).test()
    assert not list((tmp_path / "new").iterdir())
    (tmp_path / "wall").write_text("x")
    with pytest.raises(TargetError, match="nothing can be written into"):
        Reaper(FolderBridge(Address(folder=tmp_path / "wall"))).test()
    with pytest.raises(TargetError, match="REAPER needs a folder"):
        Reaper(FolderBridge(Address())).test()


def test_the_script_is_installed_in_the_place_of_an_older_one(tmp_path):
    (tmp_path / NAME).write_text("-- older")
    assert install_script(tmp_path, Path("/x")) == tmp_path / NAME
    assert (tmp_path / NAME).read_text(encoding="utf-8") == script(Path("/x"))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    with pytest.raises(InputError, match="choose REAPER's folder of scripts"):
        install_script(tmp_path / "none", Path("/x"))
