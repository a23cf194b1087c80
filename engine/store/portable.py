"""The seam between paths of this computer and paths of the library; see docs/decisions/0033.

Statements that run in a transaction of :class:`engine.store.library.Library` take and return paths
of this computer; all others (copies, repair, full text) see what the library holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import ColumnElement, Dialect, String, and_, case, func, literal, or_, type_coerce
from sqlalchemy.types import TypeDecorator, TypeEngine

from engine.roots import HERE, PREFIX, Mounts
from engine.store.dialects import SERVER, TEXT, ServerText

_mounts: ContextVar[Mounts | None] = ContextVar("mounts", default=None)


@contextmanager
def mapped_by(mounts: Mounts | None) -> Iterator[None]:
    """Let statements of this thread take and return paths of this computer.

    :param mounts: where roots are; None: paths stay as the library holds them.
    """
    token = _mounts.set(mounts)
    try:
        yield
    finally:
        _mounts.reset(token)


def mounts_in_effect() -> Mounts:
    """Return where roots are mounted, in a transaction of a library.

    :raises RuntimeError: there is none: a condition was built too early, and would miss roots.
    """
    mounts = _mounts.get()
    if mounts is None:
        raise RuntimeError("conditions on paths are built inside a transaction of a library")
    return mounts


def _local(stored: str | None) -> str | None:
    if stored is None or not stored.startswith(PREFIX):  # as most paths do
        return stored
    mounts = _mounts.get()
    return stored if mounts is None else mounts.local(stored)


class _Path(TypeDecorator[str]):
    """A path: of this computer outside, as the library holds it inside."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what a text is there."""
        return dialect.type_descriptor(ServerText() if dialect.name == SERVER else String())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what the library holds."""
        mounts = _mounts.get()
        return value if value is None or mounts is None else mounts.stored(value)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], str | None]:
        """Return what tells where a path is here: once for every row, so nothing between."""
        return _local


PATH = _Path()


def as_stored(path: Any) -> ColumnElement[str]:
    """Return a path as the library holds it, whatever the transaction."""
    return type_coerce(path, TEXT)


def is_at(column: Any, folder: str) -> ColumnElement[bool]:
    """Return whether a path is ``folder`` or below it, compared byte by byte.

    :raises RuntimeError: this is no transaction of a library.
    """
    path = as_stored(column)
    return or_(
        *(
            or_(path == span.itself, and_(path >= span.low, path < span.high))
            for span in mounts_in_effect().spans(folder)
        )
    )


def is_below(path: Any, folder: Any) -> ColumnElement[bool]:
    """Return whether one column's path, as the library holds it, is another's or below it."""
    separator, following = _separator_of(folder), _separator_of(folder, 1)
    base = func.rtrim(folder, separator, type_=String())
    return or_(path == folder, and_(path >= base + separator, path < base + following))


def folder_of(path: Any) -> ColumnElement[str]:
    """Return the folder of a path with a separator behind it, as the library holds it."""
    stored = as_stored(path)
    return func.rtrim(stored, func.replace(stored, _separator_of(stored), ""), type_=String())


def _separator_of(stored: Any, after: int = 0) -> ColumnElement[str]:
    """Return what stands between the parts of a path, or so many characters ``after`` that."""
    own, other = chr(ord(HERE.separator) + after), chr(ord("/") + after)
    if own == other:
        return literal(own)
    is_under_root = func.substr(stored, 1, len(PREFIX)) == PREFIX
    return case((is_under_root, literal(other)), else_=literal(own))
