"""An order: what leaves, as what, and how it is rendered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.audio.mix import Mix
from engine.handover.forms import ORIGINAL, WAV, Form

PATTERN = "{name}[ {start}–{end}][ {how}]"


@dataclass(frozen=True)
class Rendering:
    """How a sound is changed on its way.

    ``semitones`` shift the pitch; None lets it go with the speed, as tape does.  Fades are in
    seconds of what is made, straight or of ``equal_power``; None fades 5 ms where it is cut out of
    the middle of its file.
    ``before_s`` and ``after_s`` are handles, in seconds of the source; ``mix`` makes one channel
    of those that were chosen.
    """

    speed: float = 1.0
    semitones: float | None = None
    reverse: bool = False
    gain_db: float = 0.0
    fade_in_s: float | None = None
    fade_out_s: float | None = None
    before_s: float = 0.0
    after_s: float = 0.0
    mix: Mix = "all"
    equal_power: bool = False

    @property
    def pitch(self) -> float:
        """Return by how many semitones the pitch is shifted in all."""
        return 12 * math.log2(self.speed) if self.semitones is None else self.semitones

    @property
    def is_tape(self) -> bool:
        """Return whether pitch and speed go together, so that nothing need be stretched."""
        return math.isclose(self.pitch, 12 * math.log2(self.speed), abs_tol=0.01)

    @property
    def treatment(self) -> str:
        """Return what is done to the sound, in words that a file name can hold; often nothing."""
        said = []
        if self.speed != 1:
            said.append(f"{self.speed:.2f}x")
        if self.semitones is not None and self.semitones:
            said.append(f"{self.semitones:+.3g}st")
        if self.reverse:
            said.append("reversed")
        if self.gain_db:
            said.append(f"{self.gain_db:+.3g}dB")
        if self.mix != "all":
            said.append(self.mix)
        return " ".join(said)


AS_IT_IS = Rendering()


@dataclass(frozen=True)
class Order:
    """What leaves: a file, or a part of it in seconds; all channels, or some, counted from 0.

    ``pattern`` names it (:mod:`.naming`), with ``fields`` beside those that the order itself gives.
    """

    path: Path
    span_s: tuple[float, float] | None = None
    channels: tuple[int, ...] | None = None
    form: Form = ORIGINAL
    rendering: Rendering = AS_IT_IS
    pattern: str = PATTERN
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_the_file(self) -> bool:
        """Return whether its file itself is wanted, byte for byte."""
        whole = self.span_s is None and self.channels is None
        return whole and self.form == ORIGINAL and self.rendering == AS_IT_IS

    @property
    def made_as(self) -> Form:
        """Return the format of what is rendered: 24-bit WAV where an original cannot stay one."""
        return WAV if self.form == ORIGINAL else self.form
