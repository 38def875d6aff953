# What the bus does in a window of time, by a mixture of Gaussians: how many frames and ids, how long a silence, how
# much payloads change. The plain twin of the host's detect/detectors/mixture.py, which has the layout of WNDW.
import struct
from array import array

from . import const
from .bucket import bucket
from .mixture import Mixture

try:
    from .windows_viper import follow
except Exception:
    # as in dense.py: no native code here
    from .windows_plain import follow

_HEADER = const(40)
_FEATURES = const(5)
# `state`: limits of the window, its last frame, and its totals: frames, ids, the longest silence, changed bits, changed
# payloads, and frames of known ids
_WINDOW = const(0)
_START_S = const(1)
_START_US = const(2)
_LAST_S = const(3)
_LAST_US = const(4)
_TOTALS = const(5)
_IDS = const(6)
_SILENCE = const(7)
_FLIPS = const(8)
_CHANGES = const(9)
_KNOWN = const(10)
_STATE = const(11)


class Detector:
    def __init__(self, model, fingerprint, kernel=follow):
        head = struct.unpack("<HBBHBBIHHHH", model.part("WNDW", 0, 20))
        self.threshold, self.need, self.of, n, features, _, window = head[:7]
        self.edge, self.base, self.slope = head[7:10]
        if n != fingerprint.n or features != _FEATURES or not 0 < window <= 100000000:
            raise ValueError("section WNDW does not hold what it says")
        self.n = n
        self.centre = array("h", model.part("WNDW", 20, 2 * _FEATURES))
        self.scale = array("H", model.part("WNDW", 20 + 2 * _FEATURES, 2 * _FEATURES))
        at = _HEADER + (n + 3 & ~3)
        self.mixture = Mixture(model.place("WNDW", at, model.size("WNDW") - at))
        if self.mixture.features != _FEATURES or not min(self.scale):
            raise ValueError("section WNDW has a mixture of something else")
        self.kernel = kernel
        self.fingerprint = fingerprint
        self.state = array("i", bytes(4 * _STATE))
        self.state[_WINDOW] = window
        # of each id: the bytes of its last payload, exclusive-ored; its frames in this window, and in a usual one
        self.tables = bytearray(2 * n) + model.part("WNDW", _HEADER, n)
        self.x = array("h", bytes(2 * _FEATURES))
        self.about = array("i", bytes(4 * _FEATURES))  # what the features were made of
        self.reset()

    def reset(self):
        self.blamed = -1
        self.forget()

    def forget(self):
        self.state[_START_S] = -1
        for i in range(self.n):
            self.tables[i] = 0

    def judge(self, breathe):
        state = self.state
        self.of_known = state[_KNOWN]
        known = bucket(self.of_known)
        for i in range(_FEATURES):
            x = self.about[i] = state[_TOTALS + i]
            x = bucket(x) if i < 3 else bucket(x + 1) - known
            x = (x - self.centre[i]) * self.scale[i] >> 6
            self.x[i] = max(min(x, 32767), -32767)
        raw = self.mixture.predict(self.x, breathe)
        self.blamed = -1
        bits = 0
        if raw > self.edge:
            self.find()
            bits = min(self.base + ((raw - self.edge) * self.slope >> 6), 1024)
        # the next window begins with this frame
        state[_START_S] = -1
        self.kernel(self.fingerprint.now, self.fingerprint.octets, state, self.tables)
        return bits

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
                d = sign * (self.tables[self.n + i] - self.tables[2 * self.n + i])
                if d > most:
                    most = d
                    self.blamed = i

    # Kind, what was expected and what was seen, of the window that was judged last.
    def words(self):
        from .said import unbucket

        i = self.leading
        mean = self.centre[i] + (self.mean << 6) // self.scale[i]
        if i > 2:
            mean += bucket(self.of_known)
        mean = unbucket(max(min(mean, 1919), 0)) - (1 if i > 2 else 0)
        kind = ("bus-load", "rate", "rate", "payload", "payload")[i]
        what = ("frames", "ids", "us of silence", "changed bits of folded payloads", "changed payloads")[i]
        expected = "about %d %s in %d us" % (mean, what, self.state[_WINDOW])
        return kind, expected, "%d %s" % (self.about[i], what)
