"""A simulated vehicle on a simulated bus: its traffic, with clocks that drift, jitter and arbitration.

The vehicle (identifiers, clocks, layouts, `vehicle.py`) is the same for every seed; only the drive differs. Nothing here was
recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canbean.can.bus import arbitrate, frame_us, priority
from canbean.can.dbc import dbc_text
from canbean.can.driving import STEP_S, physical
from canbean.can.frames import SIMULATED, Frames
from canbean.can.vehicle import ECUS, MESSAGES, Ecu, Message, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["checksum", "crc8", "dbc_text", "drive", "physical"]

REPEATS, REPEAT_US = 3, 20_000
"""An event-driven message is sent this often, with this pause."""
IDLE_US = 5_000_000
"""It is sent once in this time besides, whether something happens or not."""


def drive(seconds: float, seed: int, start_s: float = 0.0) -> Frames:
    """The traffic of a simulated drive, clean, on the bus `simulated`; the same seed gives the same drive.

    A frame's time is when it ends on the bus, at 500 kbit/s; no two overlap.

    Args:
        seconds: length of the drive.
        seed: which drive.
        start_s: the log's clock at its start.
    """
    signals = physical(seconds, seed)
    rng = np.random.default_rng([0xB05, seed])
    boots = {ecu.name: rng.uniform(0, 0.01) for ecu in ECUS}
    parts = []
    for message in MESSAGES:
        ecu = next(ecu for ecu in ECUS if ecu.name == message.ecu)
        # The n-th message of a control unit is sent a little after the one before it.
        own = [m.id for m in MESSAGES if m.ecu == message.ecu].index(message.id)
        ready = _ready(
            message, ecu, signals, seconds=seconds, phase_s=boots[ecu.name] + 0.0011 * own, rng=rng
        )
        data = encode(message, signals, ready, int(rng.integers(16)))
        parts.append(Frames.of(ready, message.id, data, dlc=message.dlc))
    frames = Frames.concat(parts).in_time_order()
    length = frame_us(frames.dlc, frames.ext)
    end = arbitrate(frames.t_us, priority(frames.id, frames.ext), length)
    return frames.changed(t_us=end + round(start_s * 1e6), buses=(SIMULATED,)).in_time_order()


def _ready(
    message: Message,
    ecu: Ecu,
    signals: dict[str, NDArray[np.float64]],
    *,
    seconds: float,
    phase_s: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """When the frames of a message are ready to be sent, in microseconds, ascending."""
    rate = 1 + ecu.skew_ppm * 1e-6
    if message.period_ms:
        count = int((seconds - phase_s) * 1000 / (message.period_ms * rate)) + 1
        at = phase_s * 1e6 + np.arange(max(count, 0)) * message.period_ms * 1000.0 * rate
    else:
        changes = np.flatnonzero(np.diff(signals[message.trigger])) + 1
        first = changes * STEP_S * 1e6 + 500
        # The next change ends the repeats of the one before.
        upcoming = np.append(first[1:], np.inf)
        repeats = first[:, None] + np.arange(REPEATS) * REPEAT_US * rate
        idle = np.arange(phase_s * 1e6, seconds * 1e6, IDLE_US * rate)
        at = np.concatenate([repeats[repeats < upcoming[:, None] - 1000], idle])
    at = at + np.clip(rng.normal(0, ecu.jitter_us, len(at)), -3 * ecu.jitter_us, 3 * ecu.jitter_us)
    ready = np.sort(np.maximum(at, 0)).astype(np.int64)
    return ready[ready < seconds * 1e6]


def encode(
    message: Message, signals: dict[str, NDArray[np.float64]], ready_us: NDArray[np.int64], counter: int
) -> NDArray[np.uint8]:
    """uint8 (n, 8): the payloads of a message at the given times, its counter beginning at `counter`."""
    at = ready_us // round(STEP_S * 1e6)
    word = np.zeros(len(at), np.uint64)
    for signal in message.signals:
        word |= raw(signal, signals[signal.name][at]) << np.uint64(signal.start)
    if message.counter is not None:
        count = (np.arange(len(at)) + counter) % 16
        word |= count.astype(np.uint64) << np.uint64(message.counter)
    data = word.astype("<u8").view(np.uint8).reshape(-1, 8)
    if message.checksum:
        last = message.dlc - 1
        data[:, last] = checksum(message.checksum, data[:, :last])
    return data


def raw(signal: Signal, value: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The bits of a signal for physical values, clipped to what it can hold."""
    low, high = (
        (-(1 << (signal.length - 1)), (1 << (signal.length - 1)) - 1)
        if signal.signed
        else (0, (1 << signal.length) - 1)
    )
    whole = np.clip(np.rint((value - signal.offset) / signal.scale), low, high).astype(np.int64)
    return whole.astype(np.uint64) & np.uint64((1 << signal.length) - 1)


def checksum(kind: str, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (n,): the checksum of each row: `xor`, `sum` (modulo 256) or `crc8`."""
    if kind == "xor":
        return np.asarray(np.bitwise_xor.reduce(data, axis=1), np.uint8)
    if kind == "sum":
        return np.asarray(data.sum(axis=1) & 0xFF, np.uint8)
    return crc8(data)


def _table() -> NDArray[np.uint8]:
    """The remainder of each byte by the polynomial 11D."""
    value = np.arange(256, dtype=np.int64)
    for _ in range(8):
        value = (value << 1) ^ np.where(value & 0x80, 0x11D, 0)
    return value.astype(np.uint8)


CRC8 = _table()


def crc8(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (n,): CRC-8 SAE J1850 of each row (polynomial 1D, initial FF, final FF; check value 4B for `123456789`)."""
    value = np.full(len(data), 0xFF, np.uint8)
    for column in data.T:
        value = CRC8[value ^ column]
    return value ^ np.uint8(0xFF)
