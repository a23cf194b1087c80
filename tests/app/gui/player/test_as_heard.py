"""What is handed over is what was heard: the player's frames beside those of the file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.gui.player.ranges import faded, rendering_of
from app.gui.player.sound.order import Listening, Order
from engine.handover.door import hand_over
from engine.handover.order import Order as Leaving
from tests.app.gui.player.test_manner import RATE, played


@pytest.fixture(scope="module")
def waves(tmp_path_factory) -> Path:
    """Return two seconds of two slow tones, which any resampler carries over."""
    path = tmp_path_factory.mktemp("waves") / "waves.wav"
    seconds = np.arange(2 * RATE) / RATE
    tones = [0.5 * np.sin(2 * np.pi * hertz * seconds) for hertz in (110, 330)]
    soundfile.write(path, np.stack(tones, 1), RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("speed", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("mode", ["all", "mono", "side"])
def test_a_range_leaves_with_its_fades_speed_direction_channels_and_gain(
    waves, tmp_path, reverse, speed, mode
):
    span_s, fades_s = (0.5, 1.5), (0.1, 0.3)
    playing = Order(waves, 1.5 if reverse else 0.5, span_s, reverse=reverse, speed=speed, gain=0.5)
    playing = replace(playing, fades_s=fades_s, listening=Listening(mode))
    rendering = faded(rendering_of(playing), playing)
    made, _ = soundfile.read(
        hand_over(Leaving(waves, span_s, rendering=rendering), tmp_path), always_2d=True
    )
    expected = played(playing)[0][:, : made.shape[1]]
    assert abs(len(made) - len(expected)) < 200
    inner = slice(500, min(len(made), len(expected)) - 500)  # filters begin and end otherwise
    assert np.abs(made[inner] - expected[inner]).max() < 0.01
