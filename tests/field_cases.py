"""Payloads with known fields, for tests."""

import numpy as np

from canbean.can.frames import Frames
from canbean.can.vehicle import MESSAGES
from canbean.detect.bitflips import significance

ENUMERATION_BITS = 4
"""A signal of the simulated vehicle with at most so many bits is a state."""


def put(data, positions, value):
    """Write (m,) values into (m, bytes) payloads, the first position the least significant."""
    for weight, position in enumerate(positions):
        bit = (np.asarray(value).astype(np.int64) >> weight & 1).astype(np.uint8)
        data[:, position // 8] &= np.uint8(~(1 << position % 8) & 0xFF)
        data[:, position // 8] |= bit << np.uint8(position % 8)
    return data


def run_of(lowest, length, order, size=8):
    """The bits of a field from its least significant one, or None where it does not fit."""
    line = significance(size, order)
    at = line.index(lowest)
    return tuple(line[at : at + length]) if at + length <= len(line) else None


def frames_of(data, key=0x123, period_us=10_000):
    """Frames of one id with the given payloads."""
    wide = np.zeros((len(data), 8 if data.shape[1] <= 8 else 64), np.uint8)
    wide[:, : data.shape[1]] = data
    return Frames.of(np.arange(len(data)) * period_us, key, wide, dlc=data.shape[1])


def vehicle_truth():
    """By id, what kind of field each bit of the simulated vehicle's messages is."""
    truth = {}
    for message in MESSAGES:
        kinds = ["constant"] * (8 * message.dlc)
        for signal in message.signals:
            kind = "enumeration" if signal.length <= ENUMERATION_BITS else "physical"
            kinds[signal.start : signal.start + signal.length] = [kind] * signal.length
        if message.counter is not None:
            kinds[message.counter : message.counter + 4] = ["counter"] * 4
        if message.checksum:
            kinds[-8:] = ["checksum"] * 8
        truth[message.id] = kinds
    return truth
