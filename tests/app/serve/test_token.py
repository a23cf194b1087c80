"""The token: only its user can read it, and nothing but a token is taken for one."""

import os
import stat
import sys

import pytest

from app.serve.token import ensure_token, is_token, token_file
from engine.errors import InputError

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has access lists instead")


def test_a_token_is_made_once_and_kept():
    first = ensure_token()
    assert len(first) == 43 and ensure_token() == first
    assert ensure_token(new=True) != first
    assert is_token(ensure_token(), ensure_token()) and not is_token(first, ensure_token())
    assert [path.name for path in token_file().parent.iterdir()] == ["serve-token"]


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_user_can_read_it_whatever_the_mask(mask):
    before = os.umask(mask)
    try:
        ensure_token()
    finally:
        os.umask(before)
    assert stat.S_IMODE(token_file().stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_could_read_or_write_is_replaced(mode):
    first = ensure_token()
    token_file().chmod(mode)
    assert ensure_token() != first
    assert stat.S_IMODE(token_file().stat().st_mode) == 0o600


@pytest.mark.parametrize("held", [b"", b"short", b"x" * 44, b"a b" * 20, b"\xff" * 43])
def test_a_file_that_holds_no_token_is_refused_in_one_sentence(held):
    token_file().parent.mkdir(parents=True, exist_ok=True)
    token_file().write_bytes(held)
    token_file().chmod(0o600)
    with pytest.raises(InputError, match="holds no token: remove it"):
        ensure_token()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_no_token(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"x" * 43)
    other.chmod(0o600)
    token_file().parent.mkdir(parents=True, exist_ok=True)
    token_file().symlink_to(other)
    with pytest.raises(InputError, match="is a link"):
        ensure_token()
    token_file().unlink()
    token_file().mkdir()
    with pytest.raises(InputError, match="is a folder"):
        ensure_token()
