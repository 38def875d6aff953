"""A clock that stands still while this program does not run, for everything that waits for a board.

On a laptop that slept, or a machine too busy, seconds pass in which nobody has looked at the port: no board is late by them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S = 0.25
"""Whoever waits looks more often than this; a longer time between two looks was not all spent waiting."""


class Awake:
    """Seconds, never falling, of which at most `LOOK_S` pass between two looks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin at what `clock` says."""
        self._clock = clock
        self._seen = self._now = clock()

    def __call__(self) -> float:
        """The time; differences within one wait are what it is for."""
        seen = self._clock()
        self._now += min(seen - self._seen, LOOK_S)
        self._seen = seen
        return self._now


awake = Awake()
"""This program's."""
