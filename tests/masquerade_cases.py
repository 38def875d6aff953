"""Lies about one physical signal on a simulated drive: the true frames at their own times, counters and checksums kept right.

And detectors of windows alone, without the rest of a watch: what they are given, and the alerts they raise.
"""

import numpy as np

from canbean.can import simulate
from canbean.can.driving import physical
from canbean.can.vehicle import MESSAGES
from canbean.detect.alerts import Alert
from canbean.detect.fingerprint import epochs, rows_of
from canbean.detect.windows import Clean, Traffic

KINDS = ("plateau", "ramp", "constant", "replay")
ALONE = ("Light", "BrakeTemperature")
"""Signals that follow nothing that another id says at the moment: no relation can tell a lie about them."""
PERIOD_MS = 50
"""Ids that come at least so often: with a frame every 100 ms an event falls apart into single frames."""
LIE = 0.1
"""A lie is off by more than this share of the signal's range, in at least half of the frames."""
LEARNED_SHARE, SLEEP_US = 0.6, 1_000_000
STEPS = 20
"""A signal that does not even move so many steps in a drive is no physical value to lie about."""


def value(word, signal):
    """Raw values of a signal in payloads as 64-bit words."""
    raw = (word >> np.uint64(signal.start) & np.uint64((1 << signal.length) - 1)).astype(np.int64)
    half = 1 << (signal.length - 1)
    return (raw ^ half) - half if signal.signed else raw


def inside(word, mask, other):
    """Payloads with the masked bits of others."""
    mask = np.uint64(mask)
    return (word & ~mask) | (other & mask)


class Liar:
    """Draws lies on one simulated drive.

    Args:
        seconds, seed: of the drive.
        alone: whether signals that nothing tells are lied about too.
    """

    def __init__(self, seconds, seed, alone=True):
        self.seconds, self.seed = seconds, seed
        self.clean = simulate.drive(seconds, seed)
        self.signals = physical(seconds, seed)
        self.targets = [
            (message, signal)
            for message in MESSAGES
            for signal in message.signals
            if 0 < message.period_ms <= PERIOD_MS
            and signal.length > 4
            and np.ptp(self.signals[signal.name]) > STEPS * signal.scale
            and (alone or signal.name not in ALONE)
        ]

    def lies(self, message, signal, true, told):
        """Whether payloads tell something else of a signal than the true ones."""
        wide = np.ptp(self.signals[signal.name]) / signal.scale
        return np.mean(np.abs(value(told, signal) - value(true, signal)) > LIE * wide) >= 0.5

    def told(self, kind, target, true, start_us, rng):
        """Payloads that lie, or None where this one would tell the truth."""
        message, signal = target
        signals = [signal]
        if kind == "replay":
            back = start_us - int(rng.uniform(10, 25) * 1e6)
            rows = np.flatnonzero((self.clean.key == message.id) & (self.clean.t_us >= back))[: len(true)]
            told = self.clean.data[rows].view("<u8")[:, 0].copy()
            signals = [other for owner, other in self.targets if owner is message]
        else:
            first = value(true, signal)[0] * signal.scale + signal.offset
            drawn = rng.choice(self.signals[signal.name])
            share = np.arange(len(true)) / len(true)
            new = {"plateau": first, "ramp": first + (drawn - first) * share, "constant": drawn}[kind]
            raw = simulate.raw(signal, np.broadcast_to(new, len(true)))
            told = inside(true, (1 << signal.length) - 1 << signal.start, raw << np.uint64(signal.start))
        if message.counter is not None:
            told = inside(told, 15 << message.counter, true)
        return told if any(self.lies(message, one, true, told) for one in signals) else None

    def attacked(self, kind, draw=0, every_s=20.0):
        """The drive with a lie of 5 to 10 s in each turn, labelled, and (message, signal) of each."""
        rng = np.random.default_rng([0x11A, draw, self.seed, KINDS.index(kind)])
        data, label = self.clean.data.copy(), self.clean.label.copy()
        made = []
        for turn in np.arange(30.0, self.seconds - every_s, every_s):
            for _ in range(200):
                message, signal = self.targets[rng.integers(len(self.targets))]
                start_us = int((turn + rng.uniform(0, 8)) * 1e6)
                until_us = start_us + int(rng.uniform(5, 10) * 1e6)
                within = (self.clean.t_us >= start_us) & (self.clean.t_us < until_us)
                rows = np.flatnonzero(within & (self.clean.key == message.id))
                told = self.told(kind, (message, signal), data[rows].view("<u8")[:, 0], start_us, rng)
                if told is not None:
                    break
            else:
                continue
            payload = told.astype("<u8").view(np.uint8).reshape(-1, 8)
            if message.checksum:
                last = message.dlc - 1
                payload[:, last] = simulate.checksum(message.checksum, payload[:, :last])
            data[rows], label[rows] = payload, 1
            made.append((message, signal))
        return self.clean.changed(data=data, label=label, labels=("", kind)), made


def traffic_of(frames, keys=None):
    """Frames as detectors are given them."""
    frames = frames[(frames.flags & 0b110) == 0].in_time_order()
    keys = np.unique(frames.key) if keys is None else keys
    return Traffic(frames, rows_of(keys, frames.key), epochs(frames.t_us, SLEEP_US), keys)


def clean_of(frames, seed=0):
    """A clean log, its last 40 % held back."""
    traffic = traffic_of(frames)
    steps = np.diff(traffic.frames.t_us, prepend=traffic.frames.t_us[:1])
    awake = np.cumsum(np.where((steps > 0) & (steps < SLEEP_US), steps, 0))
    later = awake >= LEARNED_SHARE * awake[-1]
    return Clean(traffic, later, float(awake[-1] - awake[later][0]) / 3.6e9, seed)


def alerts_of(detector, name, traffic):
    """The alerts of a detector."""
    said = detector.judge(traffic)
    out = []
    for window in np.flatnonzero(detector.gate.opens(said.bits, traffic.epoch[said.at])).tolist():
        row, bits = int(said.blamed[window]), int(said.bits[window])
        key = int(traffic.keys[row]) if row >= 0 else None
        words = said.words(window)
        t_us = int(traffic.frames.t_us[said.at[window]])
        out.append(
            Alert(t_us, key, 0, name, words[0], bits, detector.gate.threshold, *words[1:], "low", 1, 0)
        )
    return out
