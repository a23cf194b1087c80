"""Numbers and places as the window writes them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale

from engine.search.answer import Match
from engine.store import SoundRow

_HARDLY, _MOSTLY = 0.1, 0.67  # shares of the words in what speaks for a match


def tr(text: str) -> str:
    """Return a text in the user's language, where it belongs to no class of Qt's."""
    return QCoreApplication.translate("", text)


def duration(seconds: float) -> str:
    """Return a length as people in the trade read it: ``0.42``, ``4:05.1`` or ``1:02:30``."""
    if seconds < 60:
        return f"{seconds:.2f}"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{int(rest):02d}"
    return f"{minutes}:{rest:04.1f}"


def number(count: int) -> str:
    """Return a count with its thousands apart, also where the system has no language set."""
    locale = QLocale()
    apart = locale.numberOptions() & ~QLocale.NumberOption.OmitGroupSeparator
    locale.setNumberOptions(apart)
    return locale.toString(count)


def counted(count: int, one: str, many: str, *rest: str) -> str:
    """Return the sentence for one thing, or that for many with their number in it.

    :param rest: stands in both, behind the number.
    """
    if count == 1:
        return one.format(*rest) if rest else one
    return many.format(number(count), *rest)


def lufs(value: float | None) -> str:
    """Return a loudness as it stands in a column: ``−18.3``; nothing where it was not measured."""
    if value is None:
        return ""
    return f"{value:.1f}".replace("-", "−")


def loudness(sound: SoundRow) -> str:
    """Return how loud a sound is in all: ``−18.3 LUFS, range 4.1 LU, peak −1.2 dBTP``."""
    if sound.lufs is None or sound.peak_db is None:
        return ""
    parts = [f"{lufs(sound.lufs)} LUFS"]
    if sound.range_lu is not None:
        parts.append(tr("range {} LU").format(lufs(sound.range_lu)))
    parts.append(tr("peak {} dBTP").format(lufs(sound.peak_db)))
    return ", ".join(parts)


def signed(value: float, unit: str, digits: int = 1) -> str:
    """Return a difference with its sign and unit: ``−4.2 dB``, ``+3 st``, ``0.0 dB``."""
    rounded = round(value, digits) + 0.0  # never minus zero
    return f"{rounded:{'+' if rounded else ''}.{digits}f} {unit}".replace("-", "−")


def frequency(hertz: int) -> str:
    """Return a frequency as it stands on an axis: ``500``, ``2 k``."""
    return f"{hertz / 1000:g} k" if hertz >= 1000 else str(hertz)


def technical(sound: SoundRow) -> str:
    """Return rate, depth and channels: ``48 k · 24 · stereo``."""
    rate = f"{sound.rate_hz / 1000:g} k"
    return " · ".join(filter(None, (rate, str(sound.bits or ""), _short_channels(sound))))


def channels(count: int) -> str:
    """Return a number of channels as it is called: ``stereo``, ``5.1``, ``4 ch``.

    Four may be quadraphonic, a soundfield or two pairs: their number says no more than it says.
    """
    named = {1: tr("mono"), 2: tr("stereo"), 6: "5.1", 8: "7.1"}
    return named.get(count) or tr("{} ch").format(count)


def channels_title(count: int, layout: str) -> str:
    """Return what the channels of a sound are: ``Stereo``, ``5.1``, ``Ambisonic, order 1``."""
    name, _, order = layout.partition(" ")
    if name == "ambisonic":
        return tr("Ambisonic, order {}").format(order) if order else tr("Ambisonic")
    named = {"quad": tr("Quad")}.get(layout, layout)
    by_count = {1: tr("Mono"), 2: tr("Stereo"), 6: "5.1", 8: "7.1"}
    return named or by_count.get(count) or tr("{} channels").format(count)


def _short_channels(sound: SoundRow) -> str:
    return sound.layout or channels(sound.channels)


@cache
def _home() -> str:
    return str(Path.home())


def short_folder(path: str) -> str:
    """Return the folder of a file, the home folder as ``~``."""
    folder, home = os.path.dirname(path), _home()  # noqa: PTH120 - 10⁶ times
    if folder == home or folder.startswith(home + os.sep):
        return "~" + folder[len(home) :]
    return folder


def time_left(seconds: float) -> str:
    """Return how long something still takes: ``2 min``."""
    if seconds < 90:
        return tr("{} s left").format(max(1, round(seconds)))
    if seconds < 5400:
        return tr("{} min left").format(round(seconds / 60))
    return tr("{} h left").format(round(seconds / 3600, 1))


def roughly_left(seconds: float) -> str:
    """Return how long something long still takes, as people say it: ``about 2 minutes left``."""
    if seconds < 20:
        return tr("a few seconds left")
    if seconds < 45:
        return tr("less than a minute left")
    if seconds < 90:
        return tr("about a minute left")
    if seconds < 5400:
        return tr("about {} minutes left").format(round(seconds / 60))
    return tr("about {} hours left").format(round(seconds / 3600))


def what_speaks_for(match: Match) -> str:
    """Return in a line whether a match owes its strength to its name or to its sound."""
    if match.words_share is None:
        return ""
    if match.words_share < _HARDLY:
        return tr("By sound alone")
    words = ", ".join(match.words)
    if match.words_share > _MOSTLY:
        return tr("Mostly its name: {}").format(words)
    return tr("Name and sound: {}").format(words)
