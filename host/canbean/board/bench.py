"""How fast a board judges frames, measured on it: the host's half of `firmware/commands/bench.py`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from canbean.board.update import authenticated
from canbean.errors import BoardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from canbean.board.link import Board

FIRST = "fingerprint"
SILENCE_S = 120.0
"""A part of a bench that takes longer has not come back."""


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes:
        frames: frames that each part judged.
        parts: microseconds a frame: of the fingerprint, and of each other part what it adds to that.
        all_us: microseconds a frame of all of them together.
        receive_us: microseconds that the bus's driver takes to receive a frame, or None: no bus, or no frame came.
        allocated: bytes that judging a frame took of the heap, where the board can tell.
        heap_before, heap_after: free bytes of heap, after a collection; None where nothing limits it.
    """

    frames: int
    parts: dict[str, float]
    all_us: float
    receive_us: float | None
    allocated: float
    heap_before: int | None
    heap_after: int | None

    @property
    def frames_per_second(self) -> float:
        """What the board sustains: of the detectors alone where nothing was received."""
        return 1e6 / max(self.all_us + (self.receive_us or 0.0), 1e-3)

    def describe(self) -> dict[str, Any]:
        """Plain values; `frames_per_second` is what `can plan --max-fps` takes."""
        return {
            "frames_per_second": round(self.frames_per_second, 1),
            "receiving_included": self.receive_us is not None,
            "frames": self.frames,
            "us_per_frame": {name: round(us, 2) for name, us in self.parts.items()},
            "us_per_frame_all": round(self.all_us, 2),
            "us_per_frame_receive": None if self.receive_us is None else round(self.receive_us, 2),
            "bytes_allocated_per_frame": self.allocated,
            "heap_free_before": self.heap_before,
            "heap_free_after": self.heap_after,
        }


def bench(
    board: Board, frames: int, key: bytes | None = None, clock: Callable[[], float] = time.monotonic
) -> Bench:
    """Let a gateway judge made-up frames of its model's ids.

    Args:
        board: a gateway.
        frames: so many for each part.
        key: the board's, where it has one.
        clock: seconds, for tests.

    Raises:
        BoardError: it has no model, runs something else, says an error, or falls silent.
    """
    if board.hello.get("app") != "gateway" or board.hello.get("golden") != "ok":
        raise BoardError(
            f"{board.port}: has no gateway with a model: {board.refusal or board.hello.get('app')}"
        )
    board.command(authenticated(board, f"bench {frames}", key))
    lines: dict[str, dict[str, Any]] = {}
    end = clock() + SILENCE_S
    while "end" not in lines:
        if clock() > end:
            raise BoardError(f"{board.port}: no answer to 'bench' within {SILENCE_S:g} s")
        for record in board.read():
            said = record.values
            if said["type"] == "error":
                raise board.refused("bench")
            if said["type"] == "bench":
                lines[said["part"]] = said
                end = clock() + SILENCE_S
    if FIRST not in lines or "all" not in lines or "idle" not in lines:
        raise BoardError(f"{board.port}: lines of the bench were lost: try again")
    each = {name: said["us"] / said["frames"] for name, said in lines.items() if said["frames"]}
    receive = each.pop("receive", None)
    every = each.pop("all")
    parts = {name: us if name == FIRST else max(us - each[FIRST], 0.0) for name, us in each.items()}
    return Bench(
        frames=lines["all"]["frames"],
        parts=parts,
        all_us=every,
        receive_us=receive,
        allocated=round(lines["all"]["allocated"] / lines["all"]["frames"], 3),
        heap_before=lines["idle"]["heap_free"],
        heap_after=lines["end"]["heap_free"],
    )
