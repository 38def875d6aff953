"""What each part of a gateway takes of a small board's heap: many gateways on the 32-bit VM, and least squares."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from board_cost_cases import gateway, write
from canbean.board import firmware, profiles
from canbean.detect import board_cost, board_fit
from canbean.detect.board_cost import MEASURED, Size
from canbean.detect.learn import learn
from canbean.detect.select import select
from gateway_ledger import ledger
from gateway_load import bus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from canbean.detect.gateway import Gateway

TYPICAL_S = 600.0
RANDOM = (
    {"ids": 1},
    {"ids": 20},
    {"ids": 50},
    {"ids": 120},
    {"ids": 50, "unknown_bits": 1000},
    {"ids": 50, "checks": (50, 3)},
    {"ids": 50, "checks": (50, 1)},
    {"ids": 50, "checks": (10, 2)},
    {"ids": 50, "checks": (20, 1), "crcs": 6},
    {"ids": 50, "rules": 4},
    {"ids": 50, "rules": 30},
    {"ids": 50, "rules": 60, "payloads": 0},
    {"ids": 30, "checks": (20, 2), "rules": 5},
    {"ids": 20, "sequence": True},
    {"ids": 80, "sequence": True},
    {"ids": 20, "mixture": True},
    {"ids": 90, "mixture": True},
    {"ids": 50, "clock": True},
    {"ids": 100, "clock": True},
    {"ids": 50, "sequence": True, "mixture": True, "clock": True},
    {"ids": 50, "vae": 2},
    {"ids": 50, "lstm": 4},
    {"ids": 40, "vae": 6, "lstm": 6},
    {"ids": 70, "unknown_bits": 1000, "checks": (40, 2), "rules": 8, "sequence": True, "mixture": True},
)
SETS = (
    ("vae",),
    ("lstm",),
    ("checks", "sequence", "mixture", "clock"),
    ("checks", "clock", "lstm", "mixture", "sequence", "vae"),
)
"""Of the learned gateway: the weights of detectors of relations are as many as they really are."""


def learned() -> Gateway:
    """A gateway with every detector, learned from ten simulated minutes of a bus of 50 ids."""
    names = ("fingerprint", *SETS[-1])
    return select(learn([bus(TYPICAL_S, 1)]), names).learned.gateway


def cases(of: Gateway) -> Iterator[Gateway]:
    """The gateways that are measured."""
    for one in RANDOM:
        yield gateway(**one)
    for names in SETS:
        kept = {name: one for name, one in of.detectors.items() if name in names}
        yield replace(of, checks=of.checks if "checks" in names else None, detectors=kept)


def measure(of: Gateway, *, romfs: bool) -> int:
    """The ledger of a gateway."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "board")
        folder.mkdir()
        taken = ledger(write(of, Path(place, "model.cbm")), folder, romfs=romfs)
    assert taken > 0, "the gateway does not run, or raises no alert"
    return taken


def fit(parts: list[dict[str, int]], taken: list[int]) -> tuple[dict[str, float], float]:
    """Bytes of each part, and the worst relative error that they leave.

    Args:
        parts: of each gateway, as `Size.parts`.
        taken: bytes of heap of each.
    """
    names = sorted({name for one in parts for name in one})
    counts = np.array([[one.get(name, 0) for name in names] for one in parts], float)
    there = np.array(taken, float)
    found = np.linalg.lstsq(counts / there[:, None], np.ones(len(there)), rcond=None)[0].round(1)
    worst = np.abs(counts @ found / there - 1).max()
    return dict(zip(names, found.tolist(), strict=True)), float(worst)


def text(measured: Mapping[str, Mapping[str, float]], typical: Size) -> str:
    """The file `MEASURED`."""
    lines = ["# Bytes of heap, measured on a 32-bit VM: made by `tools/bench heap --write`, never by hand."]
    for table, values in measured.items():
        lines += ["", f"[{table}]", *(f"{name} = {value}" for name, value in values.items())]
    lines += [
        "",
        "# What ten simulated minutes of a bus of 50 ids teach every detector.",
        "[typical]",
        f"ids = {typical.ids}",
        f"checked_ids = {typical.checked_ids}",
        f"checks = {typical.checks}",
        f"crcs = {typical.crcs}",
        "",
        "[typical.sections]",
        *(f"{name} = {size}" for name, size in typical.sections.items()),
    ]
    return "\n".join(lines) + "\n"


HEADING = (
    "| with the fingerprint of 50 ids | heap | in ROMFS | Wemos D1 mini | ESP32 devkit | Raspberry Pi Pico |"
)
_BOARDS = ("wemos-d1-mini", "esp32-devkit", "pico")


def readme() -> Path:
    """The file that has the table for people."""
    return firmware.folder() / "README.md"


def shown() -> str:
    """That table, as `board_fit.table` has it now."""
    boards = [profiles.profile(name) for name in _BOARDS]
    lines = [HEADING, "|---|---|---|---|---|---|"]
    for row in board_fit.table(boards):
        heap = f"{row['ram_bytes']:,} | {row['romfs_ram_bytes']:,}"
        verdicts = " | ".join(str(row["boards"][name]) for name in _BOARDS)
        lines.append(f"| {', '.join(row['detectors']) or 'alone'} | {heap} | {verdicts} |")
    return "\n".join(lines) + "\n"


def store(measured: Mapping[str, Mapping[str, float]], typical: Size) -> None:
    """Write it, and the table for people."""
    MEASURED.write_text(text(measured, typical))
    board_cost.measured.cache_clear()
    write_table()


def write_table() -> None:
    """Put the table into the firmware's README, in the place of the one that is there."""
    before, _, rest = readme().read_text().partition(HEADING)
    readme().write_text(before + shown() + "\n" + rest.partition("\n\n")[2])
