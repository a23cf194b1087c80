"""Pro Tools, by a stand-in that serves the interface that py-ptsl was made for."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.handover.targets import protools as module
from engine.handover.targets.protools import ProTools
from engine.handover.targets.target import Address, Project, TargetError

why = "py-ptsl is not installed: pip install soundsift[protools]"
pt = pytest.importorskip("ptsl.PTSL_pb2", reason=why)
services = pytest.importorskip("ptsl.PTSL_pb2_grpc", reason=why)
grpc = pytest.importorskip("grpc", reason=why)


class Studio(services.PTSLServicer):
    """A session that is open, or not."""

    def __init__(self) -> None:
        self.imported: list[dict] = []
        self.registered: list[dict] = []
        self.open = True
        self.slow_s = 0.0

    def SendGrpcRequest(self, request, context):  # noqa: N802 - gRPC's
        body = json.loads(request.request_body_json or "{}")
        command = request.header.command
        if command == pt.RegisterConnection:
            self.registered.append(body)
            return _completed(request, {"session_id": "s1"})
        if command == pt.HostReadyCheck:
            return _completed(request, {})
        assert request.header.session_id == "s1"
        if not self.open:
            error = {"command_error_type": 126, "command_error_message": "No session is open"}
            header = pt.ResponseHeader(command=command, status=pt.Failed)
            failed = json.dumps({"errors": [error]})
            return pt.Response(header=header, response_error_json=failed)
        time.sleep(self.slow_s)
        if command == pt.Import:
            self.imported.append(body)
            return _completed(request, {})
        answers = {
            pt.GetPTSLVersion: {"version": 5},
            pt.GetSessionPath: {"session_path": {"path": "/sessions/Reel 3/Reel 3.ptx"}},
        }
        return _completed(request, answers[command])


def _completed(request, body: dict):
    header = pt.ResponseHeader(command=request.header.command, status=pt.Completed)
    return pt.Response(header=header, response_body_json=json.dumps(body))


@pytest.fixture
def studio():
    studio = Studio()
    server = grpc.server(ThreadPoolExecutor(2))
    services.add_PTSLServicer_to_server(studio, server)
    studio.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield studio
    server.stop(None).wait()


@pytest.fixture
def target(studio) -> ProTools:
    return ProTools(Address(port=studio.port))


def test_a_connection_is_registered_and_tells_its_version(studio, target):
    assert target.test() == "Pro Tools (PTSL 5)"
    assert studio.registered[0]["application_name"] == "Soundsift"


def test_a_session_tells_where_its_sounds_are(target):
    assert target.project() == Project("Reel 3", Path("/sessions/Reel 3/Audio Files"))


def test_a_sound_is_imported_at_the_selection_on_a_new_track(studio, target):
    target.spot(Path("/s/Tür.wav"), "cursor")
    (asked,) = studio.imported
    audio = asked["audio_data"]
    assert audio["file_list"] == ["/s/Tür.wav"]
    assert pt.MediaDestination.Value(audio["audio_destination"]) == pt.MD_NewTrack
    assert pt.MediaLocation.Value(audio["audio_location"]) == pt.ML_Selection
    assert pt.AudioOperations.Value(audio["audio_operations"]) == pt.CopyAudio


def test_what_it_refuses_and_nobody_there_are_sentences(studio, target, monkeypatch, capfd):
    studio.open = False
    with pytest.raises(TargetError, match="Pro Tools refused: No session is open"):
        target.spot(Path("/s/x.wav"), "cursor")
    with pytest.raises(TargetError, match=r"Pro Tools does not answer at 127\.0\.0\.1:1 "):
        ProTools(Address(port=1)).test()
    studio.open, studio.slow_s = True, 1.0
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    with pytest.raises(TargetError, match="Pro Tools took too long to answer"):
        target.test()
    assert capfd.readouterr().err == ""
