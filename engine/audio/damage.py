"""What of a damaged sound could be heard, in a few words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.audio.clip import Clip

_SLACK_S = 0.05  # by which a sound may be shorter than its header says
_GUESSED_SLACK_S = 0.25  # the same, of codecs that count in packets


@dataclass(frozen=True)
class Damage:
    """Seconds that were heard, of ``whole_s`` that there should be; if not known, the reason."""

    heard_s: float
    whole_s: float
    reason: str = ""

    def __str__(self) -> str:
        """Return it as a note, such as "damaged: 12.4 of about 30.0 s could be heard"."""
        heard, whole = f"{self.heard_s:.1f}", f"{self.whole_s:.1f}"
        if self.reason:
            return f"damaged: {self.reason}, {heard} s could be read"
        if heard == whole:
            return f"damaged: less than 0.1 of {whole} s could not be read"
        return f"damaged: {heard} of about {whole} s could be read"


def damage_of(clip: Clip, frames: int) -> Damage | None:
    """Return what is wrong with a clip that was read to its end, at ``frames``; None if nothing.

    :raises AudioError: the file cannot be read any more.
    """
    read_s, lost_s = frames / clip.rate_hz, clip.lost / clip.rate_hz
    whole_s = max(read_s, _said_s(clip, read_s))
    reason = "" if clip.tells_length else "its header was never finished"
    if clip.pages.is_cut:
        reason = "its end is missing"
    lost_s = max(lost_s, clip.pages.lost_s - (whole_s - read_s))
    heard_s = max(0.0, read_s - lost_s)
    return Damage(heard_s, whole_s, reason) if reason or heard_s < whole_s else None


def _said_s(clip: Clip, read_s: float) -> float:
    """Return how long a header says that a sound is, if it is too short for that."""
    if clip.said is None:
        return 0.0
    slack_s = _SLACK_S if clip.facts.bits is not None else _GUESSED_SLACK_S
    said_s = clip.said / clip.rate_hz
    return said_s if read_s < said_s - slack_s else 0.0
