"""Texts of files as they may be shown: what steers a terminal or hides itself is spelled out."""

from __future__ import annotations

import unicodedata

_JOINERS = "\u200c\u200d"  # needed inside words of some scripts, and in emoji


def visible(text: str, kept: str = "\n\t") -> str:
    r"""Return a text whose every character is seen.

    Control, bidirectional and invisible characters become ``\x1b`` or ``\u202e``, and halves of
    characters, as undecodable names hold them, ``\udce9``.

    :param kept: control characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c if _is_seen(c, before) or c in kept else _spelled(c)
        for c, before in zip(text, "a" + text, strict=False)
    )


def one_line(text: object) -> str:
    """Return a text as one visible line: a name cannot pretend to be two."""
    return visible(str(text), kept="")


def _is_seen(character: str, before: str) -> bool:
    if character.isprintable():
        return True
    if character in _JOINERS:
        return not before.isascii()
    return unicodedata.category(character) == "Zs"  # wide and narrow spaces


def _spelled(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return {"\n": r"\n", "\t": r"\t", "\r": r"\r"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
