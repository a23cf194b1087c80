"""Words as SQLite's full text cuts and stems them, for a server that shall find the same sounds.

PostgreSQL's own dictionaries stem otherwise and leave words out.  So texts and queries go through
the tokenizer of the other store, an empty table of FTS5 in memory, and the server is given lexemes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

TOKENIZER = "porter unicode61 remove_diacritics 2"
COLUMNS = ("name", "folders", "category", "tags", "details")  # the longest, which may be cut, last
_WEIGHTS = {"name": "A", "folders": "B", "category": "C", "tags": "C", "details": "D"}
_LAST_PLACE = 16_383  # that a tsvector has
_MOST_PLACES = 255  # of one lexeme
_MOST_BYTES = 500_000  # of a tsvector, which may have twice as many
_NOTHING = "' '"  # no word is a space
_LONGEST = 500  # characters of a lexeme, which may have 2,046 bytes


class _Tokenizer:
    """The tokenizer of FTS5; threads take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            ":memory:", check_same_thread=False, isolation_level=None
        )
        self._connection.execute(
            f"CREATE VIRTUAL TABLE texts USING fts5(words, content='', tokenize='{TOKENIZER}')"
        )
        self._connection.execute("CREATE VIRTUAL TABLE found USING fts5vocab(texts, instance)")

    def tokens(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words of texts, in their order."""
        found: list[list[tuple[int, str]]] = [[] for _ in texts]
        with self._lock:
            put = "INSERT INTO texts (rowid, words) VALUES (?, ?)"
            self._connection.executemany(put, enumerate(texts, start=1))
            for term, row, place in self._connection.execute(
                'SELECT term, doc, "offset" FROM found'
            ):
                found[row - 1].append((place, term[:_LONGEST]))
            self._connection.execute("INSERT INTO texts (texts) VALUES ('delete-all')")
        return [[term for _, term in sorted(words)] for words in found]


@cache
def _tokenizer() -> _Tokenizer:
    return _Tokenizer()


def tsvectors(rows: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the words of sounds, by column, as a ``tsvector`` is written.

    Columns are told apart by weights, and stand so that no phrase reaches from one into another.
    Behind 16,000 words the order of words is not known any more.
    """
    listed = list(rows)
    cut = iter(_tokenizer().tokens([row[name] for row in listed for name in COLUMNS]))
    return [_tsvector({name: next(cut) for name in COLUMNS}) for _ in listed]


def _tsvector(words: Mapping[str, Sequence[str]]) -> str:
    places: dict[str, list[str]] = {}
    place = size = 0
    for name in COLUMNS:
        place += 1  # a gap
        for word in words[name]:
            place += 1
            if word not in places:
                size += len(word.encode()) + 8
                if size > _MOST_BYTES:
                    continue
            known = places.setdefault(word, [])
            if len(known) < _MOST_PLACES:
                size += 2
                known.append(f"{min(place, _LAST_PLACE)}{_WEIGHTS[name]}")
    return " ".join(f"{_quoted(word)}:{','.join(known)}" for word, known in places.items())


def tsquery(groups: Sequence[Sequence[str]], column: str | None = None) -> str:
    """Return that some phrase of every group occurs, as a ``tsquery`` is written.

    :param groups: phrases of lower-case words; one that ends in ``*`` matches what begins so.
    :param column: in which alone they are looked for.
    """
    phrases = [phrase for group in groups for phrase in group]
    cut = dict(zip(phrases, _tokenizer().tokens([p.rstrip("*") for p in phrases]), strict=True))
    weight = _WEIGHTS[column] if column is not None else ""
    said = [
        " | ".join(_phrase(cut[p], weight, p.endswith("*")) for p in group if cut[p])
        for group in groups
    ]
    return " & ".join(f"({group or _NOTHING})" for group in said)


def word_queries(words: Sequence[str]) -> dict[str, str]:
    """Return by word how its lexemes are asked for; see :func:`tsquery`."""
    cut = zip(words, _tokenizer().tokens(words), strict=True)
    return {word: _phrase(lexemes, "", False) for word, lexemes in cut if lexemes}


def _phrase(words: Sequence[str], weight: str, is_prefix: bool) -> str:
    marks = [weight] * len(words)
    if is_prefix:
        marks[-1] = f"*{weight}"
    said = [_quoted(w) + (f":{m}" if m else "") for w, m in zip(words, marks, strict=True)]
    return f"({' <-> '.join(said)})"


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
