"""How far what is said of a result is off from how often it is right."""

from __future__ import annotations

import numpy as np


def expected_calibration_error(likely: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Return the mean |confidence − accuracy| over equal bins, weighted by their sizes."""
    place = np.minimum((likely * bins).astype(int), bins - 1)
    error = 0.0
    for number in np.unique(place):
        inside = place == number
        error += inside.mean() * abs(likely[inside].mean() - right[inside].mean())
    return float(error)
