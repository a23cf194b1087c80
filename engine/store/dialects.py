"""What SQLite and PostgreSQL say differently: types, and expressions that each compiles its way.

All other statements are SQLAlchemy Core and the same for both; see docs/decisions/0029.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from engine.store.lexemes import tsquery

SERVER = "postgresql"


class ServerText(TypeDecorator[str]):
    """A text that is compared byte by byte, as SQLite does, and holds no NUL."""

    impl = String(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Leave out what PostgreSQL cannot keep."""
        return value.replace("\0", "") if value else value


WHOLE = Integer().with_variant(BigInteger(), SERVER)  # 64 bits in either
TEXT = String().with_variant(ServerText(), SERVER)


@dataclass(frozen=True)
class Phrases:
    """That some phrase of every group occurs in one column of the words, or in any.

    Phrases are words as :func:`engine.store.words.search_words` gives them; one that ends in ``*``
    matches words that begin as its last one.
    """

    groups: tuple[tuple[str, ...], ...]
    column: str | None = None


def fts5(wanted: Phrases) -> str:
    """Return phrases as an expression of FTS5."""
    groups = [" OR ".join(map(_fts5_phrase, group)) for group in wanted.groups]
    said = groups[0] if len(groups) == 1 else " AND ".join(f"({group})" for group in groups)
    return said if wanted.column is None else f"{{{wanted.column}}} : ({said})"


def _fts5_phrase(phrase: str) -> str:
    return f'"{phrase[:-1]}" *' if phrase.endswith("*") else f'"{phrase}"'


class PhrasesType(TypeDecorator[Phrases]):
    """Phrases as a parameter, in the language of the store."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Phrases | None, dialect: Dialect) -> str | None:
        """Return them as the store reads them."""
        if value is None:
            return None
        return tsquery(value.groups, value.column) if dialect.name == SERVER else fts5(value)


class words_match(FunctionElement[Any]):  # noqa: N801 - functions of SQL are written small
    """Whether a row of the table of words holds phrases."""

    inherit_cache = True


class is_own(FunctionElement[Any]):  # noqa: N801
    """Whether an author is who asks; in a file all are, but where it follows a server's library."""

    inherit_cache = True


class joined(FunctionElement[str]):  # noqa: N801
    """The values of all rows as one text, which is much faster than a row for each.

    A second argument stands between them, by default a comma.
    """

    type = String()
    inherit_cache = True


class each_id(FunctionElement[Any]):  # noqa: N801
    """A table of the ids in a JSON array, in the column ``value``."""

    inherit_cache = True


class place_of(FunctionElement[int]):  # noqa: N801
    """Where a text holds another, from 1; 0: nowhere."""

    type = Integer()
    inherit_cache = True


class utf8(FunctionElement[bytes]):  # noqa: N801
    """The bytes of a text."""

    inherit_cache = True


def _arguments(element: FunctionElement[Any], compiler: SQLCompiler, kw: Any) -> list[str]:
    return [compiler.process(argument, **kw) for argument in element.clauses]


def _compiled(element: type[FunctionElement[Any]], dialect: str, form: str) -> None:
    """Let an expression be compiled to a form that its arguments are put into."""

    @compiles(element, dialect)
    def compiled(function: FunctionElement[Any], compiler: SQLCompiler, **kw: Any) -> str:
        given = _arguments(function, compiler, kw)
        return form.format(*given, all=", ".join(given))


_compiled(words_match, "sqlite", "words MATCH {0}")
_compiled(words_match, SERVER, "words.vector @@ CAST({0} AS tsquery)")
_compiled(
    is_own,
    "sqlite",
    "coalesce({0} = (SELECT CAST(value AS TEXT) FROM settings WHERE name = 'member'), 1)",
)
_compiled(is_own, SERVER, "{0} = session_user")
_compiled(each_id, "sqlite", "json_each({0})")
_compiled(
    each_id,
    SERVER,
    "(SELECT CAST(value AS bigint) AS value FROM json_array_elements_text(CAST({0} AS json)))",
)
_compiled(place_of, "sqlite", "instr({all})")
_compiled(place_of, SERVER, "strpos({all})")
_compiled(utf8, "sqlite", "CAST({0} AS BLOB)")
_compiled(utf8, SERVER, "convert_to({0}, 'UTF8')")
_compiled(joined, "sqlite", "group_concat({all})")


@compiles(joined, SERVER)
def _joined_by_server(function: joined, compiler: SQLCompiler, **kw: Any) -> str:
    value, *between = _arguments(function, compiler, kw)
    return f"string_agg(CAST({value} AS text), {between[0] if between else repr(',')})"


@compiles(OnConflictDoNothing, SERVER)
def _nothing_by_server(clause: Any, compiler: Any, **kw: Any) -> str:
    clause.constraint_target = None  # which SQLite does not have; all else is the same
    return str(compiler.visit_on_conflict_do_nothing(clause, **kw))


@compiles(OnConflictDoUpdate, SERVER)
def _update_by_server(clause: Any, compiler: Any, **kw: Any) -> str:
    clause.constraint_target = None
    return str(compiler.visit_on_conflict_do_update(clause, **kw))
