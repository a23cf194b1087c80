"""Recursive filters over consecutive frames, a block of frames in one product.

In a state space a filter gives of a block of frames what its state before them gives, and what they
give themselves; both are products of matrices (C. S. Burrus, *Block realization of digital
filters*, IEEE Transactions on Audio and Electroacoustics 20, 1972).
"""

from __future__ import annotations

import numpy as np

from engine.arrays import Doubles, Floats
from engine.audio.scratch import scratch

_BLOCK = 32  # frames that are filtered at once
_BLOCKS = 128  # in one product: so few that BLAS needs no second thread for it
_FORGOTTEN = 1e-18  # of a state; less changes no sum


class BlockForm:
    """Sections of second order, one after another, as the products that filter a block.

    :param sections: (sections, 6) with b0, b1, b2, a0 = 1, a1, a2 of each; stable ones, in which
        no zero cancels a pole.
    """

    def __init__(self, sections: Doubles) -> None:
        step, drive, read, direct = _of_even_states(*_state_space(sections))
        powers = [np.eye(len(step))]
        for _ in range(_BLOCK):
            powers.append(step @ powers[-1])
        answers = np.array([direct, *(read @ power @ drive for power in powers[: _BLOCK - 1])])
        own = np.zeros((_BLOCK, _BLOCK + len(step)))
        for place in range(_BLOCK):
            own[place, place:_BLOCK] = answers[: _BLOCK - place]
            own[place, _BLOCK:] = powers[_BLOCK - 1 - place] @ drive
        # What each frame of a block gives in it, and to the state behind it.
        self.own = own.astype(np.float32)
        self.of_state = np.array([read @ power for power in powers[:_BLOCK]]).T.astype(np.float32)
        self.powers = powers  # of what a frame makes of a state

    @property
    def states(self) -> int:
        """Return how many numbers a state has."""
        return len(self.of_state)


class BlockFilter:
    """Filters consecutive frames of so many lanes: sums in single precision, states in double."""

    def __init__(self, form: BlockForm, lanes: int) -> None:
        self._form = form
        self._state = np.zeros((lanes, form.states))

    def __call__(self, lanes: np.ndarray) -> Floats:
        """Filter the next frames, (lanes, frames) like what is returned.

        That is overwritten when this thread filters again.
        """
        form, (count, frames) = self._form, lanes.shape
        groups = max(1, -(-frames // (_BLOCK * _BLOCKS)))
        padded = scratch("padded", count, groups, _BLOCKS, _BLOCK)
        padded.reshape(count, -1)[:, :frames] = lanes
        padded.reshape(count, -1)[:, frames:] = 0.0
        given = scratch("given", count, groups, _BLOCKS, _BLOCK + form.states)
        np.matmul(padded, form.own, out=given)
        blocks, given = padded.reshape(count, -1, _BLOCK), given.reshape(count, -1, given.shape[-1])
        states = self._states(given[:, :, _BLOCK:])
        whole, rest = divmod(frames, _BLOCK)
        self._state = states[:, :, whole]
        if rest:
            begun = blocks[:, whole, :rest] @ form.own[_BLOCK - rest :, _BLOCK:]
            self._state = self._state @ form.powers[rest].T + begun
        before = states[:, :, :-1].transpose(0, 2, 1).astype(np.float32)
        filtered: Floats = np.matmul(before, form.of_state, out=blocks)
        filtered += given[:, :, :_BLOCK]
        return filtered.reshape(count, -1)[:, :frames]

    def _states(self, given: Floats) -> Doubles:
        """Return the states before every block and behind the last, (lanes, states, blocks + 1).

        Each is the sum of what all blocks before it gave, further on; twice as far in every step.
        """
        count, blocks, size = given.shape
        states = np.empty((count, size, blocks + 1))
        states[:, :, 0], states[:, :, 1:] = self._state, given.transpose(0, 2, 1)
        further, reach = self._form.powers[_BLOCK], 1
        while reach <= blocks and np.abs(further).max() > _FORGOTTEN:
            states[:, :, reach:] += further @ states[:, :, :-reach]
            further, reach = further @ further, 2 * reach
        return states


def _state_space(sections: Doubles) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return A, B, C, D with s' = A s + B x and y = C s + D x, two states for each section."""
    size = 2 * len(sections)
    step, drive, read, direct = np.zeros((size, size)), np.zeros(size), np.zeros(size), 1.0
    for number, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        own = slice(2 * number, 2 * number + 2)
        enters = np.array([b1 - a1 * b0, b2 - a2 * b0])
        step[own] += np.outer(enters, read)
        step[own, own] = [[-a1, 1.0], [-a2, 0.0]]
        drive[own] = enters * direct
        read, direct = b0 * read, b0 * direct
        read[2 * number] = 1.0
    return step, drive, read, direct


def _of_even_states(
    step: Doubles, drive: Doubles, read: Doubles, direct: float
) -> tuple[Doubles, Doubles, Doubles, float]:
    """Return the same filter with states that white noise drives alike, and independently.

    Of slow filters the others cancel one another, and what is rounded in them does not
    (C. T. Mullis and R. A. Roberts, *Synthesis of minimum roundoff noise fixed point digital
    filters*, IEEE Transactions on Circuits and Systems 23, 1976): of a constant -130 dB are left
    instead of -70.
    """
    variance, further = np.outer(drive, drive), step
    while np.abs(further).max() > _FORGOTTEN:
        variance, further = variance + further @ variance @ further.T, further @ further
    even = np.linalg.cholesky(variance)
    back = np.linalg.inv(even)
    return back @ step @ even, back @ drive, read @ even, direct
