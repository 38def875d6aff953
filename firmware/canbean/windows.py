# What the bus does in a window of time, by a mixture of Gaussians: how many frames and ids, how long a silence, how
# much payloads change. The plain twin of the host's detect/detectors/mixture.py, which has the layout of WNDW.
import struct
from array import array

from . import const
from .alert import unbucket
from .bucket import bucket
from .bus import elapsed
from .mixture import Mixture

_HEADER = const(40)
_FEATURES = const(5)
_ONES = const(b"\x00\x01\x01\x02\x01\x02\x02\x03\x01\x02\x02\x03\x02\x03\x03\x04")


class Detector:
    def __init__(self, model, fingerprint):
        head = struct.unpack("<HBBHBBIHHHH", model.part("WNDW", 0, 20))
        self.threshold, self.need, self.of, n, features, _, self.window = head[:7]
        self.edge, self.base, self.slope = head[7:10]
        if n != fingerprint.n or features != _FEATURES or not 0 < self.window <= 100000000:
            raise ValueError("section WNDW does not hold what it says")
        self.n = n
        self.centre = array("h", model.part("WNDW", 20, 2 * _FEATURES))
        self.scale = array("H", model.part("WNDW", 20 + 2 * _FEATURES, 2 * _FEATURES))
        at = _HEADER + (n + 3 & ~3)
        self.usual = model.part("WNDW", _HEADER, n)
        self.mixture = Mixture(model.part("WNDW", at, model.size("WNDW") - at))
        if self.mixture.features != _FEATURES or not min(self.scale):
            raise ValueError("section WNDW has a mixture of something else")
        self.folds = bytearray(n)  # the bytes of an id's last payload, exclusive-ored
        self.counts = bytearray(n)  # frames of an id in this window
        self.x = array("h", bytes(2 * _FEATURES))
        self.about = array("i", bytes(4 * _FEATURES))  # what the features were made of
        self.reset()

    def reset(self):
        self.blamed = -1
        self.forget()

    def forget(self):
        self.start_s = -1
        for i in range(self.n):
            self.folds[i] = 0

    def begin(self, s, us):
        self.start_s = self.last_s = s
        self.start_us = self.last_us = us
        self.frames = self.known = self.ids = self.flips = self.silence = self.changes = 0
        for i in range(self.n):
            self.counts[i] = 0

    def frame(self, s, us, slot, code, data):  # noqa: ARG002 - every detector is called so
        bits = -1
        since = elapsed(s, us, self.start_s, self.start_us) if self.start_s >= 0 else -1
        if since >= self.window:
            bits = self.judge()
        if since < 0 or since >= self.window:
            self.begin(s, us)
        self.silence = max(self.silence, elapsed(s, us, self.last_s, self.last_us))
        self.last_s = s
        self.last_us = us
        self.frames += 1
        if slot < self.n:
            self.known += 1
            if not self.counts[slot]:
                self.ids += 1
            if self.counts[slot] < 255:
                self.counts[slot] += 1
            fold = data[0] ^ data[1] ^ data[2] ^ data[3] ^ data[4] ^ data[5] ^ data[6] ^ data[7]
            flipped = fold ^ self.folds[slot]
            if flipped:
                self.folds[slot] = fold
                self.flips += _ONES[flipped & 15] + _ONES[flipped >> 4]
                self.changes += 1
        return bits

    def judge(self):
        about = self.about
        known = bucket(self.known)
        self.of_known = self.known
        about[0] = self.frames
        about[1] = self.ids
        about[2] = self.silence
        about[3] = self.flips
        about[4] = self.changes
        for i in range(_FEATURES):
            x = bucket(about[i]) if i < 3 else bucket(about[i] + 1) - known
            x = (x - self.centre[i]) * self.scale[i] >> 6
            self.x[i] = max(min(x, 32767), -32767)
        raw = self.mixture.predict(self.x)
        self.blamed = -1
        if raw <= self.edge:
            return 0
        self.find()
        return min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)

    # The nearest component, the feature that deviates most from it, and the id that it may be about.
    def find(self):
        mixture = self.mixture
        component = 0
        for k in range(mixture.count):
            if mixture.bits[k] < mixture.bits[component]:
                component = k
        at = component * _FEATURES
        most = -1
        for i in range(_FEATURES):
            d = self.x[i] - mixture.means[at + i]
            d = ((d if d >= 0 else -d) * mixture.multipliers[at + i] >> mixture.shifts[at + i] - 1) + 1 >> 1
            if d > most:
                most = d
                self.leading = i
        self.mean = mixture.means[at + self.leading]
        if self.leading < 2:
            sign = 1 if self.x[self.leading] >= self.mean else -1
            most = 0
            for i in range(self.n):
                d = sign * (self.counts[i] - self.usual[i])
                if d > most:
                    most = d
                    self.blamed = i

    # Kind, what was expected and what was seen, of the window that was judged last.
    def words(self):
        i = self.leading
        mean = self.centre[i] + (self.mean << 6) // self.scale[i]
        if i > 2:
            mean += bucket(self.of_known)
        mean = unbucket(max(min(mean, 1919), 0)) - (1 if i > 2 else 0)
        kind = ("bus-load", "rate", "rate", "payload", "payload")[i]
        what = ("frames", "ids", "us of silence", "changed bits of folded payloads", "changed payloads")[i]
        expected = "about %d %s in %d us" % (mean, what, self.window)
        return kind, expected, "%d %s" % (self.about[i], what)
