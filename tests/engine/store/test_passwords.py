"""Passwords in the system's keyring, of which a dictionary takes the place."""

from __future__ import annotations

import traceback

import pytest

from app.cli import main
from engine.errors import LibraryError
from engine.store import passwords, team
from engine.store.server import connected, login_of
from tests.postgres import Postgres

keyring = pytest.importorskip("keyring")
backends = pytest.importorskip("keyring.backends.fail")
SECRET = "xyzzy-right"


@pytest.fixture
def address(server: Postgres) -> str:
    """Return the address of who must say a password."""
    server.make_secretive(SECRET)
    return server.address("postgres", "secretive")


def test_a_password_is_kept_once_the_server_took_it(held_passwords, address, own_home):
    with pytest.raises(LibraryError, match="lets nobody in"), connected(address):
        pass
    with pytest.raises(LibraryError, match="lets nobody in"):
        team.log_in(address, "wrong")
    assert not held_passwords
    assert team.log_in(address, SECRET)
    assert held_passwords == {login_of(address): SECRET}
    with connected(address), connected(address):
        pass
    files = [path.read_bytes() for path in own_home.rglob("*") if path.is_file()]
    assert not [content for content in files if SECRET.encode() in content]
    assert team.log_out(address) and not team.log_out(address)
    with pytest.raises(LibraryError, match="lets nobody in"), connected(address):
        pass


def test_what_a_server_does_not_ask_for_is_not_kept(held_passwords, server):
    assert not team.log_in(server.address("postgres"), "typed for nothing")
    assert not held_passwords


def test_what_libpq_knows_comes_first(held_passwords, address, monkeypatch):
    monkeypatch.setattr(keyring, "get_password", lambda *given: pytest.fail("it was asked"))
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with connected(address):
        pass


def test_a_password_is_of_one_login_at_one_server(monkeypatch):
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    logins = [
        *("postgresql://mia@a/sounds", "postgresql://mia@b/sounds", "postgresql://olga@a/sounds"),
        "postgresql://mia@a:5433/sounds",
    ]
    assert len({login_of(one) for one in logins}) == 4
    assert login_of("postgresql://mia@a:5432/other?sslmode=require") == login_of(logins[0])


def test_a_computer_without_a_keyring_says_so(monkeypatch):
    none = backends.Keyring()
    for name in ("get_password", "set_password"):
        monkeypatch.setattr(keyring, name, getattr(none, name))
    assert passwords.kept_password("mia@a:5432") is None
    with pytest.raises(LibraryError, match="keyring does not keep the password") as caught:
        passwords.keep_password("mia@a:5432", SECRET)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_the_command_asks_at_a_terminal_only(held_passwords, address, monkeypatch, capsys):
    assert main(["team", "password", address]) == 1
    assert "typed at a terminal" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("app.cli.team.getpass", lambda prompt: SECRET)
    assert main(["team", "password", address]) == 0
    assert held_passwords == {login_of(address): SECRET}
    assert main(["team", "password", address, "--forget"]) == 0
    out, errors = capsys.readouterr()
    assert not held_passwords and "kept in the keyring" in out and "forgotten" in out
    assert SECRET not in out + errors
