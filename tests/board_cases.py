"""The board's half of the serial line in memory: the firmware's own files around a watch that notes frames."""

import importlib.util
import random
import shutil
import struct

import numpy as np
from hypothesis import strategies as st

from canbean.board.firmware import folder, module
from canbean.can.frames import ERR, FD, LENGTHS, RTR, Frames
from command_cases import command

ALERT_EVERY = 7


def driver(name):
    """A module of firmware/drivers."""
    spec = importlib.util.spec_from_file_location(
        f"canbean_driver_{name}", folder() / "drivers" / f"{name}.py"
    )
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def told(s, us, *rest):
    """The pairs of a stand-in's alert: its time, and how many frames there had been."""
    return ("t", b"%d.%06d" % (s, us)), ("n", rest[-1])


class Recorder:
    """A watch that notes its frames and raises an alert at every seventh."""

    def __init__(self, lines):
        self.lines = lines
        self.reset()

    def reset(self, base=0):
        self.base = base
        self.seen = []
        self.alerts = 0

    def frame(self, records, at):
        s, low, code, key = struct.unpack_from("<IHBI", records, at)
        us, code, flags, key = low | (code & 15) << 16, code >> 4, key >> 30, key & 0x3FFFFFFF
        # a remote frame carries no data
        count = 0 if flags == 2 else min(code, 8)
        data = bytes(records[at + 11 : at + 11 + count]).ljust(8, b"\0")
        self.seen.append((self.base + s, us, key, flags, code, data))
        if len(self.seen) % ALERT_EVERY == 0:
            self.alerts += 1
            self.lines.alert(told, (self.base + s, us, None, "", ("dlc", "", ""), 0, 0, 1, len(self.seen)))


def noisy(data, rate, dice):
    """Bytes after a bad line: each flipped, dropped or doubled with a probability of `rate`."""
    out = bytearray()
    for byte in data:
        if dice.random() >= rate:
            out.append(byte)
            continue
        harm = dice.randrange(3)
        if harm == 0:
            out.append(byte ^ 1 << dice.randrange(8))
        elif harm == 1:
            out += bytes((byte, byte))
    return bytes(out)


class MemoryBoard:
    """A gateway in this process that looks like an opened pyserial port; its clock stands still but for reads."""

    NAME = "memory"
    CHUNK = 64

    def __init__(self, window=120, rate=0.0, seed=0, kept=16):
        self.KEPT = kept
        self.WINDOW = window
        self.rate = rate
        self.dice = random.Random(seed)
        self.now = 0.0
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.console = module("console").Console(self, "gateway")
        self.watch = Recorder(self.console.lines)
        self.feed = driver("feed").Feed(self.console.lines, window, self.watch)
        self.console.model = "0123456789abcdef"
        self.console.refused = None
        self.console.idle = self.feed.idle
        self.console.counts = lambda: ()
        hello = command("hello")
        self.console.commands["hello"] = lambda words: hello.run(self, words)
        self.console.link.on_packet = self.feed.packet

    # what firmware/boards gives an application

    def ticks_ms(self):
        return int(self.now * 1000)

    def heap_free(self):
        return None

    def open_serial(self):
        return None, self._take, self.outgoing.extend

    def _take(self, buffer):
        n = min(len(buffer), len(self.incoming))
        buffer[:n] = self.incoming[:n]
        del self.incoming[:n]
        return n

    # what pyserial gives the host

    @property
    def in_waiting(self):
        return len(self.outgoing)

    def read(self, size):
        while self.console.link.poll():
            pass
        self.console.idle()
        self.now += 0.002 if self.outgoing else 0.02
        data = noisy(self.outgoing, self.rate, self.dice)
        self.outgoing.clear()
        return data

    def write(self, data):
        self.incoming += noisy(data, self.rate, self.dice)
        return len(data)

    def close(self):
        pass

    def clock(self):
        """Seconds."""
        return self.now


def as_seen(frames):
    """What a watch must see of frames."""
    kinds = np.where(frames.flags & ERR, 3, np.where(frames.flags & RTR, 2, frames.flags & FD))
    codes = [int(np.flatnonzero(n == LENGTHS)[0]) for n in frames.dlc]
    columns = (frames.t_us, frames.key, kinds, codes, frames.data)
    return [
        (int(t) // 1_000_000, int(t) % 1_000_000, int(key), int(kind), code, data[:8].tobytes())
        for t, key, kind, code, data in zip(*columns, strict=True)
    ]


def random_frames(n, seed=0, start_s=0):
    """Frames with everything a packet can hold; zero past their length, as `Frames` promises."""
    rng = np.random.default_rng(seed)
    ext = rng.integers(0, 2, n).astype(bool)
    flags = rng.choice([0, 0, 0, FD, RTR, ERR], n)
    dlc = np.where(flags == FD, rng.choice(LENGTHS, n), rng.integers(0, 9, n))
    data = rng.choice([0, 0, 1, 10, 13, 255, 65], (n, 64)).astype(np.uint8)
    data[(np.arange(64) >= dlc[:, None]) | (flags == RTR)[:, None]] = 0
    return Frames(
        t_us=(start_s + np.sort(rng.integers(0, 1 << 30, n))) * 1_000_000 + rng.integers(0, 1_000_000, n),
        id=np.where(ext, rng.integers(0, 1 << 29, n), rng.integers(0, 1 << 11, n)),
        ext=ext,
        flags=flags,
        dlc=dlc,
        data=data,
        bus=np.zeros(n, np.uint8),
        label=np.zeros(n, np.int16),
    )


frames_strategy = st.builds(random_frames, st.integers(0, 300), st.integers(0, 1 << 20))

MODEL = """
class Model:
    def __init__(self, path, app, known):
        # the application drops it, as after the true one
        from . import verify
        with open(path) as file:
            text = file.read()
        if not text.startswith("good"):
            raise ValueError("the model is damaged: its digest differs")
        self.digest = "0123456789abcdef"
        self.sections = {"FEAT": (0, 0)}
    def read(self, tag):
        return b""
    def golden(self):
        return ()
    def close(self):
        pass
"""
WATCH = """
SECTIONS = ()
def told(s, us, *_):
    return ("t", b"%d.%06d" % (s, us)), ("n", _[-1])
class Fingerprint:
    novelty = None
class Watch:
    checks = rules = filters = None
    windows = ()
    def __init__(self, model, lines):
        self.fingerprint = Fingerprint()
        self.lines = lines
        self.unscored = 0
        self.reset()
    def golden(self, model):
        pass
    def reset(self, base=0):
        self.base = base
        self.frames = self.alerts = 0
    def frame(self, records, at):
        s = int.from_bytes(records[at : at + 4], "little")
        us = int.from_bytes(records[at + 4 : at + 7], "little") & 0xFFFFF
        self.frames += 1
        if self.frames == 13:
            raise OSError("detector stumbled")
        if self.frames % 7 == 0:
            self.alerts += 1
            self.lines.alert(told, (self.base + s, us, None, "", ("dlc", "", ""), 0, 0, 1, self.frames))
"""
REGRESSOR = """
class Regressor:
    channels = 2
    def __init__(self, sections):
        pass
    def predict(self, values):
        return values[0] * 256 + values[1]
"""


def stand_in(target):
    """The firmware with a model, a watch and a regressor that only show that they were called."""
    shutil.copytree(folder(), target, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in (("model", MODEL), ("watch", WATCH), ("regressor", REGRESSOR)):
        (target / "canbean" / f"{name}.py").write_text(text)
    return target
