"""Who a server lets not in, and what it cannot do now, is told apart from a server that is away."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from engine.errors import AwayError, LibraryError, TransientError
from engine.progress import Cancelled, Control
from engine.store import Library, is_library
from engine.store import server as module

pytest.importorskip("psycopg")
Answering = Callable[..., str]


# A process of its own: libpq's ping lets no other thread of ours answer it.
ANSWERING = """
import socket, struct, sys
severity, state, said = sys.argv[1:]
fields = (("S", severity), ("V", "FATAL"), ("C", state), ("M", said))
body = b"".join(f"{key}{value}\\0".encode() for key, value in fields) + b"\\0"
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
while True:
    with listening.accept()[0] as one:
        one.recv(4096)
        one.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)
"""


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Return a function that gives the address of a server which tells everybody the same."""
    with ExitStack() as ended:

        def begin(*answer: str) -> str:
            command = [sys.executable, "-S", "-E", "-c", ANSWERING, *answer]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            ended.enter_context(process)
            ended.callback(process.kill)
            port = process.stdout.readline().strip()
            return f"postgresql://mia@127.0.0.1:{port}/sounds?sslmode=disable&gssencmode=disable"

        yield begin


REFUSALS = [
    ("FATAL", "28000", "Rolle »mia« existiert nicht", "“Rolle »mia« existiert nicht”"),
    ("致命的エラー", "3D000", "データベースは存在しません", "lets nobody in like that"),
    ("FATAL", "28000", 'role "mia" does not exist', "lets nobody in as you are named"),
    ("FATAL", "3D000", 'database "sounds" does not exist', "there is no database"),
    ("FATAL", "28P01", 'password authentication failed for user "mia"', "lets nobody in as you"),
    ("FATAL", "28000", 'no pg_hba.conf entry for host "1.1.1.1"', "from this computer"),
    ("FATAL", "42501", 'permission denied for database "sounds"', "you have no role"),
]
NOT_NOW = [
    ("FATAL", "57P03", "das Datenbanksystem startet"),
    ("FATAL", "57P03", "the database system is not yet accepting connections"),
    ("FATAL", "57P03", "the database system is shutting down"),
    ("FATAL", "53300", "sorry, too many clients already"),
    ("FATAL", "53300", "remaining connection slots are reserved for roles with privileges"),
    ("FATAL", "55000", 'database "role" is not currently accepting connections'),
]


@pytest.mark.parametrize(("severity", "state", "said", "told"), REFUSALS)
def test_a_refusal_is_no_server_that_is_away_whatever_its_language(
    answering, severity, state, said, told
):
    with pytest.raises(LibraryError, match=told) as caught:
        is_library(answering(severity, state, said))
    assert not isinstance(caught.value, AwayError)


@pytest.mark.parametrize(("severity", "state", "said"), NOT_NOW)
def test_who_lets_nobody_in_for_now_is_away(answering, severity, state, said):
    with pytest.raises(AwayError, match="cannot be reached"):
        is_library(answering(severity, state, said))


@pytest.mark.parametrize(
    "host", ["petrole.invalid", "authentication.invalid", "certificate.invalid"]
)
def test_what_a_server_is_called_says_nothing_about_it(host):
    with pytest.raises(AwayError, match="cannot be reached"):
        is_library(f"postgresql://mia@{host}/sounds")
    with pytest.raises(AwayError, match="cannot be reached"):
        is_library(f"postgresql://mia@/sounds?host=/{host}")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long for another's lock."""
    monkeypatch.setattr(module, "_LOCK_S", 0.05)


def test_what_another_one_keeps_may_be_tried_again(server, hurried):
    with server.library() as address, Library(address) as one, Library(address) as other:
        with other.writing(), pytest.raises(TransientError, match="in use by another program"):
            one.add_folder("/a")
        with pytest.raises(TransientError, match="just being changed"), one.reading() as connection:
            connection.execute(text("SELECT 1"))
            connection.exec_driver_sql("DO $$BEGIN RAISE SQLSTATE '40P01'; END$$")
        with pytest.raises(TransientError, match="disk of the server"), one.reading() as connection:
            connection.exec_driver_sql("DO $$BEGIN RAISE SQLSTATE '53100'; END$$")
        one.add_folder("/a")


def test_long_work_waits_for_others_who_write_and_says_so(server, hurried):
    told = []
    with server.library() as address, Library(address) as one, Library(address) as other:
        with ExitStack() as held:
            held.enter_context(other.writing())

            def tell(progress) -> None:
                told.append(progress.stage)
                held.close()

            with one.database.patiently(Control(tell)):
                one.add_folder("/a")
        assert one.folders() == ["/a"]
        assert set(told) == {"waiting for others who write"}
        with other.writing(), pytest.raises(TransientError):
            one.add_folder("/b")  # nobody waits long any more


def test_who_waits_for_others_who_write_may_stop(server, hurried, monkeypatch):
    with server.library() as address, Library(address) as one, Library(address) as other:
        with (
            other.writing(),
            one.database.patiently(Control(cancel=lambda: True)),
            pytest.raises(Cancelled),
        ):
            one.add_folder("/a")
        monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
        with other.writing(), one.database.patiently(Control()), pytest.raises(TransientError):
            one.add_folder("/a")
        one.add_folder("/a")
        assert one.folders() == ["/a"]
