"""Sounds that tests of reading and of writing share."""

import numpy as np
import pytest
import soundfile

RATE = 48000


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    """Return three stereo seconds in which every sample says where it is."""
    path = tmp_path_factory.mktemp("ramp") / "ramp.wav"
    left = np.linspace(-0.9, 0.9, 3 * RATE)
    soundfile.write(path, np.stack([left, -left], 1), RATE, subtype="PCM_24")
    return path
