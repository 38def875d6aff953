# Detectors that judge windows, each behind its gate; they are loaded only where the model has their section.
# The plain twin of `Gate` in the host's detect/windows.py.

# section: module here, name in alerts
DETECTORS = {
    "CLCK": ("drift", "clock"),
    "LSTW": ("lstm_watch", "lstm"),
    "ORDR": ("order", "sequence"),
    "VAEW": ("vae_watch", "vae"),
    "WNDW": ("windows", "mixture"),
}


class Gated:
    def __init__(self, name, detector):
        self.name = name
        self.detector = detector
        self.threshold = detector.threshold
        self.need = detector.need
        self.last = (1 << detector.of) - 1
        self.reset()

    def reset(self):
        self.passed = 0
        self.bits = -1
        self.detector.reset()

    # Takes a frame: whether an alert is to be raised with it. `woke`: the bus had slept.
    def judge(self, woke, s, us, slot, code, data):
        if woke:
            self.passed = 0
            self.detector.forget()
        bits = self.bits = self.detector.frame(s, us, slot, code, data)
        if bits < 0:
            return False
        self.passed = (self.passed << 1) & self.last
        if bits < self.threshold:
            return False
        self.passed |= 1
        count = 0
        left = self.passed
        while left:
            count += left & 1
            left >>= 1
        return count >= self.need


def load(model, fingerprint):
    found = []
    for tag in sorted(DETECTORS):
        if tag in model.sections:
            module, name = DETECTORS[tag]
            package = __import__("%s.%s" % (__name__.rsplit(".", 1)[0], module), None, None, ("Detector",))
            found.append(Gated(name, package.Detector(model, fingerprint)))
    return found
