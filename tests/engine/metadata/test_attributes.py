"""Owner, permissions and extended attributes go over to a new file, or the system says why not."""

import ctypes
import ctypes.util
import errno
import os
import sys
from pathlib import Path

import pytest

from engine.metadata.attributes import copy_attributes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes as Unix has them")
linux = pytest.mark.skipif(sys.platform != "linux", reason="extended attributes of Linux")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "old.wav", tmp_path / "new.wav"
    for path in paths:
        path.write_bytes(b"x")
    return paths


class Disk:
    """Extended attributes by path; ``refused`` names cannot be set."""

    def __init__(self, monkeypatch, held: dict[str, bytes], error: int = errno.ENOSPC) -> None:
        self.asked, self.set, self.refused = list[object](), dict[str, bytes](), set[str]()
        self.error = error
        monkeypatch.setattr(os, "listxattr", lambda path: (self.asked.append(path), list(held))[1])
        monkeypatch.setattr(os, "getxattr", lambda path, name: held[name])
        monkeypatch.setattr(os, "setxattr", self._set)

    def _set(self, path: Path, name: str, value: bytes) -> None:
        if name in self.refused:
            raise OSError(self.error, "No room")
        self.asked.append(path)
        self.set[name] = value


@linux
def test_every_attribute_goes_over(pair, monkeypatch):
    old, new = pair
    held = {"user.a": b"1", "system.posix_acl_access": b"2", "security.selinux": b"3"}
    disk = Disk(monkeypatch, held)
    copy_attributes(old, new)
    assert disk.set == held and disk.asked == [old, new, new, new, new]  # both are listed


@linux
@pytest.mark.parametrize("name", ["security.a", "trusted.b", "system.nfs4_acl"])
def test_what_the_system_gives_itself_need_not_go_over(pair, monkeypatch, name):
    disk = Disk(monkeypatch, {"user.a": b"1", name: b"2", "user.b": b"3"})
    disk.refused = {name}
    copy_attributes(*pair)
    assert disk.set == {"user.a": b"1", "user.b": b"3"}


@linux
@pytest.mark.parametrize("name", ["user.a", "system.posix_acl_access"])
def test_an_attribute_of_the_users_that_cannot_be_kept_is_told(pair, monkeypatch, name):
    Disk(monkeypatch, {name: b"1"}).refused = {name}
    with pytest.raises(OSError) as told:
        copy_attributes(*pair)
    assert told.value.errno == errno.ENOSPC
    assert told.value.strerror == f"its extended attribute {name} cannot be preserved (No room)"


@linux
@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EIO])
def test_a_disk_without_attributes_is_no_problem_and_a_broken_one_is(pair, monkeypatch, number):
    def listed(path: Path) -> list[str]:
        raise OSError(number, "No")

    monkeypatch.setattr(os, "listxattr", listed)
    if number != errno.EIO:
        copy_attributes(*pair)
        return
    with pytest.raises(OSError) as told:
        copy_attributes(*pair)
    assert told.value.errno == errno.EIO


def test_the_mode_goes_over(pair):
    old, new = pair
    for mode in (0o640, 0o4755):
        old.chmod(mode)
        copy_attributes(old, new)
        assert new.stat().st_mode & 0o7777 == mode


class Owned:
    """What ``stat`` says of a file of somebody else's."""

    def __init__(self, path: Path, owner: int, group: int) -> None:
        real = path.stat()
        self.st_mode, self.st_uid, self.st_gid = real.st_mode, owner, group


@pytest.mark.parametrize("owner", [(11, 22), (11, 33), (44, 22), (44, 33)])
@pytest.mark.parametrize("refused", [0, 1, 2])
def test_the_owner_goes_over_or_else_the_group(pair, monkeypatch, owner, refused):
    old, new = pair
    states = {old: Owned(old, *owner), new: Owned(new, 11, 22)}
    monkeypatch.setattr(Path, "stat", lambda path: states[path])
    given: list[tuple[object, ...]] = []

    def chown(*arguments: object) -> None:
        given.append(arguments)
        if len(given) <= refused:
            raise PermissionError

    monkeypatch.setattr(os, "chown", chown)
    copy_attributes(old, new)
    wanted = [(new, *owner), (new, -1, owner[1])]
    assert given == ([] if owner == (11, 22) else wanted[: min(refused + 1, 2)])


@pytest.mark.parametrize("fails", [False, True])
def test_on_macos_the_system_copies_all(pair, monkeypatch, fails):
    old, new = pair
    old.chmod(0o600)
    new.chmod(0o644)
    asked: list[object] = []

    class Library:
        def __init__(self, name: str | None, use_errno: bool = False) -> None:
            asked.append((name, use_errno))

        def copyfile(self, *arguments: object) -> int:
            asked.append(arguments)
            return -1 if fails else 0

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr(ctypes, "get_errno", lambda: errno.EACCES)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.dylib")
    if fails:
        with pytest.raises(OSError) as told:
            copy_attributes(old, new)
        assert told.value.errno == errno.EACCES
        assert told.value.strerror == "its attributes cannot be preserved"
    else:
        copy_attributes(old, new)
    copied = (os.fsencode(old), os.fsencode(new), None, 1 | 2 | 4)
    assert asked == [("libc.dylib", True), copied]
    assert new.stat().st_mode & 0o777 == 0o644  # nothing beside that
